// SPDX-License-Identifier: Apache-2.0
// Forms of operators that are made of others: shifts of signed integers, the floored remainder of floats, blocks moved
// into channels in column order.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// Signed integers shift as their bits do; to the right their sign fills up. Counts that are negative are as good as
  /// too large ones.
  static let bitShift: Translation = { (importer, node) throws(TypeError) in
    let (x, y) = (try node.required(0), try node.required(1))
    guard let bits = importer.type(x).dtype.unsigned, importer.type(y).dtype == importer.type(x).dtype else {
      return try translate(BitShift(), &importer, &node)
    }
    let dtype = importer.type(x).dtype
    var shift = BitShift()
    if let direction = try node.string("direction") { shift.direction = direction }
    var (toBits, back) = (BitCast(), BitCast())
    (toBits.to, back.to) = (bits, dtype)
    let count = try importer.emit(toBits, y)
    if shift.direction == "LEFT" {
      return [try importer.emit(back, try importer.emit(shift, try importer.emit(toBits, x), count))]
    }
    // The complement of a negative number has no sign.
    let zero = try importer.emit(ConstantOfShape([], 0, dtype))
    let isNegative = try importer.emit(Less(), x, zero)
    let magnitude = try importer.emit(Where(), isNegative, try importer.emit(BitwiseNot(), x), x)
    let shifted = try importer.emit(back, try importer.emit(shift, try importer.emit(toBits, magnitude), count))
    return [try importer.emit(Where(), isNegative, try importer.emit(BitwiseNot(), shifted), shifted)]
  }

  /// The remainder of floats has the divisor's sign unless `fmod` is set: the truncated one, moved by a divisor where
  /// the signs differ.
  static let mod: Translation = { (importer, node) throws(TypeError) in
    let (a, b) = (try node.required(0), try node.required(1))
    let dtype = importer.type(a).dtype
    var mod = Mod()
    mod.fmod = try node.bool("fmod")
    if !dtype.isFloat || mod.fmod { return [try importer.emit(mod, a, b)] }
    mod.fmod = true
    let remainder = try importer.emit(mod, a, b)
    let zero = try importer.emit(ConstantOfShape([], 0, dtype))
    let differs = try importer.emit(
      Xor(), try importer.emit(Less(), remainder, zero), try importer.emit(Less(), b, zero))
    let isZero = try importer.emit(Equal(), remainder, zero)
    let moved = try importer.emit(And(), differs, try importer.emit(Not(), isZero))
    // A remainder of zero has the divisor's sign too.
    let signedZero = try importer.emit(
      Where(), try importer.emit(Less(), b, zero), try importer.emit(ConstantOfShape([], -0.0, dtype)), zero)
    let exact = try importer.emit(Where(), isZero, signedZero, remainder)
    return [try importer.emit(Where(), moved, try importer.emit(Add(), remainder, b), exact)]
  }

  static let spaceToDepth: Translation = { (importer, node) throws(TypeError) in
    guard try node.string("mode") == "CRD" else { return try translate(SpaceToDepth(), &importer, &node) }
    let x = try node.required(0)
    let type = importer.type(x)
    guard let block = try node.int("blocksize"), block > 0, type.rank == 4,
      let height = type.shape[2].dividedExactly(by: Dim(block)),
      let width = type.shape[3].dividedExactly(by: Dim(block))
    else { throw TypeError("\(type) does not divide into blocks") }
    let (batch, channels, side) = (type.shape[0], type.shape[1], Dim(block))
    let parts = try importer.emit(Reshape(exactly: [batch, channels, height, side, width, side]), x)
    let moved = try importer.emit(Transpose(perm: [0, 1, 3, 5, 2, 4]), parts)
    return [try importer.emit(Reshape(exactly: [batch, channels * side * side, height, width]), moved)]
  }
}

extension DType {
  /// The unsigned integers of a signed type's width.
  fileprivate var unsigned: DType? {
    switch self {
    case .i8: .u8
    case .i16: .u16
    case .i32: .u32
    case .i64: .u64
    default: nil
    }
  }
}
