// SPDX-License-Identifier: Apache-2.0
// What losses of class scores against labels share: types, weights, ignored labels and the final mean or sum.

import GraphIR
import KernelIR
import TensorCore

/// A loss over `[N, C, d…]` scores and `[N, d…]` labels. A label that is `ignore_index`, or no class, has weight 0.
package protocol ClassLossOperation: Operation {
  var reduction: String { get set }
  var ignoreIndex: Int? { get set }
}

/// What `decompose` makes of a loss.
struct ClassLoss {
  /// `[N, C, d…]` bools: the label's class, where the label counts.
  var isClass: ValueID
  /// `[N, C, d…]`: the weight at the label's class, zero elsewhere.
  var weights: ValueID
  /// The sum of all weights, when the reduction divides by it.
  var total: ValueID?
}

extension ClassLossOperation {
  package static func lossAttributes() -> [Attribute<Self>] {
    [
      Attribute("reduction", \.reduction, "none, sum, or mean (the weighted one)"),
      Attribute("ignore_index", \.ignoreIndex, "a label that does not count"),
    ]
  }
  package static var attributes: [Attribute<Self>] { lossAttributes() }
  package static var accuracy: Accuracy { .accumulation }

  /// The type of the loss.
  func lossType(_ operands: [TensorType?]) throws(TypeError) -> TensorType {
    guard let scores = operands[0], let labels = operands[1] else {
      throw TypeError("'\(Self.name)' needs two operands")
    }
    guard DType.floats.contains(scores.dtype) else {
      throw TypeError("'\(Self.name)' does not take \(scores.dtype)", operand: 0)
    }
    guard scores.rank >= 2 else {
      throw TypeError("the scores of '\(Self.name)' are \(scores), expected [N, C] or more axes", operand: 0)
    }
    let wanted = TensorType(.i64, [scores.shape[0]] + scores.shape[2...])
    guard labels.shape == wanted.shape, labels.dtype == .i64 || labels.dtype == .i32 else {
      throw TypeError("the labels of '\(Self.name)' are \(labels), expected \(wanted) (or i32)", operand: 1)
    }
    if operands.count > 2, let weights = operands[2], weights != TensorType(scores.dtype, [scores.shape[1]]) {
      throw TypeError(
        "the weights of '\(Self.name)' are \(weights), expected \(TensorType(scores.dtype, [scores.shape[1]]))",
        operand: 2)
    }
    guard ["none", "sum", "mean"].contains(reduction) else {
      throw TypeError("'reduction' of '\(Self.name)' is '\(reduction)'", note: "it is 'none', 'sum' or 'mean'")
    }
    return TensorType(scores.dtype, reduction == "none" ? wanted.shape : [])
  }

  /// The loss from log-probabilities: the definition.
  func loss(_ logs: Reference, _ labels: Reference, _ weights: Reference?) -> Reference {
    let classes = logs.shape[1]
    let inner = logs.shape[2...].reduce(1, *)
    var result = Reference(zeros: logs.dtype, labels.shape)
    var (sum, total) = (0.0, 0.0)
    for (position, label) in labels.integers.enumerated() {
      if let ignoreIndex, Int(label) == ignoreIndex { continue }
      guard label >= 0, label < classes else { continue }
      let weight = weights?.reals[Int(label)] ?? 1
      let loss = -logs.reals[(position / inner * classes + Int(label)) * inner + position % inner] * weight
      result.reals[position] = loss
      sum += loss
      total += weight
    }
    switch reduction {
    case "sum": return Reference(logs.dtype, [], reals: [sum])
    case "mean": return Reference(logs.dtype, [], reals: [sum / total])
    default: return result
    }
  }

  /// The weights of every class of every element.
  func weigh(
    _ builder: inout GraphBuilder, _ scores: ValueID, _ labels: ValueID, _ weights: ValueID?
  ) throws(TypeError) -> ClassLoss {
    let type = builder.type(scores)
    let labelType = builder.type(labels)
    let column = try builder.emit(
      Reshape(exactly: [labelType.shape[0], 1] + labelType.shape[1...]), labels)
    var isClass = try builder.isIndex(column, axis: 1, size: type.shape[1])
    if let ignoreIndex {
      let index = try Tensor(labelType.dtype, [], integers: [Int64(ignoreIndex)]).orThrow()
      let isIgnored = try builder.emit(Equal(), column, try builder.constant(index))
      isClass = try builder.emit(And(), isClass, try builder.emit(Not(), isIgnored))
    }
    var hot = try builder.emit(Cast(to: type.dtype), isClass)
    if let weights {
      let line = [type.shape[1]] + type.shape[2...].map { _ in Dim(1) }
      hot = try builder.emit(Mul(), hot, try builder.emit(Reshape(exactly: line), try builder.widened(weights)))
    }
    guard reduction == "mean" else { return ClassLoss(isClass: isClass, weights: hot, total: nil) }
    let all = Array(0..<type.rank)
    return ClassLoss(
      isClass: isClass, weights: hot, total: try builder.emit(ReduceSum(axes: all, keepDims: false), hot))
  }

  /// The loss from log-probabilities, by other operators.
  func reduce(_ builder: inout GraphBuilder, _ logs: ValueID, _ parts: ClassLoss) throws(TypeError) -> ValueID {
    // Where the weight is 0 the log-probability may be -inf, and must not become NaN.
    let zero = try builder.scalar(0, like: logs)
    let isCounted = try builder.emit(Equal(), parts.weights, zero)
    let chosen = try builder.emit(Where(), isCounted, zero, try builder.emit(Mul(), logs, parts.weights))
    if reduction == "none" {
      return try builder.emit(Neg(), try builder.emit(ReduceSum(axes: [1], keepDims: false), chosen))
    }
    let all = Array(0..<builder.type(logs).rank)
    let sum = try builder.emit(Neg(), try builder.emit(ReduceSum(axes: all, keepDims: false), chosen))
    guard let total = parts.total else { return sum }
    return try builder.emit(Div(), sum, total)
  }

  /// The loss's gradient for each element: divided by all weights for the mean.
  private func seedScale(
    _ context: inout GradientContext, _ seed: ValueID, _ parts: ClassLoss
  ) throws(TypeError) -> ValueID {
    let wide = try context.builder.widened(seed)
    if reduction == "none" {
      var shape = context.type(seed).shape
      shape.insert(1, at: 1)
      return try context.emit(Reshape(exactly: shape), wide)
    }
    return try parts.total.map { total throws(TypeError) in try context.div(wide, total) } ?? wide
  }

  /// How much each element's weight counts in the loss, given the loss's gradient: weights times the seed, `[N, C, d…]`.
  func seedWeights(
    _ context: inout GradientContext, _ seed: ValueID, _ parts: ClassLoss
  ) throws(TypeError) -> ValueID {
    try context.mul(parts.weights, try seedScale(&context, seed, parts))
  }

  /// The gradients of operands 1 and on: none for labels, for the weight of a class the sum over its elements of
  /// -log-probability, less the loss where that is a mean.
  func weightsGradient(
    _ context: inout GradientContext, _ seed: ValueID?, _ logs: ValueID
  ) throws(TypeError) -> [ValueID?] {
    let none = context.operands.dropFirst().map { _ in ValueID?.none }
    guard let seed, context.operands.count > 2, let weights = context.operands[2], let labels = context.operands[1]
    else { return none }
    let parts = try weigh(&context.builder, logs, labels, weights)
    var loss = try context.neg(logs)
    if reduction == "mean" { loss = try context.sub(loss, try context.builder.widened(context.results[0])) }
    let own = try context.masked(try context.mul(loss, try seedScale(&context, seed, parts)), where: parts.isClass)
    let others = context.type(logs).shape.indices.filter { $0 != 1 }
    let sum = try context.emit(ReduceSum(axes: others, keepDims: false), own)
    return [nil, try context.builder.narrowed(sum, to: context.type(weights).dtype)]
  }

  static func lossSample(_ random: inout SampleSource) -> (Self, [TensorType?], ranges: [Int: ClosedRange<Double>]) {
    var operation = Self()
    operation.reduction = random.pick(["none", "sum", "mean"])
    let classes = random.int(2...6)
    if random.bool() { operation.ignoreIndex = random.int(-1...classes - 1) }
    let outer = random.int(4...8)
    let inner = (0..<random.int(0...2)).map { _ in random.int(1...3) }
    let dtype = random.dtype([.f32, .f64])
    var types: [TensorType?] = [
      TensorType(dtype, ([outer, classes] + inner).map { Dim($0) }),
      TensorType(random.dtype([.i32, .i64]), ([outer] + inner).map { Dim($0) }),
    ]
    if random.bool() { types.append(TensorType(dtype, [Dim(classes)])) }
    return (operation, types, [1: 0...Double(classes - 1), 2: 0.5...2])
  }
}
