// SPDX-License-Identifier: Apache-2.0
// Running products along an axis.

import GraphIR
import KernelIR
import TensorCore

package struct CumProd: RunningOperation {
  package static let name = "CumProd"
  package static let summary = "The product of the elements up to each along an axis, in order; integers wrap."
  package static let identity = 1
  package var axis = 0
  package var exclusive = false
  package var reverse = false
  package init() {}

  package static func combine(_ a: Double, _ b: Double) -> Double { a * b }
  package static func combine(_ a: Int64, _ b: Int64) -> Int64 { a &* b }
  package static func combine(_ a: Expr, _ b: Expr) -> Expr { a * b }

  /// dx_k = P_k · Q_k with the product P_k of what comes before, and Q_k = Σ over i from k of g_i times the product of
  /// what lies between: no division, so that zeros are no special case.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else { return [nil] }
    let type = context.type(x)
    let place = try normalized(axis, rank: type.rank, for: Self.name)
    let before = try context.emit(CumProd(axis: axis, exclusive: true, reverse: reverse), x)
    let rest = try context.emit(ProductScan(axis: place, exclusive: exclusive, reverse: reverse), x, seed)
    return [try context.mul(before, rest)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    return Sample(
      CumProd(axis: random.int(-shape.count...shape.count - 1), exclusive: random.bool(), reverse: random.bool()),
      [TensorType(random.dtype([.f32, .f64, .i32, .u64]), shape.map { Dim($0) })], ranges: [0: -1.25...1.25])
  }
}
