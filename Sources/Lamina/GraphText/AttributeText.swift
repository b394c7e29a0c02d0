// SPDX-License-Identifier: Apache-2.0
// Values in the words of the language.

import GraphIR
import GraphOps
import TensorCore

/// What to do with a model that is not written.
private let useTheFileItself =
  "run or build the ONNX file as it is: `lamina run MODEL.onnx`, `lamina build MODEL.onnx -o OUT`"

extension AttributeValue {
  /// The names of sizes in the value.
  fileprivate var sizeNames: Set<String> {
    switch self {
    case .dim(let dim): dim.symbols
    case .dims(let list): list.reduce(into: []) { $0.formUnion($1.symbols) }
    default: []
    }
  }
}

/// An attribute's value as an argument of a box; nil for those the language has no words for.
func argumentText(_ value: AttributeValue) -> String? {
  switch value {
  case .none: "none"
  case .bool(let flag): "\(flag)"
  case .int(let number): "\(number)"
  case .float(let number): number.isFinite ? "\(number)" : nil
  case .string(let text): text.contains("'") || text.contains("\"") ? nil : "'\(text)'"
  case .dim(let dim): dim.description
  case .dtype(let dtype): dtype.name
  case .ints(let list): "[\(list.map { "\($0)" }.joined(separator: ", "))]"
  case .dims(let list): "[\(list.map(\.description).joined(separator: ", "))]"
  case .floats(let list):
    list.allSatisfy(\.isFinite) ? "[\(list.map { "\($0)" }.joined(separator: ", "))]" : nil
  case .strings(let list):
    list.contains { $0.contains("'") || $0.contains("\"") }
      ? nil : "[\(list.map { "'\($0)'" }.joined(separator: ", "))]"
  case .tensor, .graph: nil
  }
}

/// The arguments of an operator that are not at their defaults, in order. The size that an operator's own result has is
/// left out where only a run tells it: reading gives it a name again.
///
/// - Parameters:
///   - regions: the names that the operator's subgraphs have, by attribute.
///   - runtimeSizes: the names of sizes that are found while the model runs.
/// - Throws: for one that cannot be written.
func argumentTexts(
  _ operation: any Operation, regions: [String: String] = [:], runtimeSizes: Set<String>
) throws(TypeError) -> [String] {
  let defaults = Dictionary(
    type(of: operation).attributeDescriptions.map { ($0.name, $0.defaultValue) },
    uniquingKeysWith: { first, _ in first })
  var arguments: [String] = []
  for (name, value) in operation.attributeValues where defaults[name] != value {
    if let size = value.sizeNames.first(where: runtimeSizes.contains) {
      if operation is any RuntimeSized, name == "count" { continue }
      throw TypeError(
        "'\(name)' of '\(type(of: operation).name)' is the size '\(size)', which is found while the model runs and has no "
          + "name in a .graph file", note: useTheFileItself)
    }
    guard let text = regions[name] ?? argumentText(value) else {
      throw TypeError("attribute '\(name)' of '\(type(of: operation).name)' cannot be written in a .graph file")
    }
    arguments.append("\(name) = \(text)")
  }
  return arguments
}

/// `Constant(…)` for a few numbers in a row, which reads better than a name; nil for others.
func constantText(_ tensor: Tensor) -> String? {
  guard tensor.shape.count <= 1, tensor.count > 0, tensor.count <= 8, tensor.dtype != .bool else { return nil }
  var texts: [String] = []
  for index in 0..<tensor.count {
    if tensor.dtype.isFloat {
      let number = tensor.double(index)
      guard number.isFinite else { return nil }
      // The shortest text that rounds to the same element.
      texts.append(tensor.dtype == .f32 ? "\(Float(number))" : "\(number)")
    } else {
      let number = tensor.integer(index)
      guard number.magnitude < 1 << 53 else { return nil }
      texts.append("\(number)")
    }
  }
  let value = tensor.shape.isEmpty ? texts[0] : "[\(texts.joined(separator: ", "))]"
  return "Constant(\(value)\(tensor.dtype == .f32 ? "" : ", \(tensor.dtype.name)"))"
}

/// `Parameter(…)` of a tensor's type.
func parameterText(_ tensor: Tensor) -> String {
  let sizes = tensor.shape.map(String.init)
  let arguments = tensor.dtype == .f32 && !sizes.isEmpty ? sizes : sizes + [tensor.dtype.name]
  return "Parameter(\(arguments.joined(separator: ", ")))"
}
