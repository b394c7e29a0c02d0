// SPDX-License-Identifier: Apache-2.0
// Which columns of a contraction are computed side by side, because the operators after it read them together: the
// gates of a recurrent cell, the two halves of a gated layer.

import GraphIR
import KernelIR
import TensorCore

/// Groups of a contraction's columns. Its epilogue computes column `u` of its results from column `u` of every group.
struct ColumnGroups {
  /// The axis of the contraction's result that its columns are.
  var axis: Int
  /// Columns of each group.
  var columns: Int
  /// Where each group starts among the contraction's columns.
  var starts: [Int]

  /// The group that an index along `axis` is in when it is `unit` and a group's start.
  func group(_ index: Expr, unit: Axis) -> Int? { index.distance(from: unit).flatMap(starts.firstIndex) }
}

extension Expr {
  /// The constant that this expression is an axis plus.
  fileprivate func distance(from axis: Axis) -> Int? {
    switch kind {
    case .axis(axis): return 0
    case .binary(.add, let x, let y):
      guard let constant = x.integerValue ?? y.integerValue, let constant = Int(exactly: constant) else { return nil }
      return (x.integerValue == nil ? x : y).distance(from: axis).map { $0 + constant }
    default: return nil
    }
  }
}

/// Finds the elementwise operators after a contraction that read its columns in groups.
struct ColumnGroupSearch {
  /// What is known of a value that follows from the product: column `u` reads the product's columns `u + shift`.
  private struct Columns {
    var extent: Int
    var shifts: Set<Int>
  }

  private static let mostNodes = 64

  private let state: LoweringState
  private let anchor: NodeID
  private let product: ValueID
  private let axis: Int
  private let extent: Int
  /// The region of each node that has one, and the nodes of each region.
  private let owner: [Int?]
  private let regions: [Region]
  private let scope: KernelScope

  private var graph: Graph { state.graph }
  private var shape: [Dim] { graph.type(product).shape }

  /// Nil where the columns cannot be in groups, whatever reads them.
  init?(
    _ anchor: NodeID, _ contraction: ContractionLowering, _ state: LoweringState, owner: [Int?], regions: [Region]
  ) {
    let columns = contraction.axes.indices.filter {
      contraction.axes[$0].role == .column && contraction.axes[$0].extent != 1
    }
    guard state.options.fuses, columns.count == 1, let extent = contraction.axes[columns[0]].extent.value,
      let axis = contraction.output.firstIndex(of: columns[0]), contraction.accumulator.isFloat,
      let a = state.graph[anchor].operands[0], let b = state.graph[anchor].operands[1], !state.isConstant(a),
      let operand = ContractionOperand(b, contraction.b, contraction, state), operand.isPacked(for: contraction)
    else { return nil }
    (self.state, self.anchor, self.axis, self.extent) = (state, anchor, axis, extent)
    (self.owner, self.regions) = (owner, regions)
    product = state.graph[anchor].results[0]
    scope = KernelScope(state)
  }

  /// The groups and the operators that are computed with the product, in order.
  func find() -> (groups: ColumnGroups, nodes: [NodeID])? {
    let extents = Set(grow(least: 1, without: []).map(\.columns.extent)).sorted()
    for columns in extents where columns < extent {
      var members: [(node: NodeID, columns: Columns)] = []
      let nodes = state.settled([anchor], owner, regions) { blocked in
        members = grow(least: columns, without: blocked)
        return members.map(\.node)
      }
      if let nodes, let groups = groups(columns, members) { return (groups, nodes) }
    }
    return nil
  }

  /// The operators that can be computed with the product, of at least so many columns.
  private func grow(least: Int, without blocked: Set<Int>) -> [(node: NodeID, columns: Columns)] {
    var known = [product: Columns(extent: extent, shifts: [0])]
    var members: [(node: NodeID, columns: Columns)] = []
    var frontier = Set(state.users[product.index].map(\.index))
    var seen: Set<Int> = []
    while let next = frontier.min(), members.count < Self.mostNodes {
      frontier.remove(next)
      guard seen.insert(next).inserted, !blocked.contains(next), owner[next] == nil,
        let columns = columns(NodeID(next), known), columns.extent >= least
      else { continue }
      members.append((NodeID(next), columns))
      let result = graph.nodes[next].results[0]
      known[result] = columns
      frontier.formUnion(state.users[result.index].map(\.index))
    }
    return members
  }

  /// The columns of a node's result when it reads what is known at its own index but for the column, which may be
  /// further on by a constant.
  private func columns(_ id: NodeID, _ known: [ValueID: Columns]) -> Columns? {
    let node = graph[id]
    guard case .pointwise(let body) = state.lowerings[id.index], node.results.count == 1 else { return nil }
    var result = graph.type(node.results[0]).shape
    guard result.count == shape.count, let extent = result[axis].value else { return nil }
    result[axis] = shape[axis]
    guard result == shape else { return nil }
    let axes = shape.indices.map { Axis(id: $0, name: "i") }
    var columns = Columns(extent: extent, shifts: [])
    var fits = true
    let context = PullContext(types: graph.types(node), dim: scope.size) { operand, index, condition in
      guard let value = node.operands[operand] else { return .int(0) }
      if let source = known[value] {
        for (place, position) in index.enumerated() where place != axis && shape[place] != 1 {
          if position != .axis(axes[place]) { fits = false }
        }
        if condition == nil, let shift = index[axis].distance(from: axes[axis]), shift >= 0,
          shift <= source.extent - extent
        {
          columns.shifts.formUnion(source.shifts.map { $0 + shift })
        } else {
          fits = false
        }
      }
      return .constant(1, graph.type(value).dtype.computeType)
    }
    _ = body(context, axes.map { .axis($0) })
    return fits ? columns : nil
  }

  /// The groups that the members of so many columns read, when nobody else reads what has more.
  private func groups(_ columns: Int, _ members: [(node: NodeID, columns: Columns)]) -> ColumnGroups? {
    let nodes = Set(members.map(\.node))
    let wide = [product] + members.filter { $0.columns.extent > columns }.map { graph[$0.node].results[0] }
    for value in wide where state.isOutput[value.index] || !state.users[value.index].allSatisfy(nodes.contains) {
      return nil
    }
    let starts = members.filter { $0.columns.extent == columns }.reduce(into: Set()) { $0.formUnion($1.columns.shifts) }
    guard (2...Contract.mostGroups).contains(starts.count) else { return nil }
    return ColumnGroups(axis: axis, columns: columns, starts: starts.sorted())
  }
}
