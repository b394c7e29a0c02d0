// SPDX-License-Identifier: Apache-2.0
// Euclidean norm over axes.

import GraphIR
import KernelIR
import TensorCore

package struct ReduceL2: ReductionOperation {
  package static let name = "ReduceL2"
  package static let summary = "√Σx² over axes; integers are computed in f64 and truncated."
  package static let domain = DType.floats.union([.i32, .i64, .u32, .u64])
  package var axes: [Int] = []
  package var keepDims = true
  package var noopWithEmptyAxes = false
  package init() {}

  package func combiner(_ dtype: DType) -> Combiner { .sum }
  package func accumulator(_ dtype: DType) -> DType { dtype.isFloat ? dtype.computeType : .f64 }
  package func element(_ x: Expr) -> Expr { x * x }
  package func finish(_ x: Expr, count: Expr) -> Expr { .unary(.sqrt, x) }
  package func reference(_ group: [Double]) -> Double { group.reduce(0) { $0 + $1 * $1 }.squareRoot() }
  package func reference(_ group: [Int64], _ dtype: DType) -> Int64 {
    let sum = group.reduce(0.0) { sum, value in
      let x = dtype == .u64 ? Double(UInt64(bitPattern: value)) : Double(value)
      return sum + x * x
    }
    return dtype.integer(saturating: sum.squareRoot())
  }

  /// d/dx = x / y, and 0 where y is 0
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else { return [nil] }
    let axes = try reducedAxes(rank: context.type(x).rank)
    let norm = try context.spread(context.results[0], overReduced: axes, of: x)
    let isZero = try context.emit(Equal(), norm, try context.scalar(0, like: x))
    let direction = try context.div(x, try context.emit(Where(), isZero, try context.scalar(1, like: x), norm))
    return [try context.mul(try context.spread(seed, overReduced: axes, of: x), direction)]
  }
}
