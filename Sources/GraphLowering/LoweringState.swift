// SPDX-License-Identifier: Apache-2.0
// What all parts of lowering share: the graph, how each node lowers, and which values are stored in memory.

import GraphIR
import KernelIR
import TensorCore

/// The processor's facts that schedules depend on.
package struct ScheduleTarget: Sendable, Hashable {
  /// f32 elements of a vector register.
  package var lanes: Int
  /// Vector registers.
  package var registers: Int
  package init(lanes: Int, registers: Int) {
    self.lanes = lanes
    self.registers = registers
  }
}

/// How much of the optimizer runs; every level gives the same values within rounding.
package struct LoweringOptions: Sendable, Hashable {
  package var target: ScheduleTarget
  /// Without fusion every operator is a kernel of its own.
  package var fuses: Bool
  /// Large constants that are read as a mapped file has them stay in it: the weights are for this process alone.
  package var mapsConstants = false
  /// Register tiles that were measured; others are chosen by rule.
  package var tiles: [ContractionShape: Contract.Tile]
  package init(target: ScheduleTarget, fuses: Bool = true, tiles: [ContractionShape: Contract.Tile] = [:]) {
    self.target = target
    self.fuses = fuses
    self.tiles = tiles
  }
}

final class LoweringState {
  let graph: Graph
  let lowerings: [Lowering]
  let options: LoweringOptions
  let users: [[NodeID]]
  let isOutput: [Bool]
  /// For each node that makes run-time sizes the nodes that compute with them: they wait for it as its users do.
  private let sizeUsers: [NodeID: [NodeID]]
  /// Values that have memory of their own (inputs, and what the fusion decided to keep).
  private var stored: [Bool]

  init(_ graph: Graph, _ options: LoweringOptions) {
    self.graph = graph
    self.options = options
    lowerings = graph.nodes.map { $0.operation.lower(graph.types($0)) }
    users = graph.users()
    sizeUsers = graph.sizeUsers()
    var outputs = [Bool](repeating: false, count: graph.values.count)
    for output in graph.outputs { outputs[output.value.index] = true }
    isOutput = outputs
    stored = [Bool](repeating: false, count: graph.values.count)
    for input in graph.inputs { stored[input.index] = true }
  }

  func isStored(_ value: ValueID) -> Bool { stored[value.index] }
  func store(_ value: ValueID) { stored[value.index] = true }
  func forget(_ value: ValueID) { stored[value.index] = false }

  /// A value that lies in the memory of another of its rank, from an index on.
  struct Placement {
    var whole: ValueID
    var start: [Dim]
  }
  private var placements: [ValueID: Placement] = [:]

  func place(_ value: ValueID, in whole: ValueID, from start: [Dim]) {
    placements[value] = Placement(whole: whole, start: start)
  }

  func isPlaced(_ value: ValueID) -> Bool { placements[value] != nil }

  /// The value whose memory a stored value is in, and where it starts there; itself when it is in none.
  func memory(of value: ValueID) -> Placement {
    var place = Placement(whole: value, start: graph.type(value).shape.map { _ in 0 })
    while let outer = placements[place.whole] {
      place = Placement(whole: outer.whole, start: zip(place.start, outer.start).map { $0 + $1 })
    }
    return place
  }

  func isConstant(_ value: ValueID) -> Bool { constant(value) != nil }
  func constant(_ value: ValueID) -> Tensor? { (graph.producer(value)?.operation as? Constant)?.value.tensor }

  func lowering(of value: ValueID) -> Lowering? { graph[value].producer.map { lowerings[$0.index] } }

  /// The value whose memory a value shares: under reshapes that are not stored themselves.
  func memoryRoot(_ value: ValueID) -> ValueID {
    var value = value
    while !isStored(value), case .reshape? = lowering(of: value), let source = graph.producer(value)?.operands[0] {
      value = source
    }
    return value
  }

  /// Whether a node reads something that can only be computed after the members are. A region is computed as a whole,
  /// so what waits for one of its nodes waits for all.
  private func readsDependents(of members: [NodeID], _ owner: [Int?], _ regions: [Region]) -> (NodeID) -> Bool {
    let inside = Set(members)
    var waits: Set<NodeID> = []
    var frontier = members
    while let node = frontier.popLast() {
      let readers = graph[node].results.flatMap { users[$0.index] } + (sizeUsers[node] ?? [])
      for user in readers where !inside.contains(user) {
        let mates = owner[user.index].flatMap { $0 < regions.count ? regions[$0].nodes : nil } ?? [user]
        for mate in mates where waits.insert(mate).inserted { frontier.append(mate) }
      }
    }
    let late = sizeUsers.filter { waits.contains($0.key) }.values.reduce(into: Set<NodeID>()) { $0.formUnion($1) }
    return { [graph] node in
      late.contains(node)
        || graph[node].operands.contains { $0.flatMap { graph[$0].producer }.map(waits.contains) ?? false }
    }
  }

  /// The members of a region that `grow` finds without some nodes, where none of them waits for what waits for another:
  /// late ones are left out and it grows again. Nil when an anchor waits, or when it does not settle.
  ///
  /// - Parameter anchors: members that cannot be left out, besides what `grow` gives.
  func settled(
    _ anchors: [NodeID], _ owner: [Int?], _ regions: [Region], grow: (_ without: Set<Int>) -> [NodeID]
  ) -> [NodeID]? {
    var blocked: Set<Int> = []
    for _ in 0..<8 {
      let nodes = grow(blocked)
      let isLate = readsDependents(of: nodes + anchors, owner, regions)
      if anchors.contains(where: isLate) { return nil }
      let late = nodes.filter(isLate)
      if late.isEmpty { return nodes }
      blocked.formUnion(late.map(\.index))
    }
    return nil
  }
}

extension Graph {
  /// For each node that makes run-time sizes the nodes that compute with them.
  fileprivate func sizeUsers() -> [NodeID: [NodeID]] {
    var maker: [String: NodeID] = [:]
    for id in nodeIDs {
      for size in self[id].operation.definedSizes { for name in size.symbols { maker[name] = id } }
    }
    guard !maker.isEmpty else { return [:] }
    var users: [NodeID: [NodeID]] = [:]
    for id in nodeIDs {
      let makers = Set(sizeNames(of: self[id]).compactMap { maker[$0] })
      for node in makers where node != id { users[node, default: []].append(id) }
    }
    return users
  }
}
