// SPDX-License-Identifier: Apache-2.0
// Counts of n-grams of integers.

import GraphIR
import TensorCore

/// `ngram_counts` holds, for each length from 1 on, where its n-grams start in the pool. With skips the elements of an
/// n-gram may be 2, 3 … max_skip_count + 1 apart.
package struct TfIdfVectorizer: Operation {
  package static let name = "TfIdfVectorizer"
  package static let summary = "How often each n-gram of a pool is in each row of integers, or its weight."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.ulps(1)
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("max_gram_length", \.longest, "the longest n-grams that count"),
      Attribute("min_gram_length", \.shortest, "the shortest n-grams that count"),
      Attribute("max_skip_count", \.skips, "elements that may lie between neighbours of an n-gram"),
      Attribute("mode", \.mode, "'TF' (counts), 'IDF' (weights) or 'TFIDF' (their products)"),
      Attribute("ngram_counts", \.starts, "where the n-grams of each length start in the pool"),
      Attribute("ngram_indexes", \.columns, "for each n-gram its column"),
      Attribute("pool_int64s", \.pool, "the elements of all n-grams"),
      Attribute("weights", \.weights, "for each column its weight; empty: 1"),
    ]
  }
  package var longest = 1
  package var shortest = 1
  package var skips = 0
  package var mode = "TF"
  package var starts: [Int] = []
  package var columns: [Int] = []
  package var pool: [Int] = []
  package var weights: [Double] = []
  package init() {}

  /// The n-grams of each length that count, with their columns.
  private func grams() throws(TypeError) -> [Int: [(elements: [Int], column: Int)]] {
    guard shortest > 0, longest >= shortest, skips >= 0, skips <= 1 << 10, ["TF", "IDF", "TFIDF"].contains(mode) else {
      throw TypeError("'TfIdfVectorizer' cannot count n-grams of \(shortest) to \(longest) with '\(mode)'")
    }
    guard let last = columns.max(), columns.allSatisfy({ $0 >= 0 }), last < 1 << 24 else {
      throw TypeError("'ngram_indexes' of 'TfIdfVectorizer' must be columns from 0 on")
    }
    guard weights.isEmpty || weights.count > last else {
      throw TypeError("'weights' of 'TfIdfVectorizer' has \(weights.count) numbers for \(last + 1) columns")
    }
    var (found, number): ([Int: [(elements: [Int], column: Int)]], Int) = ([:], 0)
    for (place, start) in starts.enumerated() {
      let end = place + 1 < starts.count ? starts[place + 1] : pool.count
      let size = place + 1
      guard start >= 0, start <= end, end <= pool.count, (end - start) % size == 0 else {
        throw TypeError("'ngram_counts' of 'TfIdfVectorizer' does not divide a pool of \(pool.count)")
      }
      var seen: [[Int]: Int] = [:]
      for first in stride(from: start, to: end, by: size) {
        guard number < columns.count else {
          throw TypeError("'ngram_indexes' of 'TfIdfVectorizer' has \(columns.count) columns for more n-grams")
        }
        seen[Array(pool[first..<first + size])] = columns[number]
        number += 1
      }
      if (shortest...longest).contains(size) {
        found[size] = seen.map { ($0.key, $0.value) }.sorted { $0.0.lexicographicallyPrecedes($1.0) }
      }
    }
    return found
  }

  private var width: Int { (columns.max() ?? 0) + 1 }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'TfIdfVectorizer' needs an operand") }
    guard x.dtype == .i32 || x.dtype == .i64, x.rank == 1 || x.rank == 2, x.shape[x.rank - 1].isConstant else {
      throw TypeError("'TfIdfVectorizer' takes rows of i32 or i64 of a known length, found \(x)", operand: 0)
    }
    _ = try grams()
    return [TensorType(.f32, x.shape.dropLast() + [Dim(width)])]
  }

  /// Distances of neighbours: elements alone have none.
  private func distances(_ size: Int) -> ClosedRange<Int> { 1...(size == 1 ? 1 : skips + 1) }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'TfIdfVectorizer' needs an operand") }
    let shape = try staticSizes(inferTypes([x.type])[0].shape, for: Self.name)
    let length = x.shape[x.shape.count - 1]
    var counts = Reference(zeros: .f32, shape)
    for (size, grams) in try grams() {
      let known = Dictionary(grams.map { ($0.elements, $0.column) }, uniquingKeysWith: { $1 })
      for row in 0..<shape.dropLast().reduce(1, *) {
        for distance in distances(size) {
          for first in 0..<max(0, length - (size - 1) * distance) {
            let gram = (0..<size).map { Int(x.integers[row * length + first + $0 * distance]) }
            if let column = known[gram] { counts.reals[row * width + column] += 1 }
          }
        }
      }
    }
    for position in counts.reals.indices where mode != "TF" {
      let weight = weights.isEmpty ? 1 : weights[position % width]
      let count = counts.reals[position]
      counts.reals[position] = mode == "IDF" ? (count > 0 ? weight : 0) : count * weight
    }
    return [counts]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let grams = try? grams() else { return .leaf }
    let rows = x.rank == 2 ? x.shape[0] : 1
    return .decompose { builder, operands throws(TypeError) in
      guard let input = operands[0] else { throw TypeError("'TfIdfVectorizer' needs an operand") }
      let length = x.shape[x.rank - 1]
      let lines = try builder.reshaped(try builder.narrowed(input, to: .i64), [rows, 1, length])
      var total = try builder.emit(ConstantOfShape([rows, Dim(width)], 0, .f32))
      for size in grams.keys.sorted() {
        let list = grams[size] ?? []
        if list.isEmpty { continue }
        let targets = try builder.constant(
          Tensor(.i64, [list.count], integers: list.map { Int64($0.column) }).orThrow())
        for distance in distances(size) {
          let count = length - Dim((size - 1) * distance)
          if let number = count.value, number <= 0 { continue }
          var isGram: ValueID?
          for place in 0..<size {
            let part = try builder.slice(lines, axis: 2, from: Dim(place * distance), to: Dim(place * distance) + count)
            let wanted = try builder.constant(
              Tensor(.i64, [list.count, 1], integers: list.map { Int64($0.elements[place]) }).orThrow())
            let isEqual = try builder.emit(Equal(), part, wanted)
            if let known = isGram { isGram = try builder.emit(And(), known, isEqual) } else { isGram = isEqual }
          }
          let hits = try builder.emit(
            ReduceSum(axes: [2], keepDims: false), try builder.emit(Cast(to: .f32), isGram))
          total = try builder.add(total, try builder.emit(ScatterAdd(axis: 1, size: Dim(width)), targets, hits))
        }
      }
      if mode != "TF" {
        let values = weights.isEmpty ? [Double](repeating: 1, count: width) : Array(weights.prefix(width))
        let line = try builder.constant(Tensor(.f32, [width], doubles: values).orThrow())
        if mode == "TFIDF" {
          total = try builder.mul(total, line)
        } else {
          let isThere = try builder.emit(Greater(), total, try builder.scalar(0, .f32))
          total = try builder.masked(try builder.expanded(line, to: [rows, Dim(width)]), where: isThere)
        }
      }
      return [try builder.reshaped(total, types.results[0].shape)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = TfIdfVectorizer()
    operation.starts = [0, 3]
    operation.pool = [0, 1, 2, 0, 1, 1, 1, 2, 0]
    operation.columns = [0, 2, 1, 4, 3, 5]
    operation.shortest = random.int(1...2)
    operation.longest = 2
    operation.skips = random.int(0...2)
    operation.mode = random.pick(["TF", "IDF", "TFIDF"])
    if random.bool() { operation.weights = [1, 0.5, 2, 3, 0.25, 1] }
    let shape = [random.int(1...3), random.int(1...7)]
    let dims = (random.bool() ? shape : [shape[1]]).map { Dim($0) }
    return Sample(operation, [TensorType(random.dtype([.i32, .i64]), dims)], ranges: [0: 0...2])
  }
}
