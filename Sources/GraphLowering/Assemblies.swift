// SPDX-License-Identifier: Apache-2.0
// Results that operands are parts of: operands are computed where they are in the result, and only what remains of it is
// left to do. Concat then moves nothing, and Pad fills its border.

import GraphIR
import KernelIR
import TensorCore

/// What is left to do for a result when some of its parts are in its memory already.
struct Remains {
  /// Parts that have to be copied.
  var parts: [Assembly.Part]
  /// Where the only part is, when there are elements around it, and what these are.
  var border: (start: [Dim], size: [Dim], value: (PullContext) -> Expr)?
}

extension Fusion {
  /// Computes operands in the memory of results that they are parts of, where nobody needs them side by side.
  mutating func placeParts() {
    guard state.options.fuses else { return }
    var writers: [ValueID: Int] = [:]
    for (index, region) in regions.enumerated() { for output in region.outputs { writers[output] = index } }
    for index in regions.indices {
      guard case .pointwise = regions[index].kind, regions[index].nodes.count == 1 else { continue }
      let node = graph[regions[index].nodes[0]]
      guard let whole = node.results.first, node.results.count == 1,
        let assembly = node.operation.assembly(graph.types(node)), !hasRuntimeSize(graph.type(whole).shape)
      else { continue }
      var left: [Assembly.Part] = []
      for part in assembly.parts {
        if let value = node.operands[part.operand], let writer = writers[value], canBePlaced(value, regions[writer]) {
          state.place(value, in: whole, from: part.start)
        } else {
          left.append(part)
        }
      }
      if left.count == assembly.parts.count { continue }
      var remains = Remains(parts: left)
      if let value = assembly.rest, let part = assembly.parts.first, let operand = node.operands[part.operand] {
        remains.border = (part.start, graph.type(operand).shape, value)
      }
      regions[index].remains = remains
    }
  }

  /// Whether a region can write a value to a place with other strides, and all that read it can follow.
  private func canBePlaced(_ value: ValueID, _ writer: Region) -> Bool {
    switch writer.kind {
    case .control: return false
    case .loops(let anchor):
      guard case .loops(isElementwise: true, _) = state.lowerings[anchor.index] else { return false }
    default: break
    }
    return !state.isPlaced(value) && readersFollow(value)
  }

  /// Reshapes would no longer leave strides.
  private func readersFollow(_ value: ValueID) -> Bool {
    !state.isOutput[value.index]
      && state.users[value.index].allSatisfy { user in
        switch state.lowerings[user.index] {
        case .loops, .control, .reshape: false
        default: true
        }
      }
  }

  /// Whether a size is known only when the model runs, maybe after a part is computed.
  private func hasRuntimeSize(_ shape: [Dim]) -> Bool {
    let names = Set(graph.symbols.filter { $0.bound != nil }.map(\.name))
    return !names.isEmpty && shape.contains { !names.isDisjoint(with: $0.symbols) }
  }
}

/// The kernels of what remains of a result.
func lowerRemains(_ region: Region, _ remains: Remains, _ state: LoweringState) -> [LoweredKernel]? {
  guard let whole = region.outputs.first else { return nil }
  let node = state.graph[region.nodes[0]]
  var kernels = remains.parts.compactMap { part in
    node.operands[part.operand].map { lowerPart($0, of: whole, from: part.start, state) }
  }
  if let border = remains.border {
    let scope = KernelScope(state)
    let fill = border.value(scope.pullContext(node))
    if let kernel = lowerBorder(of: whole, around: border.start, border.size, fill, scope) { kernels.append(kernel) }
  }
  return kernels
}

/// Copies an operand to its place.
private func lowerPart(
  _ value: ValueID, of whole: ValueID, from start: [Dim], _ state: LoweringState
) -> LoweredKernel {
  let scope = KernelScope(state)
  let (space, index) = IndexSpace.over(state.graph.type(value).shape, scope)
  let place = zip(index, start).map { $0 + scope.size($1) }
  let (merged, body) = mergingAxes(space, [scope.store(whole, at: place, scope.pull(value, at: index))], scope)
  return tiled(merged, body, scope, name: "part")
}

/// Fills what is around a box of so many elements; nil where nothing is.
private func lowerBorder(
  of whole: ValueID, around start: [Dim], _ size: [Dim], _ fill: Expr, _ scope: KernelScope
) -> LoweredKernel? {
  let shape = scope.context.graph.type(whole).shape
  guard let first = shape.indices.first(where: { size[$0] != shape[$0] }) else { return nil }
  let tile = scope.axis("t")
  let outer = splitOffset(.axis(tile), shape[..<first].map(scope.size))
  var body: [Statement] = []
  // Before and after the box along each axis: within the box along the axes outside, whole along those inside.
  for axis in shape.indices where size[axis] != shape[axis] {
    let end = start[axis] + size[axis]
    let spans = [(from: Dim(0), count: start[axis]), (from: end, count: shape[axis] - end)]
    for span in spans where span.count != 0 {
      var loops: [(axis: Axis, extent: Dim)] = []
      var index = outer
      func add(_ extent: Dim, from start: Dim) {
        if extent == 1 { return index.append(scope.size(start)) }
        loops.append((scope.axis("i"), extent))
        index.append(.axis(loops[loops.count - 1].axis) + scope.size(start))
      }
      for inside in first..<axis { add(size[inside], from: start[inside]) }
      add(span.count, from: span.from)
      for inner in shape.indices.dropFirst(axis + 1) { add(shape[inner], from: 0) }
      let (merged, statements) = mergingAxes(
        IndexSpace(axes: loops), [scope.store(whole, at: index, fill)], scope)
      body += nest(merged.axes, scope, innermost: .vector(unroll: 1), statements)
    }
  }
  return scope.lowered(
    name: "border", tileAxis: tile, tiles: shape[..<first].reduce(Dim(1), *), body: body)
}
