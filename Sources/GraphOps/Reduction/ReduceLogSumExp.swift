// SPDX-License-Identifier: Apache-2.0
// Logarithm of the sum of exponentials over axes, without overflow.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct ReduceLogSumExp: ReductionOperation {
  package static let name = "ReduceLogSumExp"
  package static let summary = "ln Σexp(x) over axes, without overflow."
  package static let domain = DType.floats
  package var axes: [Int] = []
  package var keepDims = true
  package var noopWithEmptyAxes = false
  package init() {}

  package func combiner(_ dtype: DType) -> Combiner { .sum }
  package func reference(_ group: [Double]) -> Double {
    let most = group.reduce(-.infinity, maximum)
    let shift = most.isInfinite ? 0 : most
    return log(group.reduce(0) { $0 + exp($1 - shift) }) + shift
  }

  /// ln Σexp(x - m) + m with the maximum m, or 0 where that is infinite and the difference would be NaN.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let input = types.operands[0], let reduced = try? reducedAxes(rank: input.rank) else { return .leaf }
    let shape = types.results[0].shape
    return .decompose { (builder, operands) throws(TypeError) in
      let zero = try builder.scalar(0, input.dtype)
      let most = try builder.emit(ReduceMax(axes: reduced), operands[0])
      let shift = try builder.emit(Where(), builder.emit(IsInf(), most), zero, most)
      let powers = try builder.emit(Exp(), builder.emit(Sub(), operands[0], shift))
      let sum = try builder.emit(ReduceSum(axes: reduced), powers)
      let result = try builder.emit(Add(), builder.emit(Log(), sum), shift)
      return [try builder.emit(Reshape(exactly: shape), result)]
    }
  }

  /// d/dx = exp(x - y)
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else { return [nil] }
    let axes = try reducedAxes(rank: context.type(x).rank)
    let y = try context.spread(context.results[0], overReduced: axes, of: x)
    let weights = try context.emit(Exp(), try context.sub(x, y))
    return [try context.mul(try context.spread(seed, overReduced: axes, of: x), weights)]
  }
}
