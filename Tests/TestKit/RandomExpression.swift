// SPDX-License-Identifier: Apache-2.0
// Random values of a type at the current place of a random kernel.

import KernelIR
import TensorCore

extension RandomKernelBuilder {
  /// An expression of a compute type.
  mutating func value(_ dtype: DType, depth: Int) -> Expr {
    if depth == 0 { return leaf(dtype) }
    if dtype == .bool { return condition(depth) }
    switch Int.random(in: 0..<12, using: &random) {
    case 0, 1: return leaf(dtype)
    case 2:
      return .select(value(.bool, depth: depth - 1), value(dtype, depth: depth - 1), value(dtype, depth: depth - 1))
    case 3: return value(random.pick(Self.valueTypes), depth: depth - 1).cast(to: dtype)
    case 4, 5: return unary(dtype, depth)
    case 6 where dtype.bits >= 32:
      let sameWidth: [DType] = dtype.bits == 32 ? [.f32, .i32, .u32] : [.f64, .i64, .u64]
      // A NaN's bits are the compiler's to choose, so floats are not looked into.
      if dtype.isFloat { return leaf(dtype) }
      let source = random.pick(sameWidth.filter { !$0.isFloat })
      return Expr(.bitcast(value(source, depth: depth - 1)), dtype)
    default:
      let function = random.pick(dtype.isFloat ? floatFunctions : Self.integerFunctions)
      let right = function == .pow ? leafExponent(dtype) : value(dtype, depth: depth - 1)
      return .binary(function, value(dtype, depth: depth - 1), right)
    }
  }

  private var floatFunctions: [BinaryFunction] {
    options.isExact ? [.add, .sub, .mul, .div, .max, .min] : [.add, .sub, .mul, .div, .max, .min, .pow, .atan2, .rem]
  }

  private static let integerFunctions: [BinaryFunction] = [
    .add, .sub, .mul, .div, .floorDiv, .mod, .rem, .max, .min, .and, .or, .xor, .shl, .shr, .pow,
  ]

  private mutating func leafExponent(_ dtype: DType) -> Expr {
    dtype.isFloat ? .real(random.pick([0.5, 2, -1, 3]), dtype) : .int(Int.random(in: 0...4, using: &random), dtype)
  }

  private mutating func unary(_ dtype: DType, _ depth: Int) -> Expr {
    let exact: [UnaryFunction] = [.neg, .abs, .sign, .floor, .ceil, .trunc, .round, .sqrt, .reciprocal]
    let smooth: [UnaryFunction] = [
      .exp, .expm1, .log, .log1p, .log2, .sin, .cos, .atan, .tanh, .asinh, .erf, .erfc, .sigmoid, .softplus, .gelu,
      .silu, .mish,
    ]
    let functions =
      dtype.isFloat
      ? (options.isExact ? exact : exact + smooth) : dtype.isSigned ? [.neg, .abs, .sign, .bitNot] : [.bitNot]
    return .unary(random.pick(functions), value(dtype, depth: depth - 1))
  }

  private mutating func condition(_ depth: Int) -> Expr {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return .unary(.not, value(.bool, depth: depth - 1))
    case 1:
      return .binary(
        random.pick([.and, .or, .xor, .eq, .ne]), value(.bool, depth: depth - 1), value(.bool, depth: depth - 1))
    case 2: return .unary(random.pick([.isNaN, .isInf]), value(random.pick([.f32, .f64]), depth: depth - 1))
    case 3: return leaf(.bool)
    case 4:
      // Of the kind that padding and slices need.
      let (axis, extent) = random.pick(axes)
      return .binary(random.pick([.lt, .ge, .eq]), .axis(axis), .int(Int.random(in: 0...extent.value, using: &random)))
    default:
      let dtype = random.pick([DType.f32, .f64, .i32, .i64, .u8, .u64])
      return .binary(
        random.pick([.eq, .ne, .lt, .le, .gt, .ge]), value(dtype, depth: depth - 1), value(dtype, depth: depth - 1))
    }
  }

  private mutating func leaf(_ dtype: DType) -> Expr {
    let locals = readable.filter { $0.dtype == dtype }
    if !locals.isEmpty && random.oneIn(2) { return .local(random.pick(locals)) }
    switch Int.random(in: 0..<5, using: &random) {
    case 0:
      return constant(dtype)
    case 1:
      return Expr.axis(random.pick(axes).axis).cast(to: dtype)
    default:
      return load(dtype)
    }
  }

  private mutating func constant(_ dtype: DType) -> Expr {
    if dtype.isFloat { return .real(random.pick([0, -0.0, 1, -1, 0.5, 2, 1e-3, 100, .infinity]), dtype) }
    if dtype == .bool { return .bool(random.oneIn(2)) }
    guard let range = dtype.integerRange else { return .int(0, dtype) }
    return .integer(random.pick([0, 1, 2, 7, 100, range.low, range.high]), dtype)
  }

  /// A load from a new buffer over some of the axes; sometimes shifted along one of them and guarded.
  private mutating func load(_ dtype: DType) -> Expr {
    let stored = random.pick(
      Self.storedTypes.filter { $0.computeType == dtype } + (dtype == .i8 ? [.i4] : dtype == .u8 ? [.u4] : []))
    // Values that only depend on some axes are broadcast along the others.
    let used = axes.filter { _ in !random.oneIn(3) }
    let (buffer, offset) = newBuffer(stored, .read, over: used.map { ($0.axis, $0.extent) })
    guard random.oneIn(4), let (axis, extent) = used.randomElement(using: &random) else {
      return .load(buffer, stored, at: offset)
    }
    let shift = random.pick([-2, -1, 1, 3])
    var move = Substitution(axes: [axis: .axis(axis) + .int(shift)])
    let moved = Expr.axis(axis) + .int(shift)
    let condition = Expr.binary(.ge, moved, .int(0)) && .binary(.lt, moved, extent.expr)
    return .load(buffer, stored, at: move(offset), guard: condition)
  }
}
