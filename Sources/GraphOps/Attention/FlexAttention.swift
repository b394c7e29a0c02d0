// SPDX-License-Identifier: Apache-2.0
// Attention whose scores and probabilities pass through regions.

import GraphIR
import KernelIR
import TensorCore

/// Scores, probabilities and the last product are computed in `softmax_precision`, f32 or wider.
package struct FlexAttention: Operation {
  package static let name = "FlexAttention"
  package static let summary =
    "prob_mod(softmax(score_mod(scale · Q · Kᵀ))) · V over heads [B, heads, rows, width], each of K's for several of Q's."
  package static let operands = [Slot("Q"), Slot("K"), Slot("V")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("scale", \.scale, "what products are multiplied by; none: 1 / √width"),
      Attribute("score_mod", \.scoreRegion, "what scores become: a region of one input and one output of their type"),
      Attribute("prob_mod", \.probabilityRegion, "what probabilities become, likewise"),
      Attribute("softmax_precision", \.precision, "the type of scores and probabilities, at least f32"),
    ]
  }
  package var scale: Double?
  package var scoreRegion: SharedGraph?
  package var probabilityRegion: SharedGraph?
  package var precision: DType?
  package init() {}

  /// The type of the scores.
  package func scoreType(_ operands: [TensorType?]) throws(TypeError) -> TensorType {
    guard let q = operands[0], let k = operands[1], let v = operands[2], q.rank == 4, k.rank == 4, v.rank == 4,
      q.dtype.isFloat, k.dtype == q.dtype, v.dtype.isFloat
    else { throw TypeError("'FlexAttention' takes floats [B, heads, rows, width]", operand: 0) }
    guard q.shape[0] == k.shape[0], k.shape.prefix(3) == v.shape.prefix(3), q.shape[3] == k.shape[3],
      q.shape[1] == k.shape[1] || q.shape[1].dividedExactly(by: k.shape[1]) != nil
    else { throw TypeError("the sizes of Q \(q), K \(k) and V \(v) of 'FlexAttention' do not fit", operand: 1) }
    guard precision?.isFloat ?? true, scale != nil || q.shape[3].value != nil else {
      throw TypeError("'FlexAttention' needs a float precision, and a scale or a width that is a number")
    }
    let wide = (precision ?? q.dtype).computeType
    return TensorType(wide == .f32 ? q.dtype.computeType : wide, q.shape.prefix(3) + [k.shape[2]])
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let scores = try scoreType(operands)
    for (name, region) in [("score_mod", scoreRegion), ("prob_mod", probabilityRegion)] {
      guard let graph = region?.graph else { continue }
      guard graph.inputTypes == [scores], graph.outputTypes == [scores] else {
        throw TypeError("'\(name)' of 'FlexAttention' must make \(scores) of \(scores)")
      }
    }
    guard let q = operands[0], let v = operands[2] else { throw TypeError("'FlexAttention' needs three operands") }
    return [TensorType(v.dtype, q.shape.prefix(3) + [v.shape[3]])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let q = operands[0], let k = operands[1], let v = operands[2] else {
      throw TypeError("'FlexAttention' needs three operands")
    }
    let type = try inferTypes([q.type, k.type, v.type])[0]
    var scores = DotProductAttention(scale: scale).reference(q, k, v) { _, _, _, _ in 0 }.products
    scores.dtype = try scoreType([q.type, k.type, v.type]).dtype
    if let region = scoreRegion { scores = try region.graph.evaluate([scores])[0] }
    var probabilities = try Softmax(axis: 3).evaluate([scores])[0]
    if let region = probabilityRegion { probabilities = try region.graph.evaluate([probabilities])[0] }
    var result = Reference(zeros: v.dtype, try staticSizes(type.shape, for: Self.name))
    let (keys, width, group) = (k.shape[2], v.shape[3], q.shape[1] / k.shape[1])
    forEachIndex(result.shape) { position, index in
      let row = (index[0] * q.shape[1] + index[1]) * q.shape[2] + index[2]
      let head = index[0] * k.shape[1] + index[1] / group
      result.reals[position] = (0..<keys).reduce(0) {
        $0 + probabilities.reals[row * keys + $1] * v.reals[(head * keys + $1) * width + index[3]]
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let q = types.operands[0], let k = types.operands[1], let v = types.operands[2],
      let scoreType = try? scoreType(types.operands)
    else { return .leaf }
    // Heads of K and V as an axis beside their group of Q's.
    let (heads, group) = (k.shape[1], Dim.floorDiv(q.shape[1], k.shape[1]))
    let grouped = { @Sendable (last: Dim) in [q.shape[0], heads, group, q.shape[2], last] }
    return .decompose { builder, operands throws(TypeError) in
      let scaled = try DotProductAttention(scale: scale).scaled(try builder.widened(operands[0]), &builder)
      let keys = try builder.transposed(try builder.widened(operands[1]), [0, 1, 3, 2])
      let products = try builder.emit(
        MatMul(), try builder.reshaped(scaled, grouped(q.shape[3])),
        try builder.reshaped(keys, [k.shape[0], heads, 1, k.shape[3], k.shape[2]]))
      var scores = try builder.narrowed(try builder.reshaped(products, scoreType.shape), to: scoreType.dtype)
      if let region = scoreRegion { scores = try builder.inline(region.graph, [scores])[0] }
      var probabilities = try builder.emit(Softmax(axis: 3), scores)
      if let region = probabilityRegion { probabilities = try builder.inline(region.graph, [probabilities])[0] }
      let values = try builder.narrowed(try builder.widened(operands[2]), to: scoreType.dtype)
      let y = try builder.emit(
        MatMul(), try builder.reshaped(probabilities, grouped(k.shape[2])),
        try builder.reshaped(values, [v.shape[0], heads, 1, v.shape[2], v.shape[3]]))
      return [try builder.narrowed(try builder.reshaped(y, types.results[0].shape), to: v.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = FlexAttention()
    if random.bool() { operation.scale = 0.5 }
    let (batch, heads, group) = (random.int(1...2), random.int(1...2), random.int(1...2))
    let (rows, keys, depth, width) = (random.int(1...3), random.int(1...4), random.int(1...4), random.int(1...3))
    let dtype = random.dtype([.f32, .f64])
    func type(_ shape: [Int]) -> TensorType { TensorType(dtype, shape.map { Dim($0) }) }
    let operands = [
      type([batch, heads * group, rows, depth]), type([batch, heads, keys, depth]), type([batch, heads, keys, width]),
    ]
    func region(_ function: some Operation) -> SharedGraph? {
      var builder = GraphBuilder(name: "region")
      let x = builder.input("x", type([batch, heads * group, rows, keys]))
      guard let y = try? builder.emit(function, x) else { return nil }
      builder.output("y", y)
      return SharedGraph(builder.graph)
    }
    // Regions hold the type of the scores, so an instance with them stays of its type.
    if random.bool() { operation.scoreRegion = region(Tanh()) }
    if random.bool() { operation.probabilityRegion = region(Sqrt()) }
    return Sample(operation, operands)
  }
}
