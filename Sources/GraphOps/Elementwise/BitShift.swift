// SPDX-License-Identifier: Apache-2.0
// Bits moved left or right.

import GraphIR
import KernelIR
import TensorCore

package struct BitShift: IntegerOperation {
  package static let name = "BitShift"
  package static let summary =
    "x shifted by y bits, with broadcasting; by the width or more, or a negative y, 0 (signed to the right: -1 or 0)."
  package static let operands = [Slot("X"), Slot("Y")]
  package static let domain = DType.integers
  package static let sampleRange = 0.0...9.0
  package static var attributes: [Attribute<Self>] { [Attribute("direction", \.direction, "'LEFT' or 'RIGHT'")] }
  package var direction = "LEFT"
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard direction == "LEFT" || direction == "RIGHT" else {
      throw TypeError("'direction' of 'BitShift' is '\(direction)'", note: "it is 'LEFT' or 'RIGHT'")
    }
    return [try inferElementwise(operands)]
  }

  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 {
    let (bits, count) = (UInt64(bitPattern: x[0]), UInt64(bitPattern: x[1]))
    if dtype.isSigned && direction == "RIGHT" { return count >= UInt64(dtype.bits) ? x[0] >> 63 : x[0] >> count }
    if count >= UInt64(dtype.bits) { return 0 }
    return Int64(bitPattern: direction == "LEFT" ? bits << count : bits >> count)
  }
  package func scalar(_ x: [Expr]) -> Expr {
    let function: BinaryFunction = direction == "LEFT" ? .shl : .shr
    guard x[0].dtype.isSigned else { return .binary(function, x[0], x[1]) }
    // The width stands for negative counts, which are as far out.
    let isNegative = Expr.less(x[1], .int(0, x[1].dtype))
    return .binary(function, x[0], .select(isNegative, .int(x[0].dtype.bits, x[1].dtype), x[1]))
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = BitShift()
    operation.direction = random.pick(["LEFT", "RIGHT"])
    return sampleElementwise(operation, &random)
  }
}
