// SPDX-License-Identifier: Apache-2.0
// At which index everything between two contractions is read for an element of the second one's product.

import GraphIR
import KernelIR
import TensorCore

extension ContractionLowering.Index {
  /// The index at an index of the contraction's axes.
  func position(at axes: [Expr], _ scope: KernelScope) -> Expr {
    terms.reduce(.int(0)) { $0 + axes[$1.axis] * scope.size($1.coefficient) }
  }
}

/// The axes of an attention, as its second contraction has them, and what is read where. Axes of size 1 have index 0.
struct AttentionIndex {
  typealias Entry = (axis: Axis, extent: Dim)

  /// Axes around that are neither queries nor keys.
  let batch: [Entry]
  /// Nil for one query.
  let query: Entry?
  let key: Entry
  let column: Entry
  /// The index of each axis of the second contraction.
  let sum: [Expr]
  /// The index of each axis of the first contraction, whose depth has axes of its own.
  let product: [Expr]
  let depth: [Entry]
  private let positions: [ValueID: [Expr]]

  /// Where a value between the contractions is read.
  subscript(value: ValueID) -> [Expr] { positions[value] ?? [] }

  /// Nil where the second contraction has not one axis of keys and one of columns, or what is between is not read once.
  init?(product first: NodeID, between: [NodeID], sum second: NodeID, _ scope: KernelScope) {
    let (state, graph) = (scope.context, scope.context.graph)
    guard case .contraction(let inner) = state.lowerings[first.index],
      case .contraction(let outer) = state.lowerings[second.index], let weights = graph[second].operands[0]
    else { return nil }
    var sum = [Expr](repeating: .int(0), count: outer.axes.count)
    func entries(_ role: ContractionLowering.Role, _ name: String) -> [Entry] {
      let order = role == .depth ? Array(outer.axes.indices) : outer.output
      return order.filter { outer.axes[$0].role == role && outer.axes[$0].extent != 1 }.map {
        let axis = scope.axis(name)
        sum[$0] = .axis(axis)
        return (axis, outer.axes[$0].extent)
      }
    }
    let (keys, columns) = (entries(.depth, "k"), entries(.column, "n"))
    var rows = entries(.row, "q")
    guard keys.count == 1, columns.count == 1 else { return nil }
    query = rows.popLast()
    batch = entries(.batch, "b") + rows
    (key, column) = (keys[0], columns[0])

    let walk = AttentionWalk(scope, members: Set(between), product: graph[first].results[0], key: key)
    for entry in batch + [key] + (query.map { [$0] } ?? []) {
      walk.simplifier.add(entry.axis, extent: scope.size(entry.extent))
    }
    walk.visit(weights, outer.a.map { $0.position(at: sum, scope) })
    guard walk.fits, let place = walk.found[graph[first].results[0]] else { return nil }
    var product = [Expr](repeating: .int(0), count: inner.axes.count)
    for (number, axis) in inner.output.enumerated() { product[axis] = place[number] }
    var depth: [Entry] = []
    for (number, axis) in inner.axes.enumerated() where axis.role == .depth && axis.extent != 1 {
      depth.append((scope.axis("d"), axis.extent))
      product[number] = .axis(depth[depth.count - 1].axis)
    }
    (self.sum, self.product, self.depth, positions) = (sum, product, depth, walk.found)
  }
}

/// Follows what an element of the weights is computed from back to the product.
private final class AttentionWalk {
  var simplifier = IndexSimplifier()
  private(set) var found: [ValueID: [Expr]] = [:]
  /// Whether each value is read at one index only, and reductions run over the keys.
  private(set) var fits = true
  private let scope: KernelScope
  private let members: Set<NodeID>
  private let product: ValueID
  private let key: AttentionIndex.Entry

  init(_ scope: KernelScope, members: Set<NodeID>, product: ValueID, key: AttentionIndex.Entry) {
    (self.scope, self.members, self.product, self.key) = (scope, members, product, key)
  }

  func visit(_ value: ValueID, _ index: [Expr]) {
    let graph = scope.context.graph
    let producer = graph[value].producer
    guard value == product || producer.map(members.contains) == true else { return }
    let place = index.map { simplifier.simplify($0) }
    if let known = found[value] {
      if known != place { fits = false }
      return
    }
    found[value] = place
    guard value != product, let producer else { return }
    let node = graph[producer]
    let context = PullContext(types: graph.types(node), dim: scope.size) { [self] operand, index, condition in
      guard let source = node.operands[operand] else { return .int(0) }
      if condition != nil, source == product || graph[source].producer.map(members.contains) == true { fits = false }
      visit(source, index)
      return .constant(1, graph.type(source).dtype.computeType)
    }
    switch scope.context.lowerings[producer.index] {
    case .reshape:
      guard let source = node.operands[0] else { return }
      visit(
        source, reshapeIndex(place, from: graph.type(source).shape, to: graph.type(value).shape, size: scope.size))
    case .pointwise(let body): _ = body(context, place)
    case .reduction(let reduction):
      guard reduction.extents.filter({ $0 != 1 }) == [key.extent], !place.contains(where: { $0.uses(key.axis) }) else {
        fits = false
        return
      }
      _ = reduction.element(context, place, reduction.extents.map { $0 == 1 ? .int(0) : .axis(key.axis) })
    default: fits = false
    }
  }
}
