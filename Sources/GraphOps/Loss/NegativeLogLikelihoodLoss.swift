// SPDX-License-Identifier: Apache-2.0
// Negative log-likelihood of labels.

import GraphIR
import KernelIR
import TensorCore

package struct NegativeLogLikelihoodLoss: ClassLossOperation {
  package static let name = "NegativeLogLikelihoodLoss"
  package static let summary =
    "-input[label] of log-probabilities, weighted by class; its mean, sum, or one for each element."
  package static let operands = [Slot("input"), Slot("target"), Slot("weight", .optional)]
  package static let results = [Slot("loss")]
  package var reduction = "mean"
  package var ignoreIndex: Int?
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] { [try lossType(operands)] }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let logs = operands[0], let labels = operands[1] else { throw TypeError("'\(Self.name)' needs two operands") }
    _ = try inferTypes(operands.map { $0?.type })
    return [loss(logs, labels, operands.count > 2 ? operands[2] : nil)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      guard let labels = operands[1] else { throw TypeError("'\(Self.name)' needs labels") }
      let logs = try builder.widened(operands[0])
      let parts = try weigh(&builder, logs, labels, operands.count > 2 ? operands[2] : nil)
      return [try builder.narrowed(try reduce(&builder, logs, parts), to: type.dtype)]
    }
  }

  /// dInput = -w at the labels, times the loss's gradient.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let input = context.operands[0], let labels = context.operands[1] else {
      return context.operands.map { _ in nil }
    }
    let logs = try context.builder.widened(input)
    let parts = try weigh(&context.builder, logs, labels, context.operands.count > 2 ? context.operands[2] : nil)
    let w = try context.emit(Neg(), try seedWeights(&context, seed, parts))
    let toInput = try context.builder.narrowed(w, to: context.type(input).dtype)
    return [toInput] + (try weightsGradient(&context, seed, logs))
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let (operation, types, ranges) = lossSample(&random)
    return Sample(operation, types, ranges: ranges)
  }
}
