// SPDX-License-Identifier: Apache-2.0
// Which values between kernels are stored in memory, and which are computed where they are read.

import GraphIR
import GraphOps
import KernelIR
import TensorCore

extension Fusion {
  /// Stores what regions read as whole tensors, what they produce for others, and what is read too often to repeat.
  mutating func storeBoundaries() {
    // Region results that are read outside their region.
    for index in regions.indices {
      let members = Set(regions[index].nodes.map(\.index))
      var outputs: [ValueID] = []
      for node in regions[index].nodes {
        for result in graph[node].results {
          let isReadOutside = state.users[result.index].contains { !members.contains($0.index) }
          if state.isOutput[result.index] || isReadOutside { outputs.append(result) }
        }
      }
      switch regions[index].kind {
      case .loops, .control:
        // A nest of its own writes all its results.
        if regions[index].nodes.count == 1 { outputs = regions[index].outputs }
      default: break
      }
      if outputs.isEmpty { outputs = regions[index].outputs }
      regions[index].outputs = outputs
      for output in outputs { state.store(output) }
    }
    for output in graph.outputs { storeRoot(output.value) }
    // From the end to the start, so that a decision about a value knows those about its users.
    for id in graph.nodeIDs.reversed() where owner[id.index] == nil {
      for result in graph[id].results where !state.isStored(result) && mustStore(result, of: id) { storeRoot(result) }
    }
    for id in graph.nodeIDs {
      switch state.lowerings[id.index] {
      case .loops, .control:
        for operand in graph[id].operands { if let operand, !state.isConstant(operand) { storeRoot(operand) } }
      case .contraction(let contraction):
        let region = owner[id.index].map { regions[$0].kind }
        for (number, index) in [contraction.a, contraction.b].enumerated() {
          guard let operand = graph[id].operands[number] else { continue }
          if case .attention(let attention) = region {
            storeOperand(operand, number, of: id, index, contraction, attention)
          } else {
            storeOperand(operand, index, contraction)
          }
        }
      default: break
      }
    }
  }

  /// Stores a value; a reshape's by storing its operand, whose memory it shares.
  private func storeRoot(_ value: ValueID) {
    guard case .reshape? = state.lowering(of: value), let source = graph.producer(value)?.operands[0] else {
      if !state.isConstant(value) { state.store(value) }
      return
    }
    storeRoot(source)
  }

  /// Stores what a contraction reads: the value under a chain of views where the views leave strides, else the operand.
  private func storeOperand(
    _ operand: ValueID, _ index: [ContractionLowering.Index], _ contraction: ContractionLowering
  ) {
    var base = operand
    while !state.isStored(base), let producer = graph[base].producer, owner[producer.index] == nil,
      let source = graph[producer].operands.first.flatMap({ $0 })
    {
      let isReshape = if case .reshape = state.lowerings[producer.index] { true } else { false }
      if !isReshape, !isMovement(producer), !widensBytes(producer) { break }
      if graph[producer].operands.count > 1 { break }
      base = source
    }
    let wasStored = state.isStored(base) || state.isConstant(base)
    if !wasStored { state.store(base) }
    if ContractionOperand.canRead(operand, index, contraction, state) { return }
    if !wasStored && base != operand { state.forget(base) }
    // What is only widened for the products is stored as it is.
    var narrow = operand
    while let cast = graph[narrow].producer, isOperandCast(cast), let source = graph[cast].operands[0] { narrow = source }
    storeRoot(narrow)
  }

  /// Stores what an attention reads as a whole: keys however they lie, values with their columns side by side.
  private func storeOperand(
    _ operand: ValueID, _ number: Int, of id: NodeID, _ index: [ContractionLowering.Index],
    _ contraction: ContractionLowering, _ attention: AttentionRegion
  ) {
    if attention.makes(operand: number, of: id) { return }
    storeOperand(operand, index, contraction)
    guard id == attention.sum, let values = ContractionOperand(operand, index, contraction, state) else { return }
    if !values.hasNeighbouringColumns(contraction) { storeRoot(operand) }
  }

  private func mustStore(_ value: ValueID, of id: NodeID) -> Bool {
    guard isPointwise(id) else {
      if case .reshape = state.lowerings[id.index] { return false }
      return true
    }
    if state.isConstant(value) { return false }
    if !state.options.fuses { return true }
    // What products read is what is widened.
    if isOperandCast(id) { return false }
    let users = state.users[value.index].flatMap { user in
      isOperandCast(user) ? state.users[graph[user].results[0].index] : [user]
    }
    let cost = arithmeticCost(id)
    let operandCount = graph[id].operands.filter { operand in operand.map { !state.isConstant($0) } ?? false }.count
    // Work that would be repeated: several readers, or readers that touch an element more than once.
    let repeats = users.count > 1 || users.contains { readsRepeatedly($0, value) }
    if repeats && (cost > 2 || (cost > 0 && operandCount > 1) || operandCount > 2) { return true }
    // Very long chains make very large kernels.
    return chainLength(value) % 24 == 23
  }

  /// The longest chain of computed operators below a value.
  private func chainLength(_ value: ValueID) -> Int {
    var (length, frontier) = (0, [value])
    while !frontier.isEmpty && length < 64 {
      var next: [ValueID] = []
      for value in frontier.prefix(64) {
        guard !state.isStored(value), let producer = graph[value].producer, owner[producer.index] == nil else { continue }
        next += graph[producer].operands.compactMap { $0 }
      }
      frontier = next
      length += 1
    }
    return length
  }

  private func readsRepeatedly(_ node: NodeID, _ value: ValueID) -> Bool {
    switch state.lowerings[node.index] {
    case .contraction: return true
    case .reduction(let reduction): return reduction.axes == nil
    case .reshape:
      guard let result = graph[node].results.first else { return false }
      return state.users[result.index].count > 1 || state.users[result.index].contains { readsRepeatedly($0, result) }
    case .pointwise:
      guard let result = graph[node].results.first else { return false }
      let (from, to) = (graph.type(value).elementCount, graph.type(result).elementCount)
      if from == 1 { return false }
      if from != to && !(isMovement(node)) { return true }
      return false
    default: return false
    }
  }
}
