// SPDX-License-Identifier: Apache-2.0
// Plans as text. `Plan(parsing:)` reads it back to an equal plan.

import TensorCore

extension Plan: CustomStringConvertible {
  /// The `.plan` text: one declaration a line, arrays in order, indices shown for the reader.
  package var description: String {
    var lines = ["plan \(quoted(name))"]
    for item in metadata { lines.append("metadata \(quoted(item.key)) \(quoted(item.value))") }
    for symbol in symbols {
      lines.append("symbol \(symbol.name) \(symbol.range.lowerBound)...\(symbol.range.upperBound)"
        + (symbol.bound.map { " up to \($0)" } ?? ""))
    }
    for (index, port) in inputs.enumerated() { lines.append("input \(index) \(quoted(port.name)) \(port.type)") }
    for (index, port) in outputs.enumerated() { 
      lines.append(
        "output \(index) \(quoted(port.name)) \(port.type)" + (port.capacity.map { " room for \($0)" } ?? ""))
    }
    lines.append("weights \(weightsByteCount)")
    for (index, constant) in constants.enumerated() {
      lines.append(
        "constant \(index) \(quoted(constant.name)) \(constant.type) at \(constant.offset) bytes \(constant.byteCount)"
          + (constant.packing.map { " packed \(quoted($0))" } ?? ""))
    }
    for (index, buffer) in buffers.enumerated() {
      let below = buffer.below.isEmpty ? "" : " above " + buffer.below.map { "\($0)" }.joined(separator: ", ")
      lines.append(
        "buffer \(index) \(quoted(buffer.name)) bytes \(buffer.byteCount) live "
          + "\(buffer.firstStep) to \(buffer.lastStep)\(below)")
    }
    for (index, kernel) in kernels.enumerated() { lines.append("kernel \(index) \(quoted(kernel))") }
    for (index, step) in steps.enumerated() { lines.append("step \(index) \(step)") }
    for variant in variants {
      let sizes = variant.sizes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      lines.append("variant from \(variant.firstStep) sizes (\(sizes.joined(separator: ", ")))")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Plan.Step: CustomStringConvertible {
  package var description: String {
    let references = buffers.map(\.description).joined(separator: ", ")
    switch control {
    case .loop(let body, let counter, let count, let limit, let condition, let next):
      return "loop \(body) counter \(counter)" + (count.map { " count \($0)" } ?? "") + (limit ? " limit" : "")
        + (condition ? " condition" : "") + (next ? " next" : "")
        + " (\(references)) times \(tiles) label \(quoted(label))"
    case .branch(let then, let otherwise):
      return "branch \(then) else \(otherwise) (\(references)) label \(quoted(label))"
    case .size(let symbol): return "size \(symbol) (\(references)) label \(quoted(label))"
    case nil: break
    }
    return "kernel \(kernel) (\(references)) "
      + "sizes (\(sizes.map(\.description).joined(separator: ", "))) tiles \(tiles) "
      + "nanoseconds \(nanosecondsPerTile) scratch \(scratchBytes) label \(quoted(label))"
  }
}

extension Plan.Reference: CustomStringConvertible {
  package var description: String { byteOffset == 0 ? "\(space)" : "\(space) at \(byteOffset)" }
}

extension Plan.Space: CustomStringConvertible {
  package var description: String {
    switch self {
    case .arena(let index): "arena \(index)"
    case .constant(let index): "constant \(index)"
    case .input(let index): "input \(index)"
    case .output(let index): "output \(index)"
    }
  }
}

/// A string in double quotes; quotes, backslashes and control characters are escaped.
private func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case _ where scalar.value < 0x20 || scalar.value == 0x7F:
      result += "\\u{\(String(scalar.value, radix: 16))}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
