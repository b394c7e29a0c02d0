// SPDX-License-Identifier: Apache-2.0
// Which operators become one kernel.
//
// Two contractions with a softmax between them are attention, one kernel that keeps no scores. A contraction takes the
// elementwise operators after it into its epilogue, also when they read its columns in groups;
// reductions over the same rows and the elementwise operators between and after them become one row kernel (softmax,
// normalisations); elementwise and movement operators are computed where they are read, unless that would repeat work.
// Whatever is left between kernels is stored.

import GraphIR
import GraphOps
import KernelIR
import TensorCore

/// One kernel's share of the graph.
struct Region {
  enum Kind {
    /// The anchor contraction, and the value its epilogue ends in.
    case contraction(NodeID)
    /// The anchor reduction, and the value it ends in.
    case reduction(NodeID)
    /// Reductions and elementwise operators over the same rows.
    case rows(RowRegion)
    /// Two contractions and the softmax between them.
    case attention(AttentionRegion)
    case pointwise
    case loops(NodeID)
    /// Nested steps of the plan.
    case control(NodeID)
  }
  var kind: Kind
  /// The nodes that only this kernel computes.
  var nodes: [NodeID]
  /// The values it stores.
  var outputs: [ValueID]
  /// How a contraction's epilogue reads its columns, when it does not read each by itself.
  var groups: ColumnGroups?
  /// Of a result some operands of which are computed in its memory: the others, and what is around them.
  var remains: Remains?
}

/// Operators over tensors of one shape whose reductions all run over the same axes.
struct RowRegion {
  var shape: [Dim]
  var axes: [Int]
  var nodes: [NodeID]
}

struct Fusion {
  let state: LoweringState
  var graph: Graph { state.graph }
  /// The region that computes a node, for nodes that belong to one.
  var owner: [Int?]
  var regions: [Region] = []

  /// Decides the regions of a graph, in an order in which they can run; nil when some wait for each other.
  static func regions(_ state: LoweringState) -> [Region]? {
    var fusion = Fusion(state)
    fusion.formAttention()
    fusion.formContractions()
    fusion.formRows()
    fusion.formReductions()
    fusion.formWhole()
    fusion.storeBoundaries()
    fusion.formPointwise()
    fusion.placeParts()
    return fusion.ordered()
  }

  private init(_ state: LoweringState) {
    self.state = state
    owner = [Int?](repeating: nil, count: state.graph.nodes.count)
  }

  // MARK: Questions

  func isPointwise(_ node: NodeID) -> Bool {
    if case .pointwise = state.lowerings[node.index] { return graph[node].results.count == 1 }
    return false
  }

  /// Whether a node only moves elements.
  func isMovement(_ node: NodeID) -> Bool { isPointwise(node) && arithmeticCost(node) == 0 }

  /// Whether a node reads an operand at exactly its own index, once.
  private func readsInPlace(_ node: NodeID, _ value: ValueID) -> Bool {
    guard isPointwise(node), let result = graph[node].results.first,
      graph.type(result).shape == graph.type(value).shape, case .pointwise(let body) = state.lowerings[node.index]
    else { return false }
    let axes = graph.type(result).shape.indices.map { Expr.axis(Axis(id: $0, name: "i")) }
    var isInPlace = true
    let context = PullContext(types: graph.types(graph[node]), dim: { _ in .size(0) }) { operand, index, condition in
      let read = graph[node].operands[operand]
      if read == value {
        for (axis, position) in index.enumerated() where graph.type(value).shape[axis] != 1 {
          if position != axes[axis] { isInPlace = false }
        }
        if condition != nil { isInPlace = false }
      }
      return .constant(1, (read.map { graph.type($0).dtype } ?? .f32).computeType)
    }
    _ = body(context, axes)
    return isInPlace
  }

  /// Whether a node only widens what contractions multiply: they read it as it was.
  func isOperandCast(_ node: NodeID) -> Bool {
    guard graph[node].operation is Cast, isMovement(node) || widensBytes(node), let result = graph[node].results.first,
      !state.isOutput[result.index]
    else { return false }
    return isMultiplied(result)
  }

  /// Whether a value is read by contractions, as it is or through views, and otherwise only by what can widen it
  /// itself.
  private func isMultiplied(_ value: ValueID) -> Bool {
    var found = false
    for user in state.users[value.index] {
      switch state.lowerings[user.index] {
      case .contraction: found = true
      case .reshape, .pointwise:
        let isView = if case .reshape = state.lowerings[user.index] { true } else { isMovement(user) }
        let result = graph[user].results[0]
        if isView, graph[user].operands.count == 1, !state.isOutput[result.index], isMultiplied(result) { found = true }
      case .reduction: continue
      default: return false
      }
    }
    return found
  }

  /// Whether a node makes i32 of bytes, which contractions multiply as they are.
  func widensBytes(_ node: NodeID) -> Bool {
    guard graph[node].operation is Cast, let result = graph[node].results.first, let operand = graph[node].operands[0]
    else { return false }
    return graph.type(result).dtype == .i32 && [.i8, .u8].contains(graph.type(operand).dtype)
  }

  /// The elementwise operators after an anchor's result that are computed with it: whatever reads the result, and what
  /// follows from it, at its own index and waits for nothing that waits for the anchor. Claims them for the region.
  private mutating func epilogue(of anchor: NodeID, region: Int) -> (nodes: [NodeID], end: ValueID) {
    let value = graph[anchor].results[0]
    guard state.options.fuses,
      let nodes = state.settled([anchor], owner, regions, grow: { inPlaceReaders(of: value, without: $0) })
    else { return ([], value) }
    let kept = nodes.filter { !isBetterInReaders($0, members: nodes) }
    for node in kept { owner[node.index] = region }
    return (kept, kept.last.map { graph[$0].results[0] } ?? value)
  }

  /// The elementwise operators that read a value, or what follows from it in this way, at their own index.
  private func inPlaceReaders(of value: ValueID, without blocked: Set<Int>) -> [NodeID] {
    var known: Set<ValueID> = [value]
    var nodes: [NodeID] = []
    var frontier = Set(state.users[value.index].map(\.index))
    var seen = blocked
    while let next = frontier.min(), nodes.count < 64 {
      frontier.remove(next)
      let id = NodeID(next)
      guard seen.insert(next).inserted, owner[next] == nil, !isOperandCast(id),
        graph[id].operands.allSatisfy({ $0.map { !known.contains($0) || readsInPlace(id, $0) } ?? true }),
        let result = graph[id].results.first
      else { continue }
      nodes.append(id)
      known.insert(result)
      frontier.formUnion(state.users[result.index].map(\.index))
    }
    return nodes
  }

  /// Whether a last operator of an epilogue is little work for the elementwise operators that read it, which have to
  /// read its operand anyway; then storing its result as well would only cost.
  private func isBetterInReaders(_ node: NodeID, members: [NodeID]) -> Bool {
    let result = graph[node].results[0]
    guard !state.isOutput[result.index], arithmeticCost(node) <= 2 else { return false }
    let readers = state.users[result.index]
    guard readers.allSatisfy({ isPointwise($0) && !members.contains($0) && owner[$0.index] == nil }) else { return false }
    return graph[node].operands.contains { operand in
      guard let operand, let producer = graph[operand].producer, !state.isConstant(operand) else { return false }
      let others = state.users[operand.index].filter { $0 != node }
      return (members.contains(producer) || owner[producer.index] != nil)
        && (state.isOutput[operand.index] || others.contains { !members.contains($0) })
    }
  }

  // MARK: Regions

  private mutating func formAttention() {
    for id in graph.nodeIDs {
      guard let attention = AttentionSearch(state: state, owner: owner).find(id) else { continue }
      for node in attention.nodes { owner[node.index] = regions.count }
      let (nodes, end) = epilogue(of: attention.sum, region: regions.count)
      regions.append(Region(kind: .attention(attention), nodes: attention.nodes + nodes, outputs: [end]))
    }
  }

  private mutating func formContractions() {
    for id in graph.nodeIDs where owner[id.index] == nil {
      guard case .contraction(let contraction) = state.lowerings[id.index] else { continue }
      owner[id.index] = regions.count
      let search = ColumnGroupSearch(id, contraction, state, owner: owner, regions: regions)
      if let (groups, nodes) = search?.find() {
        for node in nodes { owner[node.index] = regions.count }
        regions.append(Region(kind: .contraction(id), nodes: [id] + nodes, outputs: [], groups: groups))
        continue
      }
      let (nodes, end) = epilogue(of: id, region: regions.count)
      regions.append(Region(kind: .contraction(id), nodes: [id] + nodes, outputs: [end]))
    }
  }

  /// Operators that bring their own loops or steps.
  private mutating func formWhole() {
    for id in graph.nodeIDs {
      switch state.lowerings[id.index] {
      case .loops(isElementwise: true, _):
        owner[id.index] = regions.count
        let (nodes, end) = epilogue(of: id, region: regions.count)
        regions.append(Region(kind: .loops(id), nodes: [id] + nodes, outputs: [end]))
      case .loops, .control:
        let isLoops = if case .loops = state.lowerings[id.index] { true } else { false }
        owner[id.index] = regions.count
        regions.append(Region(kind: isLoops ? .loops(id) : .control(id), nodes: [id], outputs: graph[id].results))
      default: continue
      }
    }
  }

  private mutating func formReductions() {
    for id in graph.nodeIDs where owner[id.index] == nil {
      guard case .reduction = state.lowerings[id.index] else { continue }
      owner[id.index] = regions.count
      let (nodes, end) = epilogue(of: id, region: regions.count)
      regions.append(Region(kind: .reduction(id), nodes: [id] + nodes, outputs: [end]))
    }
  }

  /// The reduction of a node when it reduces whole axes of operand 0.
  private func rowReduction(_ node: NodeID) -> (shape: [Dim], axes: [Int])? {
    guard case .reduction(let reduction) = state.lowerings[node.index], let axes = reduction.axes, !axes.isEmpty,
      case .combine = reduction.kind, let operand = graph[node].operands[0]
    else { return nil }
    return (graph.type(operand).shape, axes.sorted())
  }

  private mutating func formRows() {
    for id in graph.nodeIDs where owner[id.index] == nil {
      guard let (shape, axes) = rowReduction(id) else { continue }
      let others = state.options.fuses
        ? state.settled([id], owner, regions) { rowMembers(from: id, shape: shape, axes: axes, without: $0) } : nil
      let members = ((others ?? []) + [id]).sorted { $0.index < $1.index }
      for member in members { owner[member.index] = regions.count }
      regions.append(
        Region(kind: .rows(RowRegion(shape: shape, axes: axes, nodes: members)), nodes: members, outputs: []))
    }
  }

  /// What joins a reduction in a row region: what feeds it alone elementwise, then everything after it that has the same
  /// rows.
  private func rowMembers(from seed: NodeID, shape: [Dim], axes: [Int], without blocked: Set<Int>) -> [NodeID] {
    let rowShape = shape.indices.map { axes.contains($0) ? Dim(1) : shape[$0] }
    func fits(_ node: NodeID) -> Bool {
      guard owner[node.index] == nil, !blocked.contains(node.index) else { return false }
      if let reduction = rowReduction(node) {
        // A result without the reduced axes is read through a reshape, which only the region's outside may do.
        return reduction.shape == shape && reduction.axes == axes
      }
      guard isPointwise(node), isElementwise(node) else { return false }
      let result = graph.type(graph[node].results[0]).shape
      return result == shape || result == rowShape
    }
    var members: Set<Int> = [seed.index]
    // Upstream: elementwise producers of full rows.
    var frontier = [seed]
    while let node = frontier.popLast(), members.count < 64 {
      for operand in graph[node].operands {
        guard let operand, let producer = graph[operand].producer, !members.contains(producer.index),
          graph.type(operand).shape == shape, fits(producer), isPointwise(producer), arithmeticCost(producer) > 0,
          // What else reads it comes after the seed, or the seed itself would wait.
          state.users[operand.index].allSatisfy({ members.contains($0.index) || $0.index > seed.index })
        else { continue }
        members.insert(producer.index)
        frontier.append(producer)
      }
    }
    // Downstream, in order.
    for index in (seed.index + 1)..<graph.nodes.count where !members.contains(index) && members.count < 64 {
      let node = NodeID(index)
      let reads = graph[node].operands.contains { $0.flatMap { graph[$0].producer }.map { members.contains($0.index) } ?? false }
      if reads, fits(node), !isOperandCast(node) { members.insert(index) }
    }
    members.remove(seed.index)
    return members.sorted().map(NodeID.init)
  }

  /// Whether every operand is read at the node's own index or broadcast from size 1.
  private func isElementwise(_ node: NodeID) -> Bool {
    guard case .pointwise(let body) = state.lowerings[node.index], let result = graph[node].results.first else { return false }
    let axes = graph.type(result).shape.indices.map { Expr.axis(Axis(id: $0, name: "i")) }
    var isElementwise = true
    let context = PullContext(types: graph.types(graph[node]), dim: { _ in .size(0) }) { operand, index, condition in
      if condition != nil { isElementwise = false }
      guard let value = graph[node].operands[operand] else { return .int(0) }
      let shape = graph.type(value).shape
      let shift = axes.count - shape.count
      for (axis, position) in index.enumerated() where shape[axis] != 1 {
        if shift < 0 || position != axes[axis + shift] { isElementwise = false }
      }
      return .constant(1, graph.type(value).dtype.computeType)
    }
    _ = body(context, axes)
    return isElementwise
  }

  /// The arithmetic of one element, with operands for free; 0 for pure movement.
  func arithmeticCost(_ node: NodeID) -> Double {
    guard case .pointwise(let body) = state.lowerings[node.index], let result = graph[node].results.first else { return 0 }
    let axes = graph.type(result).shape.indices.map { Expr.axis(Axis(id: $0, name: "i")) }
    let context = PullContext(types: graph.types(graph[node]), dim: { _ in .size(0) }) { operand, index, condition in
      let dtype = graph[node].operands[operand].map { graph.type($0).dtype } ?? .f32
      return .load(operand, dtype, at: flatOffset(index, index.map { _ in .size(1) }), guard: condition)
    }
    return body(context, axes).reduce(0) { $0 + $1.arithmeticCost }
  }

  // MARK: The rest

  private mutating func formPointwise() {
    for id in graph.nodeIDs where owner[id.index] == nil {
      guard case .pointwise = state.lowerings[id.index] else { continue }
      let outputs = graph[id].results.filter(state.isStored)
      if outputs.isEmpty { continue }
      regions.append(Region(kind: .pointwise, nodes: [id], outputs: outputs))
    }
  }

  // MARK: Order

  /// The regions in an order in which everything is written before it is read; nil when there is none.
  private func ordered() -> [Region]? {
    var writer: [ValueID: Int] = [:]
    for (index, region) in regions.enumerated() { for output in region.outputs { writer[output] = index } }
    var sizeWriter: [String: Int] = [:]
    for (index, region) in regions.enumerated() {
      for node in region.nodes {
        for size in graph[node].operation.definedSizes { for name in size.symbols { sizeWriter[name] = index } }
      }
    }
    /// Stored values that a region reads, and the regions that make run-time sizes it uses.
    func reads(_ region: Region) -> (values: [ValueID], sizes: [Int]) {
      var found: [ValueID] = []
      var sizes: Set<String> = []
      let members = Set(region.nodes.map(\.index))
      var seen: Set<ValueID> = []
      var frontier = region.nodes.flatMap { graph[$0].operands.compactMap { $0 } }
      for node in region.nodes where !sizeWriter.isEmpty { sizes.formUnion(graph.sizeNames(of: graph[node])) }
      while let value = frontier.popLast() {
        guard seen.insert(value).inserted else { continue }
        if !sizeWriter.isEmpty, let producer = graph.producer(value) { sizes.formUnion(graph.sizeNames(of: producer)) }
        if let producer = graph[value].producer, members.contains(producer.index) { continue }
        if state.isStored(value) {
          found.append(value)
        } else if let producer = graph.producer(value) {
          frontier += producer.operands.compactMap { $0 }
        }
      }
      return (found, sizes.compactMap { sizeWriter[$0] })
    }
    let needs = regions.enumerated().map { index, region in
      let (values, sizes) = reads(region)
      return Set(values.compactMap { writer[$0] } + sizes.filter { $0 != index })
    }
    // The original order of the regions' last nodes, as far as needs allow.
    let rank = regions.map { region in region.nodes.map(\.index).min() ?? 0 }
    var users = [[Int]](repeating: [], count: regions.count)
    var missing = [Int](repeating: 0, count: regions.count)
    for (index, set) in needs.enumerated() {
      missing[index] = set.count
      for need in set { users[need].append(index) }
    }
    var ready = regions.indices.filter { missing[$0] == 0 }
    var order: [Region] = []
    while let place = ready.indices.min(by: { rank[ready[$0]] < rank[ready[$1]] }) {
      let index = ready.remove(at: place)
      order.append(regions[index])
      for user in users[index] {
        missing[user] -= 1
        if missing[user] == 0 { ready.append(user) }
      }
    }
    return order.count == regions.count ? order : nil
  }
}
