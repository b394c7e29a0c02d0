// SPDX-License-Identifier: Apache-2.0
// Measures register tiles inside a model and keeps the fastest.

import GraphIR
import GraphLowering
import GraphSupport
import KernelIR
import LLVMBackend
import PlanIR
import TensorCore

/// What a tuning did.
package struct TuningReport: Sendable {
  /// Contractions of different shapes, those whose measurements were kept from before, and those that are not finished.
  package var shapes = 0
  package var known = 0
  package var unfinished = 0
  /// Those that another tile than the rule's is faster for.
  package var improved = 0
  package var seconds = 0.0
}

/// Times every contraction of a model with each of its candidate tiles, all in their places: with their epilogues and
/// the memory that the steps around them leave. A tile's time is the least of several runs on one thread. What was
/// measured is kept in a cache by shape and processor, so that a later tuning goes on where this one ended.
package struct TileTuner {
  private let graph: Graph
  private let options: CompileOptions
  private let cache: TileCache
  private let seconds: Double
  private let patience: Duration
  private let progress: (_ done: Int, _ total: Int) -> Void
  /// Nanoseconds of a call, by shape and tile.
  private var times: [ContractionShape: [Contract.Tile: Double]] = [:]

  /// A tile has to be this much faster than the rule's to take its place: less may be noise.
  private static let margin = 0.98

  /// - Parameters:
  ///   - seconds: About how long to measure at most.
  ///   - patience: How long to run the model with a choice of tiles, to meet a quiet moment.
  ///   - progress: Called before each measurement of the model.
  package init(
    _ graph: Graph, _ options: CompileOptions, cache: TileCache, seconds: Double,
    patience: Duration = .milliseconds(300), progress: @escaping (_ done: Int, _ total: Int) -> Void
  ) {
    (self.graph, self.options, self.cache, self.progress) = (graph, options, cache, progress)
    (self.seconds, self.patience) = (seconds, patience)
  }

  /// The tiles to compile the model with.
  package mutating func tune() throws -> (tiles: [ContractionShape: Contract.Tile], report: TuningReport) {
    let start = ContinuousClock.now
    let end = start + .seconds(seconds)
    let parts = try CompiledModel.parts(graph, options)
    let lowered = try CompiledModel.lower(parts, options.lowering)
    let shapes = Set(lowered.contractions.compactMap { $0 })
    for shape in shapes { times[shape] = read(shape) }
    var report = TuningReport(shapes: shapes.count)
    report.known = shapes.count { isDone($0) }
    let total = shapes.map { missing($0).count }.max() ?? 0
    for round in 0..<total {
      // The rule's tiles come first, so that whatever is measured has something to be compared with.
      if round > 0, ContinuousClock.now >= end { break }
      progress(round, total)
      var trial: [ContractionShape: Contract.Tile] = [:]
      for shape in shapes { trial[shape] = missing(shape).first ?? best(shape) }
      try measure(trial, parts, end)
      // What is measured is kept, whatever happens after.
      for shape in shapes { write(shape) }
    }
    let tiles = Dictionary(uniqueKeysWithValues: shapes.map { ($0, best($0)) })
    report.unfinished = shapes.count { !isDone($0) }
    report.improved = tiles.count { $0.value != $0.key.ruledTile }
    report.seconds = (ContinuousClock.now - start) / .seconds(1)
    return (tiles, report)
  }

  private func missing(_ shape: ContractionShape) -> [Contract.Tile] { shape.tiles.filter { times[shape]?[$0] == nil } }
  private func isDone(_ shape: ContractionShape) -> Bool { missing(shape).isEmpty }

  /// The fastest tile, or the rule's.
  private func best(_ shape: ContractionShape) -> Contract.Tile {
    let rule = shape.ruledTile
    guard let known = times[shape], let limit = known[rule] else { return rule }
    let fastest = shape.tiles.min { known[$0] ?? .infinity < known[$1] ?? .infinity } ?? rule
    return known[fastest] ?? .infinity < limit * Self.margin ? fastest : rule
  }

  /// Compiles the model with these tiles and times its contractions: the general code, and that of each fast size.
  private mutating func measure(
    _ tiles: [ContractionShape: Contract.Tile], _ parts: CompiledModel.Parts, _ end: ContinuousClock.Instant
  ) throws {
    var options = options
    options.tiles = tiles
    let model = try CompiledModel(parts, options)
    let ports = model.plan.inputs.map { (name: $0.name, type: $0.type) }
    var sums: [ContractionShape: (time: Double, calls: Double)] = [:]
    for dims in try sizes(model.plan) {
      var session = try ModelSession(model, try randomInputs(ports, seed: 1, dims: dims))
      try session.run()
      var least = try session.profile()
      // Long enough for a quiet moment, not longer than there is.
      let limit = min(ContinuousClock.now + patience, end)
      var count = 1
      while count < 200, count < 4 || ContinuousClock.now < limit {
        for (step, time) in try session.profile().enumerated() { least[step] = min(least[step], time) }
        count += 1
      }
      for step in model.plan.steps(for: dims) {
        guard let shape = model.lowered.contractions[step] else { continue }
        let sum = sums[shape] ?? (0, 0)
        sums[shape] = (sum.time + Double(least[step]), sum.calls + 1)
      }
    }
    for (shape, sum) in sums {
      guard let tile = tiles[shape], times[shape]?[tile] == nil else { continue }
      times[shape, default: [:]][tile] = max(sum.time / sum.calls, 1)
    }
    // Steps that did not run have no time of their own: no tile of theirs is better than another.
    for shape in tiles.keys where sums[shape] == nil {
      for tile in missing(shape) { times[shape, default: [:]][tile] = 1 }
    }
  }

  /// Values of the named sizes to measure at: neither small nor large where the ranges allow, and every fast size.
  private func sizes(_ plan: Plan) throws -> [[String: Int]] {
    let smallest = smallestSizes(graph)
    let usual = graph.callerRanges.mapValues { min(max($0.lowerBound, 16), $0.upperBound) }
    let general = plan.arenaBytes(usual) != nil && Self.fits(graph, usual) ? usual : smallest
    return [general] + plan.variants.map { general.merging($0.sizes) { _, fast in fast } }
  }

  private static func fits(_ graph: Graph, _ sizes: [String: Int]) -> Bool {
    graph.nodes.allSatisfy { node in
      node.results.allSatisfy { graph.type($0).shape.allSatisfy { ($0.isConstant ? 1 : $0.evaluate(sizes) ?? 1) > 0 } }
    }
  }

  // MARK: The cache

  /// A line for each tile: rows, columns, unrolling, nanoseconds. Only candidates count.
  private func read(_ shape: ContractionShape) -> [Contract.Tile: Double] {
    let candidates = Set(shape.tiles)
    var known: [Contract.Tile: Double] = [:]
    for line in (cache.find(shape.description) ?? "").split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 4, let rows = Int(words[0]), let columns = Int(words[1]), let unroll = Int(words[2]),
        let time = Double(words[3]), time > 0, time.isFinite
      else { continue }
      let tile = Contract.Tile(rows: rows, columns: columns, unroll: unroll)
      if candidates.contains(tile) { known[tile] = time }
    }
    return known
  }

  private func write(_ shape: ContractionShape) {
    let lines = (times[shape] ?? [:]).sorted { $0.value < $1.value }.map { tile, time in
      "\(tile.rows) \(tile.columns) \(tile.unroll) \(time)"
    }
    cache.insert(lines.joined(separator: "\n") + "\n", shape.description)
  }
}
