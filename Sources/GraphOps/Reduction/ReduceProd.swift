// SPDX-License-Identifier: Apache-2.0
// Product over axes.

import GraphIR
import KernelIR
import TensorCore

package struct ReduceProd: ReductionOperation {
  package static let name = "ReduceProd"
  package static let summary = "The product of elements over axes; integers wrap."
  package static let domain = DType.floats.union([.i32, .i64, .u32, .u64])
  package var axes: [Int] = []
  package var keepDims = true
  package var noopWithEmptyAxes = false
  package init() {}

  package func combiner(_ dtype: DType) -> Combiner { .product }
  package func reference(_ group: [Double]) -> Double { group.reduce(1, *) }
  package func reference(_ group: [Int64], _ dtype: DType) -> Int64 { group.reduce(1, &*) }

  /// d/dxᵢ = Π_{j≠i} xⱼ: the product of the others, without dividing by xᵢ. With one zero only its own derivative is
  /// not zero, with two all are zero, so the product of the non-zero elements and the number of zeros give it.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else { return [nil] }
    let axes = try reducedAxes(rank: context.type(x).rank)
    let one = try context.scalar(1, like: x)
    let isZero = try context.emit(Equal(), x, try context.scalar(0, like: x))
    let nonZero = try context.emit(Where(), isZero, one, x)
    let product = try context.emit(ReduceProd(axes: axes), nonZero)
    let zeros = try context.emit(ReduceSum(axes: axes), try context.emit(Cast(to: context.type(x).dtype), isZero))
    let ofOthers = try context.div(product, nonZero)
    let othersAreNonZero = try context.emit(
      Equal(), zeros, try context.emit(Cast(to: context.type(x).dtype), isZero))
    let derivative = try context.masked(ofOthers, where: othersAreNonZero)
    return [try context.mul(try context.spread(seed, overReduced: axes, of: x), derivative)]
  }
}
