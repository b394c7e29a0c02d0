// SPDX-License-Identifier: Apache-2.0
// Places arena buffers: decides for each pair that is live at once which lies beneath the other.
//
// Offset assignment with known lifetimes is dynamic storage allocation, NP-hard, so several greedy orders are tried
// and the best is improved by a short local search with a fixed seed. The search stops at the lower bound, which most
// graphs reach with the first order. Work is counted, not timed: a plan never depends on the machine's load.

import TensorCore

extension Plan {
  /// Fills in `below` of every buffer, from sizes and lifetimes. Buffers whose sizes depend on symbols are ordered by
  /// what is best over a few bindings of the symbols and stay apart for all of them. Each variant's buffers are placed
  /// for themselves.
  package mutating func placeBuffers() {
    for range in [generalSteps] + variants.indices.map({ steps(ofVariant: $0) }) {
      placeBuffers(buffers.indices.filter { variants.isEmpty || range.contains(buffers[$0].firstStep) })
    }
  }

  private mutating func placeBuffers(_ numbers: [Int]) {
    guard !numbers.isEmpty else { return }
    let buffers = numbers.map { self.buffers[$0] }
    var samples: [[Int]] = []
    for dims in sampleDims {
      let sizes = buffers.map { buffer -> Int? in
        guard let size = buffer.byteCount.evaluate(dims), size >= 0 else { return nil }
        return aligned(0, plus: max(size, 1))
      }
      let known = sizes.compactMap { $0 }
      if known.count == sizes.count, !samples.contains(known) { samples.append(known) }
    }
    // Sizes that fit no sampled binding cannot run either; any consistent order will do.
    if samples.isEmpty { samples = [Array(repeating: Plan.alignment, count: buffers.count)] }
    var placement = BufferPlacement(buffers: buffers, samples: samples)
    let below = placement.solve()
    for (index, number) in numbers.enumerated() { self.buffers[number].below = below[index].map { numbers[$0] } }
  }

  /// A few bindings of the symbols: all high, all low, all in the middle, each alone high, and those of the variants.
  /// Open ends are cut, so that sizes stay in range.
  package var sampleDims: [[String: Int]] {
    func high(_ symbol: Symbol) -> Int { max(symbol.range.lowerBound, min(symbol.range.upperBound, 4096)) }
    func low(_ symbol: Symbol) -> Int { symbol.range.lowerBound }
    func binding(_ choose: (Symbol) -> Int) -> [String: Int] {
      Dictionary(symbols.map { ($0.name, choose($0)) }, uniquingKeysWith: { first, _ in first })
    }
    guard !symbols.isEmpty else { return [[:]] }
    var bindings = [binding(high), binding(low), binding { low($0) / 2 + high($0) / 2 }]
    if symbols.count > 1 {
      for symbol in symbols.prefix(4) { bindings.append(binding { $0.name == symbol.name ? high($0) : low($0) }) }
    }
    return bindings + variants.map { variant in binding { variant.sizes[$0.name] ?? low($0) } }
  }
}

/// The search. Index spaces: buffers, and samples (bindings of the symbols).
private struct BufferPlacement {
  let samples: [[Int]]
  let lifetimes: [ClosedRange<Int>]
  /// For each buffer, those live at the same time.
  let conflicts: [[Int]]
  let lowerBounds: [Int]
  var random = SplitMix(seed: 0x1A41_7A)
  /// Pair checks left.
  var budget = 3_000_000

  struct Candidate {
    var order: [Int]
    var offsets: [Int]
    /// The worst ratio of arena to lower bound over the samples; 1 is perfect.
    var score: Double
  }

  init(buffers: [Plan.Buffer], samples: [[Int]]) {
    self.samples = samples
    lifetimes = buffers.map { $0.firstStep...max($0.firstStep, $0.lastStep) }
    var conflicts: [[Int]] = Array(repeating: [], count: buffers.count)
    let byStart = buffers.indices.sorted { buffers[$0].firstStep < buffers[$1].firstStep }
    for (position, index) in byStart.enumerated() {
      for other in byStart[(position + 1)...] {
        if buffers[other].firstStep > buffers[index].lastStep { break }
        conflicts[index].append(other)
        conflicts[other].append(index)
      }
    }
    self.conflicts = conflicts
    lowerBounds = samples.map { sizes in
      var changes: [Int: Int] = [:]
      for (index, buffer) in buffers.enumerated() {
        changes[buffer.firstStep, default: 0] &+= sizes[index]
        changes[max(buffer.firstStep, buffer.lastStep) &+ 1, default: 0] &-= sizes[index]
      }
      var live = 0
      return changes.sorted { $0.key < $1.key }.reduce(1) { most, change in
        live &+= change.value
        return max(most, live)
      }
    }
  }

  mutating func solve() -> [[Int]] {
    let count = lifetimes.count
    var best = (candidate: Candidate(order: [], offsets: [], score: .infinity), sample: 0)
    search: for sample in samples.indices {
      let sizes = samples[sample]
      let spans = lifetimes.map { Double($0.upperBound &- $0.lowerBound) + 1 }
      let pressure = conflicts.indices.map { index in conflicts[index].reduce(0.0) { $0 + Double(sizes[$1]) } }
      let keys: [[Double]] = [
        sizes.map { Double($0) },
        zip(sizes, spans).map { Double($0) * $1 },
        spans,
        pressure,
        zip(sizes, pressure).map { Double($0) * $1 },
        lifetimes.map { -Double($0.lowerBound) },
        lifetimes.map { Double($0.upperBound) },
      ]
      for key in keys {
        let order = (0..<count).sorted { key[$0] != key[$1] ? key[$0] > key[$1] : $0 < $1 }
        for tight in [false, true] {
          let candidate = evaluate(order, sample: sample, tight: tight)
          if candidate.score < best.candidate.score { best = (candidate, sample) }
          if best.candidate.score <= 1 { break search }
        }
      }
    }
    improve(&best.candidate, sample: best.sample)
    return below(best.candidate.offsets)
  }

  /// Moves buffers that touch the top of the arena, and whatever conflicts with them, forward in the placing order.
  private mutating func improve(_ best: inout Candidate, sample: Int) {
    let count = best.order.count
    guard count > 2 else { return }
    let sizes = samples[sample]
    var current = best
    while best.score > 1, budget > 0 {
      let height = (0..<count).map { current.offsets[$0] + sizes[$0] }.max() ?? 0
      let top = (0..<count).filter { current.offsets[$0] + sizes[$0] == height }
      var moved = top[random.next(below: top.count)]
      if random.next(below: 3) == 0, !conflicts[moved].isEmpty {
        moved = conflicts[moved][random.next(below: conflicts[moved].count)]
      }
      var order = current.order
      guard let from = order.firstIndex(of: moved) else { return }
      order.remove(at: from)
      order.insert(moved, at: random.next(below: from + 1))
      if random.next(below: 4) == 0 { order.swapAt(random.next(below: count), random.next(below: count)) }
      let candidate = evaluate(order, sample: sample, tight: random.next(below: 2) == 0)
      // Equal or slightly worse is accepted, to cross plateaus.
      if candidate.score <= current.score * (random.next(below: 16) == 0 ? 1.02 : 1) { current = candidate }
      if candidate.score < best.score { best = candidate }
      if random.next(below: 256) == 0 { current = best }
    }
  }

  /// Places buffers in an order, each at the lowest gap that holds it (`tight`: the smallest such gap).
  private mutating func evaluate(_ order: [Int], sample: Int, tight: Bool) -> Candidate {
    let sizes = samples[sample]
    var offsets = Array(repeating: -1, count: order.count)
    var occupied: [(start: Int, end: Int)] = []
    for index in order {
      occupied.removeAll(keepingCapacity: true)
      for other in conflicts[index] where offsets[other] >= 0 {
        occupied.append((offsets[other], offsets[other] + sizes[other]))
      }
      occupied.sort { $0.start < $1.start }
      var end = 0
      var chosen: Int?
      var smallest = Int.max
      for piece in occupied {
        let gap = piece.start - end
        if gap >= sizes[index], gap < smallest {
          chosen = end
          smallest = gap
          if !tight { break }
        }
        end = max(end, piece.end)
      }
      offsets[index] = chosen ?? end
      budget -= conflicts[index].count + 4
    }
    var score = 0.0
    for other in samples.indices {
      let height = other == sample ? self.height(offsets, sizes) : heightWhenStacked(offsets, samples[other])
      score = max(score, Double(height) / Double(lowerBounds[other]))
    }
    return Candidate(order: order, offsets: offsets, score: score)
  }

  private func height(_ offsets: [Int], _ sizes: [Int]) -> Int {
    zip(offsets, sizes).reduce(0) { max($0, $1.0 + $1.1) }
  }

  /// The arena's size at another sample when the vertical order of `offsets` is kept.
  private mutating func heightWhenStacked(_ offsets: [Int], _ sizes: [Int]) -> Int {
    var ends = Array(repeating: 0, count: offsets.count)
    for index in offsets.indices.sorted(by: { offsets[$0] < offsets[$1] }) {
      var start = 0
      for other in conflicts[index] where offsets[other] < offsets[index] { start = max(start, ends[other]) }
      ends[index] = start + sizes[index]
      budget -= conflicts[index].count
    }
    return ends.max() ?? 0
  }

  /// The vertical order as lists; what lies beneath a listed buffer is left out.
  private func below(_ offsets: [Int]) -> [[Int]] {
    offsets.indices.map { index in
      var kept: [Int] = []
      let under = conflicts[index].filter { offsets[$0] < offsets[index] }
      for other in under.sorted(by: { (offsets[$0], $0) > (offsets[$1], $1) }) {
        let isCovered = kept.contains { offsets[other] < offsets[$0] && lifetimes[other].overlaps(lifetimes[$0]) }
        if !isCovered { kept.append(other) }
      }
      return kept.sorted()
    }
  }
}

/// The SplitMix64 generator of Steele, Lea and Flood (2014).
private struct SplitMix {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  /// A number in `0 ..< limit`.
  mutating func next(below limit: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((z ^ z >> 31) % UInt64(max(limit, 1)))
  }
}
