// SPDX-License-Identifier: Apache-2.0
// The remainder of division.

import GraphIR
import KernelIR
import TensorCore

package struct Mod: ElementwiseOperation {
  package static let name = "Mod"
  package static let summary =
    "The remainder of a / b, with broadcasting: with the sign of b (integers), or with fmod = 1 with the sign of a. "
    + "Integers modulo zero give 0."
  package static let operands = [Slot("A"), Slot("B")]
  package static let domain = DType.numbers
  package static var attributes: [Attribute<Self>] {
    [Attribute("fmod", \.fmod, "whether the remainder has the sign of the dividend; needed for floats")]
  }
  package var fmod = false
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let result = try inferElementwise(operands)
    if result.dtype.isFloat && !fmod {
      throw TypeError("'Mod' of \(result.dtype) needs fmod = 1", operand: 0)
    }
    return [result]
  }

  package func reference(_ x: [Double]) -> Double { x[0].truncatingRemainder(dividingBy: x[1]) }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 {
    let (a, b) = (x[0], x[1])
    if b == 0 { return 0 }
    if dtype == .u64 { return Int64(bitPattern: UInt64(bitPattern: a) % UInt64(bitPattern: b)) }
    let remainder = a.remainderReportingOverflow(dividingBy: b).partialValue
    return !fmod && remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder
  }
  package func scalar(_ x: [Expr]) -> Expr { .binary(fmod ? .rem : .mod, x[0], x[1]) }

  /// y = a - b · trunc(a/b): d/da = 1, d/db = -trunc(a/b), which is the integer (y - a)/b
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
    if sample.operands[0]?.dtype.isFloat == true {
      operation.fmod = true
      sample.operation = operation
    }
    sample.ranges[1] = 0.3...2
    return sample
  }
}
