// SPDX-License-Identifier: Apache-2.0
// Graphs as text: one line a node, `%5 "hidden": f32[N, 128] = MatMul(%0, %4) {attribute = value} @"box"`.

import GraphSupport
import TensorCore

/// A graph's text and the tensors that are too large for it, which the text names.
package struct GraphText: Sendable {
  package var text: String
  package var tensors: [String: Tensor]
}

/// Prints a graph so that `parseGraph` reads it back. Values are numbered in the order they are defined.
package func printGraph(_ graph: Graph) -> GraphText {
  var printer = GraphPrinter()
  printer.graph(graph, indent: "")
  return GraphText(text: printer.text, tensors: printer.tensors)
}

/// A graph's text alone, for people and comparisons.
package func describe(_ graph: Graph) -> String { printGraph(graph).text }

private struct GraphPrinter {
  var text = ""
  var tensors: [String: Tensor] = [:]

  /// Tensors up to this many elements are written in place.
  private static let inlineElements = 16

  mutating func graph(_ graph: Graph, indent: String) {
    var numbers = [Int](repeating: 0, count: graph.values.count)
    var next = 0
    func number(_ id: ValueID) {
      numbers[id.index] = next
      next += 1
    }
    graph.inputs.forEach(number)
    for node in graph.nodes { node.results.forEach(number) }
    func value(_ id: ValueID) -> String {
      let name = graph[id].name.map { " \(quoted($0))" } ?? ""
      return "%\(numbers[id.index])\(name): \(graph.type(id))"
    }
    text += "graph \(quoted(graph.name)) {\n"
    for symbol in graph.symbols {
      text += "\(indent)  symbol \(symbol.name) in \(symbol.range.lowerBound)...\(symbol.range.upperBound)"
      if let bound = symbol.bound { text += " up to <\(bound)>" }
      text += "\n"
    }
    for input in graph.inputs { text += "\(indent)  \(value(input)) = input\n" }
    for node in graph.nodes {
      let results = node.results.map(value).joined(separator: ", ")
      let operands = node.operands.map { $0.map { "%\(numbers[$0.index])" } ?? "_" }.joined(separator: ", ")
      text += "\(indent)  \(results) = \(type(of: node.operation).name)(\(operands))"
      attributes(of: node.operation, indent: indent + "  ")
      if !node.origin.path.isEmpty { text += " @\(quoted(node.origin.path))" }
      text += "\n"
    }
    for output in graph.outputs {
      text += "\(indent)  output \(quoted(output.name)) = %\(numbers[output.value.index])\n"
    }
    text += "\(indent)}"
    if indent.isEmpty { text += "\n" }
  }

  /// The attributes that are not at their defaults.
  private mutating func attributes(of operation: some Operation, indent: String) {
    var isFirst = true
    for (value, description) in zip(operation.attributeValues, type(of: operation).attributeDescriptions)
    where value.value != description.defaultValue {
      text += isFirst ? " {" : ", "
      isFirst = false
      text += "\(value.name) = "
      self.value(value.value, indent: indent)
    }
    if !isFirst { text += "}" }
  }

  private mutating func value(_ value: AttributeValue, indent: String) {
    switch value {
    case .none: text += "none"
    case .bool(let flag): text += "\(flag)"
    case .int(let number): text += "\(number)"
    case .float(let number): text += spelled(number)
    case .string(let string): text += quoted(string)
    case .dim(let dim): text += "<\(dim)>"
    case .dtype(let dtype): text += dtype.name
    case .ints(let list): text += "[\(list.map(\.description).joined(separator: ", "))]"
    case .dims(let list): text += "[\(list.map { $0.value.map(String.init) ?? "<\($0)>" }.joined(separator: ", "))]"
    case .floats(let list): text += "[\(list.map(spelled).joined(separator: ", "))]"
    case .strings(let list): text += "[\(list.map(quoted).joined(separator: ", "))]"
    case .tensor(let shared): tensor(shared.tensor)
    case .graph(let shared): graph(shared.graph, indent: indent)
    }
  }

  private mutating func tensor(_ tensor: Tensor) {
    text += "tensor \(tensor.type)"
    let isFloat = tensor.dtype.isFloat
    // A NaN's bits are not in its text.
    guard tensor.count <= Self.inlineElements, !isFloat || !tensor.doubles().contains(where: \.isNaN) else {
      let name = "t\(tensors.count)"
      tensors[name] = tensor
      text += " @\(quoted(name))"
      return
    }
    let elements = (0..<tensor.count).map { index in
      switch tensor.dtype {
      case .f64: spelled(tensor.double(index))
      case .f32, .f16, .bf16: spelled(Float(tensor.double(index)))
      case .u64: "\(UInt64(bitPattern: tensor.integer(index)))"
      default: "\(tensor.integer(index))"
      }
    }
    text += " (\(elements.joined(separator: ", ")))"
  }
}

/// The shortest text that reads back as this number, always with a point, an exponent or a name.
private func spelled(_ number: some BinaryFloatingPoint & LosslessStringConvertible) -> String { number.description }

/// A string between quotation marks, with escapes for what would end it or break the line.
func quoted(_ string: String) -> String {
  var text = "\""
  for scalar in string.unicodeScalars {
    switch scalar {
    case "\"": text += "\\\""
    case "\\": text += "\\\\"
    case "\n": text += "\\n"
    case "\t": text += "\\t"
    case _ where scalar.value < 0x20 || scalar.value == 0x7F: text += "\\u{\(String(scalar.value, radix: 16))}"
    default: text.unicodeScalars.append(scalar)
    }
  }
  return text + "\""
}
