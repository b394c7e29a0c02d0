// SPDX-License-Identifier: Apache-2.0
// Values with operators, so that formulas in the emitted code read as formulas.

/// A scalar or vector and the builder that works on it. Constants take the type of the other operand.
struct Lanes {
  let builder: Builder
  let value: Value

  init(_ value: Value, _ builder: Builder) {
    self.value = value
    self.builder = builder
  }

  var type: ValueType { value.type }

  /// A float constant of this value's type.
  func real(_ constant: Double) -> Lanes { Lanes(builder.real(constant, type), builder) }
  /// An integer constant of this value's width.
  func int(_ constant: Int64) -> Lanes { Lanes(builder.int(constant, type.with(type.scalar.integer)), builder) }

  /// The bits as integers of the same width, and back.
  var bits: Lanes { Lanes(builder.bitcast(value, type.with(type.scalar.integer)), builder) }
  var float: Lanes { Lanes(builder.bitcast(value, type.with(type.scalar == .i32 ? .f32 : .f64)), builder) }
  func with(bits: Lanes) -> Lanes { Lanes(builder.bitcast(bits.value, type), builder) }

  var magnitude: Lanes { Lanes(builder.abs(value), builder) }
  var squareRoot: Lanes { Lanes(builder.sqrt(value), builder) }
  /// This magnitude with the sign of another.
  ///
  /// By bits: LLVM moves a rounding to f32 into its own `copysign` and then goes lane by lane.
  func signed(as other: Lanes) -> Lanes {
    let sign = type.scalar == .f64 ? Int64.min : Int64(Int32.min)
    return ((bits & ~sign) | (other.bits & sign)).float
  }

  /// To the nearest integer, ties to even; magnitudes below 2^22 (f32) or 2^51 (f64).
  var rounded: Lanes { Lanes(builder.intrinsic("llvm.nearbyint", [type], [value], type), builder) }
  var roundedDown: Lanes { Lanes(builder.intrinsic("llvm.floor", [type], [value], type), builder) }
  var truncated: Lanes { Lanes(builder.intrinsic("llvm.trunc", [type], [value], type), builder) }

  var wide: Lanes { Lanes(builder.fpext(value, .f64), builder) }
  var narrow: Lanes { Lanes(builder.fptrunc(value, .f32), builder) }

  private func two(_ other: Lanes, _ operation: (Builder) -> (Value, Value) -> Value) -> Lanes {
    Lanes(operation(builder)(value, other.value), builder)
  }

  static func + (a: Lanes, b: Lanes) -> Lanes { a.two(b, Builder.add) }
  static func - (a: Lanes, b: Lanes) -> Lanes { a.two(b, Builder.sub) }
  static func * (a: Lanes, b: Lanes) -> Lanes { a.two(b, Builder.mul) }
  static func / (a: Lanes, b: Lanes) -> Lanes { a.two(b, Builder.div) }
  static prefix func - (a: Lanes) -> Lanes { Lanes(a.builder.neg(a.value), a.builder) }
  static func + (a: Lanes, b: Double) -> Lanes { a + a.real(b) }
  static func - (a: Lanes, b: Double) -> Lanes { a - a.real(b) }
  static func * (a: Lanes, b: Double) -> Lanes { a * a.real(b) }
  static func / (a: Lanes, b: Double) -> Lanes { a / a.real(b) }
  static func + (a: Double, b: Lanes) -> Lanes { b.real(a) + b }
  static func - (a: Double, b: Lanes) -> Lanes { b.real(a) - b }
  static func * (a: Double, b: Lanes) -> Lanes { b.real(a) * b }
  static func / (a: Double, b: Lanes) -> Lanes { b.real(a) / b }

  // Integers and masks.
  static func & (a: Lanes, b: Lanes) -> Lanes { a.two(b, Builder.and) }
  static func | (a: Lanes, b: Lanes) -> Lanes { a.two(b, Builder.or) }
  static func ^ (a: Lanes, b: Lanes) -> Lanes { a.two(b, Builder.xor) }
  static func & (a: Lanes, b: Int64) -> Lanes { a & a.int(b) }
  static func << (a: Lanes, b: Int64) -> Lanes { a.two(a.int(b), Builder.shl) }
  func shiftedRight(_ count: Int64) -> Lanes { two(int(count), Builder.lshr) }
  func arithmeticShiftedRight(_ count: Int64) -> Lanes { two(int(count), Builder.ashr) }
  static prefix func ! (a: Lanes) -> Lanes { Lanes(a.builder.not(a.value), a.builder) }

  private func compared(_ predicate: Builder.Predicate, _ other: Lanes) -> Lanes {
    Lanes(builder.compare(predicate, value, other.value), builder)
  }

  // Ordered comparisons of floats: false with NaN, except `!=`.
  static func < (a: Lanes, b: Lanes) -> Lanes { a.compared(.flt, b) }
  static func > (a: Lanes, b: Lanes) -> Lanes { a.compared(.fgt, b) }
  static func >= (a: Lanes, b: Lanes) -> Lanes { a.compared(.fge, b) }
  static func == (a: Lanes, b: Lanes) -> Lanes { a.compared(.feq, b) }
  static func != (a: Lanes, b: Lanes) -> Lanes { a.compared(.fne, b) }
  static func < (a: Lanes, b: Double) -> Lanes { a < a.real(b) }
  static func > (a: Lanes, b: Double) -> Lanes { a > a.real(b) }
  static func >= (a: Lanes, b: Double) -> Lanes { a >= a.real(b) }
  static func == (a: Lanes, b: Double) -> Lanes { a == a.real(b) }
  static func != (a: Lanes, b: Double) -> Lanes { a != a.real(b) }
  /// Integers.
  func equals(_ constant: Int64) -> Lanes { compared(.eq, int(constant)) }
  func isLess(than constant: Int64) -> Lanes { compared(.slt, int(constant)) }

  /// For a mask: `a` where it is set, else `b`.
  func select(_ a: Lanes, _ b: Lanes) -> Lanes { Lanes(builder.select(value, a.value, b.value), builder) }
  func select(_ a: Lanes, _ b: Double) -> Lanes { select(a, a.real(b)) }
  func select(_ a: Double, _ b: Lanes) -> Lanes { select(b.real(a), b) }

  /// At most or at least a bound; NaN stays NaN.
  func atMost(_ bound: Double) -> Lanes { (self > bound).select(bound, self) }
  func atLeast(_ bound: Double) -> Lanes { (self < bound).select(bound, self) }

  /// For a mask: whether any lane is set, as one i1.
  var any: Value {
    type.isVector ? builder.intrinsic("llvm.vector.reduce.or", [type], [value], .i1) : value
  }

  /// Σ c[i] · self^i by Horner's rule.
  func polynomial(_ coefficients: [Double]) -> Lanes {
    guard let last = coefficients.last else { return real(0) }
    return coefficients.dropLast().reversed().reduce(real(last)) { fma($0, self, real($1)) }
  }
}

/// a · b + c, with one rounding where the target can.
func fma(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes { Lanes(a.builder.fma(a.value, b.value, c.value), a.builder) }
func fma(_ a: Lanes, _ b: Double, _ c: Lanes) -> Lanes { fma(a, a.real(b), c) }
func fma(_ a: Lanes, _ b: Lanes, _ c: Double) -> Lanes { fma(a, b, a.real(c)) }
func fma(_ a: Lanes, _ b: Double, _ c: Double) -> Lanes { fma(a, a.real(b), a.real(c)) }
