// SPDX-License-Identifier: Apache-2.0
// What differs between two models: boxes, their edges and types, parameters, memory.

import GraphIR
import GraphLanguage
import GraphLayers
import GraphLowering
import GraphSupport
import PlanIR
import TensorCore

/// The differences of two models, by the paths of boxes and the names of parameters.
package struct ModelDifference: Sendable {
  package enum Change: String, Sendable { case added, removed, changed }

  /// A box or parameter that is not the same in both.
  package struct Entry: Sendable {
    package var change: Change
    package var name: String
    /// What it is in the first and in the second model; empty where it is not there.
    package var before: String
    package var after: String
  }

  /// A number of each model.
  package struct Figure: Sendable {
    package var name: String
    /// Nil where a model has none: sizes that are names, or a model that cannot be compiled.
    package var before: Int?
    package var after: Int?
    package var isBytes = false
  }

  package var boxes: [Entry] = []
  package var parameters: [Entry] = []
  package var figures: [Figure] = []

  package var isEmpty: Bool {
    boxes.isEmpty && parameters.isEmpty && figures.allSatisfy { $0.before == $0.after }
  }

  /// Compares two models; both are lowered, for their memory.
  package init(_ a: ModelSource, _ b: ModelSource, _ options: CompileOptions) {
    boxes = Self.entries(Self.boxes(a), Self.boxes(b))
    parameters = Self.entries(Self.parameters(a), Self.parameters(b)) + Self.values(a, b)
    let (first, second) = (Self.figures(a, options), Self.figures(b, options))
    figures = zip(first, second).map { Figure(name: $0.name, before: $0.value, after: $1.value, isBytes: $0.isBytes) }
  }

  /// What is different between two lists of named things, in the order of the second, what was removed last.
  private static func entries(_ a: [(name: String, text: String)], _ b: [(name: String, text: String)]) -> [Entry] {
    let before = Dictionary(a.map { ($0.name, $0.text) }, uniquingKeysWith: { first, _ in first })
    let names = Set(b.map(\.name))
    var entries: [Entry] = []
    for (name, text) in b {
      guard let old = before[name] else {
        entries.append(Entry(change: .added, name: name, before: "", after: text))
        continue
      }
      if old != text { entries.append(Entry(change: .changed, name: name, before: old, after: text)) }
    }
    for (name, text) in a where !names.contains(name) {
      entries.append(Entry(change: .removed, name: name, before: text, after: ""))
    }
    return entries
  }

  /// Each box with its operation, where its operands come from, and its types.
  private static func boxes(_ source: ModelSource) -> [(name: String, text: String)] {
    var operands: [String: [String]] = [:]
    for edge in source.file?.diagram.edges ?? [] {
      operands[edge.to.id, default: []].append(edge.label.map { "\($0.text) \(edge.from.id)" } ?? edge.from.id)
    }
    return source.resolved.boxes.map { box in
      let types = box.outputs.map { source.resolved.graph.type($0.value).description }.joined(separator: ", ")
      let from = operands[box.path].map { "(\($0.joined(separator: ", "))) " } ?? ""
      return (box.path, "\(from)\(box.operation): \(types)")
    }
  }

  private static func parameters(_ source: ModelSource) -> [(name: String, text: String)] {
    source.resolved.graph.nodes.compactMap { node in
      (node.operation as? Parameter).map { parameter in
        let sizes = parameter.shape.map(String.init).joined(separator: ", ")
        return (parameter.name, "\(parameter.dtype)[\(sizes)]\(parameter.trainable ? "" : ", not trained")")
      }
    }
  }

  /// Parameters of the same type whose values, both from files, are not the same.
  private static func values(_ a: ModelSource, _ b: ModelSource) -> [Entry] {
    let drawn = Set(a.weights.initialized).union(b.weights.initialized)
    return b.weights.tensors.keys.sorted().compactMap { name in
      guard !drawn.contains(name), let before = a.weights.tensors[name], let after = b.weights.tensors[name],
        before.type == after.type, !before.isIdentical(to: after)
      else { return nil }
      let comparison = TensorComparison(after, before, absolute: 0, relative: 0)
      return Entry(
        change: .changed, name: name, before: "\(before.type)",
        after: "values by up to \(NumberText.short(comparison.maxAbsoluteError, digits: 4))")
    }
  }

  private static func figures(
    _ source: ModelSource, _ options: CompileOptions
  ) -> [(name: String, value: Int?, isBytes: Bool)] {
    let boxes = statistics(source.resolved).filter { $0.depth == 0 }
    let dims = smallestSizes(source.graph)
    let plan = try? CompiledModel.lower(source.graph, options).plan
    return [
      ("boxes", source.resolved.boxes.count, false),
      ("parameters", boxes.reduce(0) { $0 + $1.parameterCount }, false),
      ("FLOPs", boxes.reduce(Dim(0)) { $0 + $1.flops }.evaluate(dims), false),
      ("weights", plan?.weightsByteCount, true),
      ("arena", plan?.arenaBytes(dims), true),
      ("steps", plan?.steps.count, false),
    ]
  }
}
