// SPDX-License-Identifier: Apache-2.0
// Operators whose operands and attributes are ONNX's own, or ONNX's with some operands as attributes.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// The operator with the node's operands and attributes.
  static func generic(_ type: any Operation.Type) -> Translation {
    { (importer, node) throws(TypeError) in try translate(type.init(), &importer, &node) }
  }

  /// An operator that takes some integers in f64 only, as an operator of floats.
  static func inDouble(
    _ type: any Operation.Type, _ types: Set<DType> = [.i32, .i64, .u32, .u64]
  ) -> Translation {
    { (importer, node) throws(TypeError) in
      let dtype = importer.type(try node.required(0)).dtype
      guard types.contains(dtype) else { return try translate(type.init(), &importer, &node) }
      node.operands[0] = try importer.emit(Cast(to: .f64), node.operands[0])
      let wide = try translate(type.init(), &importer, &node)
      return [try importer.emit(Cast(to: dtype), wide.first ?? nil)]
    }
  }

  /// Fills an operator with the node's attributes and emits it.
  ///
  /// - Parameter operands: the operator's operands where they are not the node's.
  static func translate(
    _ operation: any Operation, _ importer: inout GraphImporter, _ node: inout NodeReader,
    operands given: [ValueID?]? = nil
  ) throws(TypeError) -> [ValueID?] {
    var operation = operation
    let kind = Swift.type(of: operation)
    let attributes = kind.attributeDescriptions
    for attribute in attributes where node.unread.contains(attribute.name) {
      if let value = try value(attribute, &node, importer) { try operation.setAttribute(attribute.name, value) }
    }
    var operands = given ?? node.operands
    if given == nil, let names = operandNames[kind.name] {
      operands = []
      for (number, operand) in node.operands.enumerated() {
        let name = number < names.count ? names[number] : "operand \(number + 1)"
        if let place = kind.operands.firstIndex(where: { $0.name == name }) {
          while operands.count < place { operands.append(nil) }
          operands.append(operand)
        } else if let attribute = attributes.first(where: { $0.name.lowercased() == name.lowercased() }) {
          guard let operand else { continue }
          try operation.setAttribute(attribute.name, try knownValue(of: operand, for: attribute, &importer, node))
        } else if operand != nil {
          throw TypeError("its operand '\(name)' is not supported")
        }
      }
    }
    if node.resultCount > 1, let name = resultSwitches[kind.name] { try operation.setAttribute(name, .bool(true)) }
    return try importer.emitAll(operation, operands)
  }

  /// An attribute's value in the kind that the operator wants.
  private static func value(
    _ wanted: AttributeDescription, _ node: inout NodeReader, _ importer: GraphImporter
  ) throws(TypeError) -> AttributeValue? {
    if wanted.kind.hasPrefix("an element type") { return try node.dtype(wanted.name).map { .dtype($0) } }
    if wanted.kind.hasPrefix("true or false") { return try node.int(wanted.name).map { .bool($0 != 0) } }
    guard let attribute = node.attribute(wanted.name) else { return nil }
    switch attribute.kind {
    case .float: return .float(Double(attribute.f ?? 0))
    case .int: return .int(Int(attribute.i ?? 0))
    case .string: return .string(attribute.text)
    case .floats: return .floats(attribute.floats.map { Double($0) })
    case .ints: return .ints(attribute.ints.map { Int($0) })
    case .strings: return .strings(attribute.texts)
    case .tensor:
      guard let proto = attribute.tensor.last else { return nil }
      return .tensor(SharedTensor(try importer.session.file.tensor(proto)))
    default: throw TypeError("the attribute '\(wanted.name)' must be \(wanted.kind)")
    }
  }

  /// The value of an operand that is an attribute here.
  private static func knownValue(
    of operand: ValueID, for attribute: AttributeDescription, _ importer: inout GraphImporter, _ node: NodeReader
  ) throws(TypeError) -> AttributeValue {
    let type = importer.type(operand)
    let isList = attribute.kind.hasPrefix("a list")
    if type.dtype.isFloat {
      let numbers = try importer.reals(operand, attribute.name)
      return numbers.count == 1 && !isList ? .float(numbers[0]) : .floats(numbers)
    }
    if type.dtype == .bool {
      let numbers = try importer.reals(operand, attribute.name).map { Int($0) }
      return numbers.count == 1 && !isList ? .bool(numbers[0] != 0) : .ints(numbers)
    }
    // Sizes may be found while the model runs, other integers may not.
    let isSize = attribute.kind.contains("size")
    let dims =
      isSize ? try importer.sizes(operand, attribute.name, of: node) : try importer.dims(operand, attribute.name)
    return dims.count == 1 && !isList ? .dim(dims[0]) : .dims(dims)
  }
}
