// SPDX-License-Identifier: Apache-2.0
// Products whose softmax weighs a sum, found by what they compute: attention, whatever operators it comes from.

import GraphIR
import KernelIR
import TensorCore

/// A contraction, elementwise operators, a softmax along one of its axes, and a contraction that sums along this axis:
/// `out[q, n] = Σₖ softmaxₖ(f(Σ_d Q[q, d] · K[k, d])) · V[k, n]`, around it any other axes.
///
/// Computed together, the scores exist for a block of queries and keys at a time only. Blocks of keys are joined by the
/// running maximum and total of every query: what was summed under an older maximum is scaled to the newer one.
struct AttentionRegion {
  /// The contraction that multiplies queries and keys.
  var product: NodeID
  /// Everything between the contractions.
  var between: [NodeID]
  /// The contraction that sums the values.
  var sum: NodeID
  /// What the softmax is taken of, the largest of a query, `exp(score - largest)`, and the total of these.
  var score, largest, power, total: ValueID
  /// Which operand of the product is read by key; the other one is read by query.
  var keyOperand: Int
  var queryOperand: Int { 1 - keyOperand }
  var nodes: [NodeID] { [product] + between + [sum] }

  /// Whether a contraction's operand is made by the kernel itself, element by element.
  func makes(operand: Int, of node: NodeID) -> Bool {
    node == sum ? operand == 0 : node == product && operand == queryOperand
  }
}

/// Finds the attention that starts with a product.
struct AttentionSearch {
  private static let mostNodes = 32
  /// The most elements of a query, a key or a value: blocks of them stay in near caches.
  private static let mostDepth = 512
  /// Keys and values, in elements, that are worth a second thread.
  private static let sharedCount = 1 << 18

  let state: LoweringState
  /// The region of each node that has one.
  let owner: [Int?]

  private var graph: Graph { state.graph }

  /// What starts with a contraction, when nothing of it is needed elsewhere.
  func find(_ product: NodeID) -> AttentionRegion? {
    guard state.options.fuses, case .contraction(let inner) = state.lowerings[product.index],
      let (between, sum) = chain(from: product), case .contraction(let outer) = state.lowerings[sum.index],
      [.f32, .f64].contains(inner.accumulator), inner.accumulator == outer.accumulator
    else { return nil }
    // A softmax and nothing else is reduced.
    func reductions(_ combiner: Combiner) -> [NodeID] {
      between.filter {
        if case .reduction(let own) = state.lowerings[$0.index] { own.kind == .combine(combiner) } else { false }
      }
    }
    let (maxima, totals) = (reductions(.max), reductions(.sum))
    guard maxima.count == 1, totals.count == 1, let score = graph[maxima[0]].operands[0],
      let power = graph[totals[0]].operands[0]
    else { return nil }
    let scope = KernelScope(state)
    guard let index = AttentionIndex(product: product, between: between, sum: sum, scope),
      let keyOperand = keyOperand(product, inner, index)
    else { return nil }
    let region = AttentionRegion(
      product: product, between: between, sum: sum, score: score, largest: graph[maxima[0]].results[0], power: power,
      total: graph[totals[0]].results[0], keyOperand: keyOperand)
    guard isWorthwhile(region, index), canRead(region, inner, outer), AttentionSoftmax(region, index, scope) != nil
    else { return nil }
    return region
  }

  /// Whether keys and values are in memory, or will be, as the kernel reads them: by strides, and the values' columns
  /// side by side.
  private func canRead(_ region: AttentionRegion, _ inner: ContractionLowering, _ outer: ContractionLowering) -> Bool {
    func operand(_ node: NodeID, _ number: Int, _ contraction: ContractionLowering) -> ContractionOperand? {
      guard let value = graph[node].operands[number] else { return nil }
      let root = state.memoryRoot(value)
      let isStored = state.isStored(root) || state.isConstant(root)
      if !isStored { state.store(root) }
      defer { if !isStored { state.forget(root) } }
      let operand = ContractionOperand(value, number == 0 ? contraction.a : contraction.b, contraction, state)
      return operand?.isConstant == false ? operand : nil
    }
    return operand(region.product, region.keyOperand, inner) != nil
      && operand(region.sum, 1, outer)?.hasNeighbouringColumns(outer) == true
  }

  /// The nodes that read a contraction's result and what follows from it, up to the contraction that reads them all.
  private func chain(from product: NodeID) -> (between: [NodeID], sum: NodeID)? {
    var members: Set<NodeID> = []
    var sum: NodeID?
    var frontier = [graph[product].results[0]]
    guard owner[product.index] == nil else { return nil }
    while let value = frontier.popLast() {
      if state.isOutput[value.index] { return nil }
      for user in state.users[value.index] {
        guard owner[user.index] == nil, graph[user].results.count == 1 else { return nil }
        switch state.lowerings[user.index] {
        case .pointwise, .reshape, .reduction:
          if members.insert(user).inserted { frontier.append(graph[user].results[0]) }
        case .contraction:
          guard sum == nil || sum == user, graph[user].operands.firstIndex(of: value) == 0,
            graph[user].operands[1] != value
          else { return nil }
          sum = user
        default: return nil
        }
      }
      if members.count > Self.mostNodes { return nil }
    }
    return sum.map { (members.sorted { $0.index < $1.index }, $0) }
  }

  /// The operand of the product that moves with the key; nil unless the other one alone moves with the query.
  private func keyOperand(_ product: NodeID, _ inner: ContractionLowering, _ index: AttentionIndex) -> Int? {
    func uses(_ operand: [ContractionLowering.Index], _ axis: Axis) -> Bool {
      operand.contains { $0.terms.contains { index.product[$0.axis].uses(axis) } }
    }
    let byKey = [inner.a, inner.b].map { uses($0, index.key.axis) }
    guard byKey[0] != byKey[1] else { return nil }
    let keyOperand = byKey[0] ? 0 : 1
    if let query = index.query, uses([inner.a, inner.b][keyOperand], query.axis) { return nil }
    return keyOperand
  }

  /// Keys and values that are constants are packed when the model is compiled, which makes their products as fast as
  /// they can be; reading them in place instead costs more than the scores' memory does. Rows that are much longer than
  /// those of heads do not stay in near caches by blocks. A single block of queries is work for one thread only, where
  /// the products by themselves are shared by keys and columns.
  private func isWorthwhile(_ region: AttentionRegion, _ index: AttentionIndex) -> Bool {
    guard let keys = graph[region.product].operands[region.keyOperand], let values = graph[region.sum].operands[1],
      !state.isConstant(keys), !state.isConstant(values),
      case .contraction(let sum) = state.lowerings[region.sum.index], sum.axes.allSatisfy({ $0.extent != 0 }),
      let depth = index.depth.reduce(Dim(1), { $0 * $1.extent }).value, let width = index.column.extent.value
    else { return false }
    guard (1...Self.mostDepth).contains(depth), (1...Self.mostDepth).contains(width) else { return false }
    let queries = index.query.map { Dim.ceilDiv($0.extent, Dim(state.options.target.lanes)) } ?? 1
    guard index.batch.reduce(queries, { $0 * $1.extent }) == 1, let keys = index.key.extent.value else { return true }
    return keys <= Self.sharedCount / (depth + width)
  }
}
