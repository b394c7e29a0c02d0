// SPDX-License-Identifier: Apache-2.0
// Operators that make tensors: Constant, ConstantOfShape, Range, OneHot.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// A tensor in one of the attributes that may hold it.
  static let constant: Translation = { (importer, node) throws(TypeError) in
    let tensor: Tensor?
    if let proto = try node.tensor("value") {
      tensor = try importer.session.file.tensor(proto)
    } else if let number = try node.float("value_float") {
      tensor = Tensor(.f32, [], doubles: [number])
    } else if let numbers = try node.floats("value_floats") {
      tensor = Tensor(.f32, [numbers.count], doubles: numbers)
    } else if let number = try node.int("value_int") {
      tensor = Tensor(.i64, [], integers: [Int64(number)])
    } else if let numbers = try node.ints("value_ints") {
      tensor = Tensor(.i64, [numbers.count], integers: numbers.map { Int64($0) })
    } else if let sparse = node.attribute("sparse_value")?.sparseTensor.last {
      tensor = try importer.session.file.tensor(sparse)
    } else if node.has("value_string") || node.has("value_strings") {
      node.ignore("value_string", "value_strings")
      throw TypeError("it holds strings, which are not supported")
    } else {
      throw TypeError("it has no value")
    }
    guard let tensor else { throw TypeError("there is not enough memory") }
    return [try importer.constant(tensor)]
  }

  static let constantOfShape: Translation = { (importer, node) throws(TypeError) in
    let shape = try importer.sizes(try node.required(0), "shape", of: node)
    guard let proto = try node.tensor("value") else { return [try importer.emit(ConstantOfShape(shape, 0, .f32))] }
    let value = try importer.session.file.tensor(proto)
    guard value.count == 1 else { throw TypeError("'value' must have one element, found \(value.type)") }
    let number = value.double(0)
    // Integers that a Double does not hold are repeated as they are.
    if !value.dtype.isFloat, Int64(exactly: number) != value.integer(0), let scalar = value.reshaped([]) {
      return [try importer.emit(Expand(shape: shape), try importer.constant(scalar))]
    }
    return [try importer.emit(ConstantOfShape(shape, number, value.dtype.carrier))]
  }

  /// Numbers are constants; counts that are sizes with names become a range of that size.
  static let range: Translation = { (importer, node) throws(TypeError) in
    let operands = [try node.required(0), try node.required(1), try node.required(2)]
    let dtype = importer.type(operands[0]).dtype
    for operand in operands where importer.type(operand).dtype != dtype || importer.type(operand).elementCount != 1 {
      throw TypeError("'Range' takes three numbers of one type, found \(importer.type(operand))")
    }
    var range = NumberRange()
    range.dtype = dtype
    let numbers = operands.compactMap { importer.known.constant($0)?.double(0) }
    if dtype.isFloat, numbers.count == 3 {
      (range.start, range.limit, range.delta) = (numbers[0], numbers[1], numbers[2])
      return [try importer.emit(range)]
    }
    // What is made of sizes and whole numbers is counted exactly, with names.
    let ends = operands.map { importer.wholeNumber($0) }
    guard let limit = ends[1], let first = ends[0]?.value, let step = ends[2]?.value else {
      if importer.session.findsSizes {
        return try runtimeRange(&importer, operands, step: dtype.isFloat ? nil : ends[2]?.value)
      }
      for (operand, name) in zip(operands, ["start", "limit", "delta"]) {
        if importer.wholeNumber(operand) == nil, importer.known.constant(operand) == nil {
          throw importer.unknown(operand, name)
        }
      }
      throw TypeError("'Range' counts by named sizes", note: "fix them with --dim NAME=SIZE")
    }
    guard step != 0, step > .min else { throw TypeError("'delta' must not be \(step)") }
    let distance = step > 0 ? limit - Dim(first) : Dim(first) - limit
    (range.start, range.delta) = (Double(first), Double(step))
    let count = Dim.ceilDiv(distance, Dim(abs(step)))
    let bounds = count.bounds(importer.known.ranges)
    range.size = (bounds.low ?? -1) >= 0 ? count : count.value.map { Dim(max($0, 0)) } ?? Dim.max(count, 0)
    return [try importer.emit(range)]
  }

  /// Indices as vectors; values that are computed choose between two afterwards.
  static let oneHot: Translation = { (importer, node) throws(TypeError) in
    let (indices, values) = (try node.required(0), try node.required(2))
    let count = try node.required(1)
    let depth =
      importer.type(count).dtype.isFloat
      ? try importer.reals(count, "depth").map { Dim(Int(Int64(saturating: $0))) }
      : try importer.sizes(count, "depth", of: node)
    guard depth.count == 1 else { throw TypeError("'depth' must be one number") }
    let valueType = importer.type(values)
    guard valueType.shape == [2] else { throw TypeError("'values' must be two numbers, found \(valueType)") }
    var operation = OneHot(depth: depth[0], axis: try node.int("axis", default: -1), dtype: valueType.dtype)
    var places = indices
    if importer.type(indices).dtype.isFloat { places = try importer.emit(Cast(to: .i64), indices) }
    if let constants = importer.known.constant(values) {
      operation.values = [constants.double(0), constants.double(1)]
      return [try importer.emit(operation, places)]
    }
    operation.dtype = .bool
    let isOn = try importer.emit(operation, places)
    let parts = try importer.emitAll(Split(axis: 0, into: 2), [values])
    return [try importer.emit(Where(), isOn, parts[1], parts[0])]
  }
}
