// SPDX-License-Identifier: Apache-2.0
// The boxes and edges that belong to one model or block, in an order in which they can be built.

import GraphLanguage
import GraphSupport

/// One model, or one block that boxes may use.
struct ModelScope {
  var file: GraphFile
  /// Nil for the boxes outside of every model subgraph.
  var subgraph: Subgraph?
  /// In the order of the file.
  var boxes: [Box]
  /// Edges between these boxes, in the order of the file.
  var edges: [Edge]

  /// Names of a block's parameters: `block(width, heads)`.
  var parameterNames: [(name: String, range: SourceRange)] {
    guard let call = subgraph?.head?.asCall else { return [] }
    return call.arguments.compactMap { argument in
      if case .name(let name) = argument.value.kind { return (name, argument.value.range) }
      return nil
    }
  }

  var name: String { subgraph.map { $0.head?.asCall?.name ?? $0.id } ?? file.frontMatter.title?.value ?? "model" }
}

extension GraphFile {
  /// Where the operations of boxes with free text are bound: a model has inputs, a pipeline has none.
  var bindingKey: String {
    let hasInput = diagram.boxes.contains { box in operations(of: box).contains { $0.asCall?.name == "Input" } }
    return hasInput || !frontMatter.operations.isEmpty ? "ops:" : "stages:"
  }

  /// Whether a subgraph is a model or block of its own: it has parameters, or an `Input` directly inside. Other
  /// subgraphs only group boxes in the picture.
  func isModel(_ subgraph: Subgraph) -> Bool {
    if case .call? = subgraph.head?.kind { return true }
    return subgraph.members.contains { member in
      guard case .box(let id) = member, let box = diagram.box(id) else { return false }
      return operations(of: box).contains { $0.asCall?.name == "Input" }
    }
  }

  /// The model subgraph around a box, if any.
  private func modelPlaces() -> [String: Int] {
    var places: [String: Int] = [:]
    for (index, subgraph) in diagram.subgraphs.enumerated() {
      var around: Int? = index
      while let place = around, !isModel(diagram.subgraphs[place]) { around = diagram.subgraphs[place].parent }
      guard let model = around else { continue }
      for case .box(let id) in subgraph.members { places[id] = model }
    }
    return places
  }

  /// The scope of the boxes outside of every model, and those of the models.
  func scopes() -> (top: ModelScope, models: [ModelScope]) {
    let places = modelPlaces()
    func scope(_ place: Int?) -> ModelScope {
      let boxes = diagram.boxes.filter { places[$0.id] == place }
      let ids = Set(boxes.map(\.id))
      let edges = diagram.edges.filter { ids.contains($0.from.id) && ids.contains($0.to.id) && $0.stroke != .invisible }
      return ModelScope(file: self, subgraph: place.map { diagram.subgraphs[$0] }, boxes: boxes, edges: edges)
    }
    let models = diagram.subgraphs.indices.filter { isModel(diagram.subgraphs[$0]) }.map { scope($0) }
    return (scope(nil), models)
  }

  /// Edges that no model can follow: between models, or to a subgraph.
  func strayEdges() -> [ResolveError] {
    let places = modelPlaces()
    return diagram.edges.filter { $0.stroke != .invisible }.compactMap { edge in
      for end in [edge.from, edge.to] where end.isSubgraph {
        return ResolveError(
          "an edge to the subgraph '\(end.id)' carries no tensor", id: "edge-to-subgraph", at: end.range,
          notes: ["use the block by name in a box, such as [\"\(end.id)\"]"])
      }
      guard places[edge.from.id] != places[edge.to.id] else { return nil }
      return ResolveError(
        "this edge leads from one model into another: '\(edge.from.id)' and '\(edge.to.id)'", id: "edge-between-models",
        at: edge.range, notes: ["use a block by name in a box"])
    }
  }
}

extension ModelScope {
  /// The boxes in an order in which every box comes after those that lead to it, or the error of a cycle.
  func ordered() throws(ResolveError) -> [Box] {
    var waiting: [String: Int] = [:]
    for edge in edges { waiting[edge.to.id, default: 0] += 1 }
    let following = Dictionary(grouping: edges, by: \.from.id)
    let place = Dictionary(
      boxes.enumerated().map { ($0.element.id, $0.offset) }, uniquingKeysWith: { first, _ in first })
    var ready = boxes.filter { waiting[$0.id] == nil }.reversed() as [Box]
    var result: [Box] = []
    while let box = ready.popLast() {
      result.append(box)
      var freed: [Box] = []
      for edge in following[box.id] ?? [] {
        waiting[edge.to.id, default: 0] -= 1
        if waiting[edge.to.id] == 0, let place = place[edge.to.id] { freed.append(boxes[place]) }
      }
      ready += freed.reversed()
    }
    if result.count == boxes.count { return result }
    throw cycle(Set(result.map(\.id)))
  }

  /// The error that shows one whole cycle among the boxes that never became ready.
  private func cycle(_ done: Set<String>) -> ResolveError {
    let incoming = Dictionary(
      grouping: edges.filter { !done.contains($0.from.id) && !done.contains($0.to.id) }, by: \.to.id)
    guard var current = boxes.first(where: { !done.contains($0.id) && incoming[$0.id] != nil })?.id else {
      return ResolveError("the boxes form a cycle", id: "cycle", at: SourceRange(0, 0))
    }
    var path: [String] = []
    while !path.contains(current) {
      path.append(current)
      guard let edge = incoming[current]?.first else { break }
      current = edge.from.id
    }
    let loop = path.drop { $0 != current }.reversed() as [String]
    let shown = (loop + [loop.first ?? current]).joined(separator: " → ")
    let range = edges.first { $0.from.id == loop.last && $0.to.id == loop.first }?.range ?? SourceRange(0, 0)
    return ResolveError(
      "the boxes form a cycle: \(shown)", id: "cycle", at: range,
      notes: ["a model runs from inputs to outputs; recurrence is LSTM, GRU, SimpleRNN or Scan"])
  }
}
