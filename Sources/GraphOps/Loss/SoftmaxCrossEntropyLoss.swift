// SPDX-License-Identifier: Apache-2.0
// Cross-entropy of labels and the softmax of scores.

import GraphIR
import KernelIR
import TensorCore

package struct SoftmaxCrossEntropyLoss: ClassLossOperation {
  package static let name = "SoftmaxCrossEntropyLoss"
  package static let summary = "-log softmax(scores)[label], weighted by class; its mean, sum, or one for each element."
  package static let operands = [Slot("scores"), Slot("labels"), Slot("weights", .optional)]
  package static let results = [Slot("output"), Slot("log_prob", .optional)]
  package static var attributes: [Attribute<Self>] {
    lossAttributes() + [Attribute("log_prob", \.logProbabilities, "whether the log-probabilities are a result too")]
  }
  package var reduction = "mean"
  package var ignoreIndex: Int?
  package var logProbabilities = false
  package init() {}

  package var resultCount: Int { logProbabilities ? 2 : 1 }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let loss = try lossType(operands)
    return logProbabilities ? [loss] + operands.prefix(1).compactMap { $0 } : [loss]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let scores = operands[0], let labels = operands[1] else {
      throw TypeError("'\(Self.name)' needs two operands")
    }
    _ = try inferTypes(operands.map { $0?.type })
    let logs = try LogSoftmax(axis: 1).evaluate([scores])[0]
    let loss = loss(logs, labels, operands.count > 2 ? operands[2] : nil)
    return logProbabilities ? [loss, logs] : [loss]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      guard let labels = operands[1] else { throw TypeError("'\(Self.name)' needs labels") }
      let logs = try builder.emit(LogSoftmax(axis: 1), try builder.widened(operands[0]))
      let parts = try weigh(&builder, logs, labels, operands.count > 2 ? operands[2] : nil)
      let loss = try builder.narrowed(try reduce(&builder, logs, parts), to: type.dtype)
      return logProbabilities ? [loss, try builder.narrowed(logs, to: type.dtype)] : [loss]
    }
  }

  /// With weights w at the labels: dScores = softmax(scores) · Σ w - w, times the loss's gradient.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let scores = context.operands[0], let labels = context.operands[1] else { return [nil, nil] }
    let weights = context.operands.count > 2 ? context.operands[2] : nil
    let dtype = context.type(scores).dtype
    let logs = try context.builder.emit(LogSoftmax(axis: 1), try context.builder.widened(scores))
    var sum: ValueID?
    if let seed = context.seeds[0] {
      let parts = try weigh(&context.builder, logs, labels, weights)
      let w = try seedWeights(&context, seed, parts)
      let all = try context.emit(ReduceSum(axes: [1]), w)
      sum = try context.emit(Sub(), try context.emit(Mul(), try context.emit(Exp(), logs), all), w)
    }
    if context.seeds.count > 1, let seed = context.seeds[1] {
      let wide = try context.builder.widened(seed)
      let all = try context.emit(ReduceSum(axes: [1]), wide)
      let own = try context.emit(Sub(), wide, try context.emit(Mul(), try context.emit(Exp(), logs), all))
      sum = try sum.map { other throws(TypeError) in try context.emit(Add(), other, own) } ?? own
    }
    let toScores = try sum.map { value throws(TypeError) in try context.builder.narrowed(value, to: dtype) }
    return [toScores] + (try weightsGradient(&context, context.seeds[0], logs))
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var (operation, types, ranges) = lossSample(&random)
    operation.logProbabilities = random.bool()
    return Sample(operation, types, ranges: ranges)
  }
}
