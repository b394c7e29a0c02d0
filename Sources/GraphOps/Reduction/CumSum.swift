// SPDX-License-Identifier: Apache-2.0
// Running sums along an axis.

import GraphIR
import KernelIR
import TensorCore

package struct CumSum: RunningOperation {
  package static let name = "CumSum"
  package static let summary = "The sum of the elements up to each along an axis, in order; integers wrap."
  package static let identity = 0
  package var axis = 0
  package var exclusive = false
  package var reverse = false
  package init() {}

  package static func combine(_ a: Double, _ b: Double) -> Double { a + b }
  package static func combine(_ a: Int64, _ b: Int64) -> Int64 { a &+ b }
  package static func combine(_ a: Expr, _ b: Expr) -> Expr { a + b }

  /// Element i is in the sums at and after i: the seed is summed from the other end.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return [nil] }
    return [try context.emit(CumSum(axis: axis, exclusive: exclusive, reverse: !reverse), seed)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    return Sample(
      CumSum(axis: random.int(-shape.count...shape.count - 1), exclusive: random.bool(), reverse: random.bool()),
      [TensorType(random.dtype([.f32, .f64, .f16, .i32, .u64]), shape.map { Dim($0) })])
  }
}
