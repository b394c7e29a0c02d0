// SPDX-License-Identifier: Apache-2.0
// Writes a part of a model as a `.graph` file of its own, with its constants and inputs.

import GraphIR
import GraphSupport
import TensorCore
import TensorFiles

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A part that differs, as files that show the same.
package struct Reproducer {
  private let part: GraphPart
  private let inputs: [Tensor]
  private let whole: Graph
  private var weights: [(name: String, tensor: Tensor)] = []
  private var lines: [String] = []
  private var names: [ValueID: (box: String, port: String?)] = [:]

  package init(_ difference: PartDifference, of graph: Graph) {
    part = difference.part
    inputs = difference.inputs
    whole = graph
  }

  /// Writes `repro.graph`, `repro.safetensors` and `inputs.npz` into a folder, which is made when it is missing, and
  /// returns the command that shows the difference.
  package mutating func write(to folder: String) throws -> String {
    let text = try graphText()
    if mkdir(folder, 0o777) != 0 && errno != EEXIST {
      throw SystemFailure.diagnostics("file-write", "cannot make the folder", folder)
    }
    let model = "\(folder)/repro.graph"
    if !weights.isEmpty { try writeTensors(weights, to: "\(folder)/repro.safetensors") }
    try AtomicFile.write(text, to: model)
    guard !inputs.isEmpty else { return "lamina compare \(model)" }
    let named = zip(part.inputs, inputs).map { (name: GraphPart.inputName($0), tensor: $1) }
    try writeTensors(named, to: "\(folder)/inputs.npz")
    return inputs.count == 1
      ? "lamina compare \(model) --input \(folder)/inputs.npz:\(named[0].name)"
      : "lamina compare \(model) --input \(folder)/inputs.npz"
  }

  private mutating func graphText() throws -> String {
    let graph = part.graph
    for id in graph.inputs {
      let name = graph[id].name ?? "x"
      let type = graph.type(id)
      names[id] = (name, nil)
      lines.append("    \(name)[\"Input(\((type.shape.map(\.description) + [type.dtype.name]).joined(separator: ", ")))\"]")
    }
    for (number, node) in graph.nodes.enumerated() {
      if let constant = node.operation as? Constant {
        constantBox("w\(number)", constant.value.tensor, node.results[0])
      } else {
        try operatorBox(node, number)
      }
    }
    // Title and place say where it comes from.
    var header = ["title: repro"]
    if !weights.isEmpty { header.append("weights: repro.safetensors") }
    let ranges = graph.symbols.map { "\($0.name): \($0.range.lowerBound)..\($0.range.upperBound)" }
    if !ranges.isEmpty { header.append("dims: {\(ranges.joined(separator: ", "))}") }
    let origin = part.origin.location.map { " of \($0)" } ?? ""
    return "---\n\(header.joined(separator: "\n"))\n---\ngraph TD\n    %% '\(part.origin.path)'\(origin)\n"
      + lines.joined(separator: "\n") + "\n"
  }

  private mutating func constantBox(_ name: String, _ tensor: Tensor, _ value: ValueID) {
    weights.append((name, tensor))
    names[value] = (name, nil)
    let arguments = tensor.shape.map(String.init) + [tensor.dtype.name]
    lines.append("    \(name)[\"Parameter(\(arguments.joined(separator: ", ")))\"]")
  }

  private mutating func operatorBox(_ node: Node, _ number: Int) throws {
    let type = Swift.type(of: node.operation)
    let arguments: [String]
    do throws(TypeError) {
      arguments = try argumentTexts(node.operation, runtimeSizes: part.graph.runtimeSizes)
    } catch {
      throw DiagnosticsError("cannot-reproduce", error.message)
    }
    // The output keeps the name that the report uses.
    let result = node.results.count == 1 ? part.graph.outputs.first { $0.value == node.results[0] }?.name : nil
    let box = result ?? "n\(number)"
    lines.append("    \(box)[\"onnx.\(type.name)(\(arguments.joined(separator: ", ")))\"]")
    for (place, operand) in node.operands.enumerated() {
      guard let operand, let source = names[operand] else { continue }
      let slot = place < type.operands.count ? type.operands[place] : type.operands.last
      let operandName = slot?.kind == .variadic ? "" : slot?.name ?? ""
      let label = source.port.map { "\($0):\(operandName)" } ?? operandName
      lines.append("    \(source.box) -->\(label.isEmpty ? "" : "|\(label)|") \(box)")
    }
    for (place, value) in node.results.enumerated() {
      names[value] = (box, node.results.count == 1 ? nil : place < type.results.count ? type.results[place].name : "\(place)")
    }
  }
}
