// SPDX-License-Identifier: Apache-2.0
// Named sizes from the shapes of inputs.

import GraphIR
import GraphSupport
import TensorCore

/// The named sizes of a model for inputs in order; room for sizes that a run finds is as small as it can be. Throws with
/// every input that does not fit, and what all should be.
package func bindSizes(
  _ ports: [(name: String, type: TensorType)], _ inputs: [Tensor], ranges: [String: ClosedRange<Int>]
) throws -> [String: Int] {
  let listing = "the inputs are " + ports.map { "'\($0.name)' \($0.type)" }.joined(separator: ", ")
  guard ports.count == inputs.count else {
    throw DiagnosticsError([
      Diagnostic(
        .error, "input-count", "the model has \(ports.count) input\(ports.count == 1 ? "" : "s"), found \(inputs.count)",
        notes: [Diagnostic.Note(listing)])
    ])
  }
  var dims: [String: Int] = [:]
  // Plain names first; arithmetic over them is checked afterwards.
  for (port, tensor) in zip(ports, inputs) where port.type.rank == tensor.shape.count {
    for (dim, size) in zip(port.type.shape, tensor.shape) {
      if let symbol = dim.symbols.first, dim == Dim(symbol: symbol), dims[symbol] == nil { dims[symbol] = size }
    }
  }
  var findings: [String] = []
  for (port, tensor) in zip(ports, inputs) {
    let wanted = port.type.shape.map { $0.evaluate(dims) }
    if tensor.dtype != port.type.dtype || wanted != tensor.shape.map({ Optional($0) }) {
      findings.append("input '\(port.name)' is \(port.type), found \(tensor.type)")
    }
  }
  for (name, range) in ranges.sorted(by: { $0.key < $1.key }) {
    guard let size = dims[name] else {
      if Symbol.isRoom(name) {
        dims[name] = range.lowerBound
        continue
      }
      findings.append("the size '\(name)' does not follow from the inputs")
      continue
    }
    if !range.contains(size) { findings.append("\(name) = \(size) is outside its range \(range.lowerBound)..\(range.upperBound)") }
  }
  if !findings.isEmpty {
    throw DiagnosticsError(
      findings.map { Diagnostic(.error, "input-type", $0, notes: [Diagnostic.Note(listing)]) })
  }
  return dims
}

/// Named sizes as text: `h = 1, w = 1`.
func sizeList(_ dims: [String: Int]) -> String {
  dims.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }.joined(separator: ", ")
}
