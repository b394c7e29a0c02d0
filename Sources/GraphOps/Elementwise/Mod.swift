// SPDX-License-Identifier: Apache-2.0
// The remainder of division.

import GraphIR
import KernelIR
import TensorCore

package struct Mod: ElementwiseOperation {
  package static let name = "Mod"
  package static let summary =
    "The remainder of a / b, with broadcasting: with the sign of b, or with fmod = 1 with the sign of a. "
    + "Integers modulo zero give 0."
  package static let operands = [Slot("A"), Slot("B")]
  package static let domain = DType.numbers
  package static var attributes: [Attribute<Self>] {
    [Attribute("fmod", \.fmod, "whether the remainder has the sign of the dividend")]
  }
  package var fmod = false
  package init() {}

  package func reference(_ x: [Double]) -> Double {
    let remainder = x[0].truncatingRemainder(dividingBy: x[1])
    if fmod || remainder.isNaN { return remainder }
    // Zeros have the sign of the divisor too.
    if remainder == 0 { return Double(signOf: x[1], magnitudeOf: 0) }
    return (remainder < 0) != (x[1] < 0) ? remainder + x[1] : remainder
  }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 {
    let (a, b) = (x[0], x[1])
    if b == 0 { return 0 }
    if dtype == .u64 { return Int64(bitPattern: UInt64(bitPattern: a) % UInt64(bitPattern: b)) }
    let remainder = a.remainderReportingOverflow(dividingBy: b).partialValue
    return !fmod && remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder
  }
  package func scalar(_ x: [Expr]) -> Expr {
    let dtype = x[0].dtype
    guard dtype.isFloat, !fmod else { return .binary(fmod ? .rem : .mod, x[0], x[1]) }
    let (remainder, zero) = (Expr.binary(.rem, x[0], x[1]), Expr.constant(0, dtype))
    let isDivisorNegative = Expr.less(x[1], zero)
    let isOther = Expr.binary(.xor, .less(remainder, zero), isDivisorNegative)
    let moved = Expr.select(isOther, remainder + x[1], remainder)
    let signed = Expr.select(isDivisorNegative, .constant(-0.0, dtype), zero)
    return .select(.binary(.eq, remainder, zero), signed, moved)
  }

  /// y = a - b · n with n the quotient rounded down (fmod: toward zero): d/da = 1, d/db = -n, the integer (y - a)/b
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let a = context.operands[0], let b = context.operands[1],
      context.type(a).dtype.isFloat
    else { return [nil, nil] }
    let quotient = try context.div(try context.sub(context.results[0], a), b)
    let toB = try context.mul(seed, try context.emit(Round(), quotient))
    return [try context.unbroadcast(seed, to: a), try context.unbroadcast(toB, to: b)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Mod()
    operation.fmod = random.bool()
    var sample = sampleElementwise(operation, &random)
    sample.ranges[1] = 0.3...2
    return sample
  }
}
