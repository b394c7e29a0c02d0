// SPDX-License-Identifier: Apache-2.0
// 4-bit integers: packed where they are stored, and in 8-bit integers of their range everywhere else.

import GraphIR
import GraphOps
import TensorCore

extension DType {
  /// The type that values of a 4-bit type have while a model runs.
  var carrier: DType {
    switch self {
    case .i4: .i8
    case .u4: .u8
    default: self
    }
  }
}

extension GraphImporter {
  /// Operators that read packed elements, and those that read none.
  private static let readsPacked: Set<String> = [
    "Cast", "CastLike", "DequantizeLinear", "Identity", "QuantizeLinear", "Shape", "Size",
  ]

  /// A node's operands with packed elements widened where the operator does not read them as they are.
  mutating func unpacked(_ operands: [ValueID?], for operation: String) throws(TypeError) -> [ValueID?] {
    if Self.readsPacked.contains(operation) { return operands }
    return try operands.map { operand throws(TypeError) in
      guard let operand, type(operand).dtype.bits == 4 else { return operand }
      return try widened(operand)
    }
  }

  private mutating func widened(_ value: ValueID) throws(TypeError) -> ValueID {
    let dtype = type(value).dtype
    if dtype.bits > 4 { return value }
    let wide = try emit(Cast(to: dtype.carrier), value)
    fourBit[wide] = dtype
    return wide
  }

  /// The 4-bit type that a value has or stands for.
  func fourBitType(_ value: ValueID) -> DType? {
    let dtype = type(value).dtype
    return dtype.bits == 4 ? dtype : fourBit[value]
  }

  /// A value converted to a type; 4-bit ones as ONNX converts to narrow integers: floats saturate, integers wrap.
  mutating func converted(_ value: ValueID, to dtype: DType) throws(TypeError) -> ValueID {
    let wide = try emit(Cast(to: dtype.carrier), value)
    guard dtype.bits == 4 else { return wide }
    if fourBitType(value) == dtype {
      fourBit[wide] = dtype
      return wide
    }
    return try narrowed(wide, to: dtype, saturating: type(value).dtype.isFloat)
  }

  /// 8-bit integers brought into the range of a 4-bit type.
  private mutating func narrowed(
    _ wide: ValueID, to dtype: DType, saturating: Bool
  ) throws(TypeError) -> ValueID {
    let result: ValueID
    if saturating {
      result = try emit(dtype == .i4 ? Clip(min: -8, max: 7) : Clip(min: 0, max: 15), wide)
    } else {
      let low = try emit(BitwiseAnd(), wide, try emit(ConstantOfShape([], 15, dtype.carrier)))
      if dtype == .u4 {
        result = low
      } else {
        // The fourth bit is the sign.
        let eight = try emit(ConstantOfShape([], 8, .i8))
        result = try emit(Sub(), try emit(BitwiseXor(), low, eight), eight)
      }
    }
    fourBit[result] = dtype
    return result
  }
}

extension OperatorTable {
  static let castLike: Translation = { (importer, node) throws(TypeError) in
    node.ignore("saturate", "round_mode")
    let target = try node.required(1)
    let dtype = importer.fourBitType(target) ?? importer.type(target).dtype
    return [try importer.converted(try node.required(0), to: dtype)]
  }

  /// Rounding to 4 bits saturates after rounding to 8, which is the same.
  static let quantizeLinear: Translation = { (importer, node) throws(TypeError) in
    var quantize = QuantizeLinear()
    var operands = node.operands
    let given = try node.dtype("output_dtype")
    let zero = node.operand(2)
    let narrow = zero.flatMap { importer.fourBitType($0) } ?? given.flatMap { $0.bits == 4 ? $0 : nil }
    guard let narrow else {
      quantize.outputType = given
      return try translate(quantize, &importer, &node)
    }
    if let zero { operands[2] = try importer.converted(zero, to: narrow) } else { quantize.outputType = narrow.carrier }
    let wide = try translate(quantize, &importer, &node, operands: operands)
    guard let wide = wide.first ?? nil else { throw TypeError("'QuantizeLinear' has no result") }
    let clipped = try importer.emit(narrow == .i4 ? Clip(min: -8, max: 7) : Clip(min: 0, max: 15), wide)
    importer.fourBit[clipped] = narrow
    return [clipped]
  }

  /// Elements and zero points may come packed or not, each for itself.
  static let dequantizeLinear: Translation = { (importer, node) throws(TypeError) in
    var operands = node.operands
    if let x = node.operand(0), let zero = node.operand(2), importer.type(x).dtype != importer.type(zero).dtype,
      importer.fourBitType(x) != nil, importer.fourBitType(zero) == importer.fourBitType(x)
    {
      operands[0] = try importer.emit(Cast(to: importer.type(x).dtype.carrier), x)
      operands[2] = try importer.emit(Cast(to: importer.type(zero).dtype.carrier), zero)
    }
    return try translate(DequantizeLinear(), &importer, &node, operands: operands)
  }
}
