// SPDX-License-Identifier: Apache-2.0
// The logarithm of softmax along an axis.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct LogSoftmax: AxisOperation {
  package static let name = "LogSoftmax"
  package static let summary = "x - log(Σ exp(x)) along an axis, computed from x - max(x)."
  package static let accuracy = Accuracy.accumulation
  package var axis = -1
  package init() {}
  package init(axis: Int) { self.axis = axis }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    try evaluateLines(operands[0]) { line in
      let largest = line.max() ?? 0
      let logSum = log(line.reduce(0) { $0 + exp($1 - largest) })
      return line.map { $0 - largest - logSum }
    }
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    let axis = axis
    return .decompose { builder, operands throws(TypeError) in
      let value = try builder.widened(operands[0])
      let shifted = try builder.emit(Sub(), value, try builder.emit(ReduceMax(axes: [axis]), value))
      let sum = try builder.emit(ReduceSum(axes: [axis]), try builder.emit(Exp(), shifted))
      return [try builder.narrowed(try builder.emit(Sub(), shifted, try builder.emit(Log(), sum)), to: x.dtype)]
    }
  }

  /// dX = G - exp(y) · Σ G
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return [nil] }
    let sum = try context.emit(ReduceSum(axes: [axis]), seed)
    let share = try context.emit(Mul(), try context.emit(Exp(), context.results[0]), sum)
    return [try context.emit(Sub(), seed, share)]
  }
}
