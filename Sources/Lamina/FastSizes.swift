// SPDX-License-Identifier: Apache-2.0
// Sizes that a model has code of its own for, beside the code for any sizes.

import GraphIR
import GraphLanguage
import GraphOptimizer
import GraphSupport
import TensorCore

/// Combinations of fast sizes that one model may have.
private let variantLimit = 16

/// The sizes of `fast:` in the front matter and of options, which take the place of the file's.
func fastSizes(_ file: GraphFile?, _ options: [String: [Int]], _ graph: Graph) throws -> [String: [Int]] {
  let ranges = graph.callerRanges
  var findings: [Diagnostic] = []
  for (name, sizes) in options.sorted(by: { $0.key < $1.key }) {
    guard let range = ranges[name] else {
      findings.append(
        Diagnostic(
          .error, "unknown-dim", "the model has no named size '\(name)'", fixIt: nearest(name, among: ranges.keys.sorted())))
      continue
    }
    for size in sizes where !range.contains(size) {
      findings.append(
        Diagnostic(
          .error, "dim-out-of-range", "\(name) = \(size) is outside its range \(range.lowerBound)..\(range.upperBound)"))
    }
  }
  if !findings.isEmpty { throw DiagnosticsError(findings) }
  var fast = options.mapValues { Set($0).sorted() }
  for dim in file?.frontMatter.dims ?? [] where !dim.fast.isEmpty && ranges[dim.name.value] != nil {
    if fast[dim.name.value] == nil { fast[dim.name.value] = dim.fast }
  }
  _ = try fastCombinations(fast, names: Array(ranges.keys), file)
  return fast
}

/// Every combination of the fast sizes of these names, the first name's changing last.
package func fastCombinations(
  _ fast: [String: [Int]], names: [String], _ file: GraphFile? = nil
) throws(DiagnosticsError) -> [[String: Int]] {
  var combinations: [[String: Int]] = [[:]]
  let names = names.filter { !(fast[$0] ?? []).isEmpty }.sorted()
  for name in names {
    let sizes = fast[name] ?? []
    guard sizes.count <= variantLimit / combinations.count else {
      let counts = names.map { "\(fast[$0]?.count ?? 0) of '\($0)'" }.joined(separator: ", ")
      let dim = file?.frontMatter.dims.first { $0.name.value == name }
      throw DiagnosticsError([
        Diagnostic(
          .error, "too-many-fast-sizes",
          "the fast sizes, \(counts), have more than \(variantLimit) combinations",
          at: dim.flatMap { dim in file.map { $0.location(dim.name.range) } },
          notes: [Diagnostic.Note("each combination is compiled for itself: name the few that matter most")])
      ])
    }
    combinations = combinations.flatMap { known in sizes.map { known.merging([name: $0]) { _, new in new } } }
  }
  return names.isEmpty ? [] : combinations
}

extension CompiledModel {
  /// The combinations of fast sizes of a graph's own names.
  static func fastSizes(_ graph: Graph, _ options: CompileOptions) throws -> [[String: Int]] {
    try fastCombinations(options.fast, names: graph.symbols.filter { $0.bound == nil }.map(\.name))
  }

  /// An optimised graph for some of its sizes, optimised once more: constants that stay what they are stay the same
  /// memory.
  static func specialized(_ graph: Graph, _ sizes: [String: Int], _ options: CompileOptions) throws -> Graph {
    let fixed = graph.substituting(sizes.mapValues { Dim($0) })
    for value in fixed.values where value.type.shape.contains(where: { $0.value.map { $0 < 0 } ?? !$0.isValid }) {
      throw DiagnosticsError([
        Diagnostic(
          .error, "input-size", "with \(sizeList(sizes)) a size of '\(value.name ?? "a result")' would be below 0",
          notes: [Diagnostic.Note("name a larger fast size")])
      ])
    }
    var context = PassContext()
    // Products are rounded already.
    return try timed("specialize") { try GraphPass.run(GraphPass.pipeline(options.level), on: fixed, &context) }
  }
}
