// SPDX-License-Identifier: Apache-2.0
// If whose branches give tensors of different sizes: the size that the chosen branch found is a run-time size.

import GraphIR
import TensorCore

extension GraphBuilder {
  /// Adds an If whose branches' outputs agree in element type and rank, and maybe not in sizes. A result whose sizes
  /// differ has room for the larger branch, and of that the part which the branch that ran says.
  package mutating func emitBranches(
    then: Graph, else otherwise: Graph, _ operands: [ValueID?]
  ) throws(TypeError) -> [ValueID] {
    var branches = [Branch(then), Branch(otherwise)]
    let (first, second) = (branches[0].outputs.map(\.type), branches[1].outputs.map(\.type))
    guard first.count == second.count else { return try emitAny(If(then: then, else: otherwise), operands) }
    /// An axis of an output that gets a run-time size, and the number of the output that says it.
    var sized: [(output: Int, axis: Int, room: Dim, number: Int)] = []
    for (output, (a, b)) in zip(first, second).enumerated() {
      guard a.dtype == b.dtype, a.rank == b.rank else {
        throw TypeError(
          "output \(output) of 'If' is \(a) in one branch and \(b) in the other",
          note: "the branches' element types and numbers of axes must agree; a constant condition chooses one branch")
      }
      for axis in 0..<a.rank {
        let (x, y) = (a.shape[axis], b.shape[axis])
        if x == y && !branches.contains(where: { $0.finds(x) }) { continue }
        guard let x = branches[0].bound(x, graph), let y = branches[1].bound(y, graph) else {
          throw TypeError(
            "axis \(axis) of output \(output) of 'If' is \(x) in one branch, \(y) in the other: no bound is known")
        }
        let room = Dim.larger(x, y)
        for index in branches.indices { try branches[index].extend(output, axis, to: room) }
        sized.append((output, axis, room, first.count + sized.count))
      }
    }
    if sized.isEmpty { return try emitAny(If(then: then, else: otherwise), operands) }
    let results = try emitAny(If(then: branches[0].graph, else: branches[1].graph), operands)
    var outputs = Array(results.prefix(first.count))
    for (output, axis, room, number) in sized {
      let size = runtimeSize(near: If.name, atMost: room)
      outputs[output] = try prefixes([outputs[output]], of: results[number], size, axis: axis)[0]
    }
    return outputs
  }
}

/// A branch while its outputs get the room that both need.
private struct Branch {
  private var builder: GraphBuilder
  private let bounds: [String: Dim]

  init(_ graph: Graph) {
    builder = GraphBuilder(graph)
    var bounds: [String: Dim] = [:]
    for symbol in graph.symbols where graph.definesSize(symbol.name) { bounds[symbol.name] = symbol.bound }
    self.bounds = bounds
  }

  var graph: Graph { builder.graph }
  var outputs: [(name: String, type: TensorType)] {
    builder.graph.outputs.map { ($0.name, builder.type($0.value)) }
  }

  /// Whether the branch itself finds a size.
  func finds(_ size: Dim) -> Bool { size.symbols.contains { bounds[$0] != nil } }

  /// What a size never exceeds, over sizes that are known before anything runs.
  func bound(_ size: Dim, _ outer: Graph) -> Dim? {
    var all = bounds
    for symbol in outer.symbols where all[symbol.name] == nil { all[symbol.name] = symbol.bound }
    return size.upperBound(all)
  }

  /// Gives an output room along an axis, and adds an output for the size it has without it.
  mutating func extend(_ output: Int, _ axis: Int, to room: Dim) throws(TypeError) {
    var all = builder.graph.outputs.map { (name: $0.name, value: $0.value) }
    let size = builder.type(all[output].value).shape[axis]
    if size != room { all[output].value = try builder.emit(Extend(axis: axis, room), all[output].value) }
    all.append(("\(all[output].name).size\(axis)", try builder.emit(Dimension(size, .i64))))
    builder.replaceOutputs(all)
  }
}
