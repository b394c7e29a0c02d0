// SPDX-License-Identifier: Apache-2.0
// Logarithm of the sum over axes.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct ReduceLogSum: ReductionOperation {
  package static let name = "ReduceLogSum"
  package static let summary = "ln Σx over axes."
  package static let domain = DType.floats
  package var axes: [Int] = []
  package var keepDims = true
  package var noopWithEmptyAxes = false
  package init() {}

  package func combiner(_ dtype: DType) -> Combiner { .sum }
  package func finish(_ x: Expr, count: Expr) -> Expr { .unary(.log, x) }
  package func reference(_ group: [Double]) -> Double { log(group.reduce(0, +)) }

  /// d/dx = 1 / Σx
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else { return [nil] }
    let axes = try reducedAxes(rank: context.type(x).rank)
    let sum = try context.emit(ReduceSum(axes: axes), x)
    let shaped = try context.emit(Reshape(exactly: context.type(sum).shape), seed)
    return [try context.spread(try context.div(shaped, sum), overReduced: axes, of: x)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var sample = sampleReduction(&random)
    sample.ranges[0] = 0.1...3
    return sample
  }
}
