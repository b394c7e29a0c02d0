// SPDX-License-Identifier: Apache-2.0
// Finds sequences of boxes that follow one another several times, such as a network's layers, and makes each a block.

import TensorCore

/// Boxes of a file with what repeats as blocks.
struct RepeatedBlocks {
  private(set) var boxes: [TextBox]
  private(set) var blocks: [TextBlock] = []
  /// The names of the graph's sizes.
  private let symbols: [String]

  /// Fewer boxes than this read better when they are written out.
  private static let leastBoxes = 3
  /// Sequences longer than this are not looked for; the search takes time with the square of the number of boxes.
  private static let mostBoxes = 6000
  private static let mostBlocks = 16

  /// One sequence found: `count` times `period` boxes from `start` on.
  private struct Run {
    var start: Int
    var period: Int
    var count: Int
    /// In the block, the box whose result goes to the next round, and the box before that the first round reads.
    var carried: (inner: Int, from: TextBox.Edge)
  }

  init(_ found: GraphBoxes, symbols: [String]) {
    boxes = found.boxes
    self.symbols = symbols
    if boxes.count <= Self.mostBoxes {
      // Blocks are made from the largest to the smallest; what is left may repeat as well.
      while blocks.count < Self.mostBlocks, let run = best() { fold(run) }
    }
    // Ids are one space for the whole diagram.
    var names = found.names
    for block in blocks.indices { _ = names.unique(blocks[block].name) }
    names.name(&boxes)
    for block in blocks.indices { names.name(&blocks[block].boxes) }
    names.nameRegions(of: &boxes)
  }

  private func best() -> Run? {
    let signatures = boxes.map(\.signature)
    var numbers: [String: Int] = [:]
    let codes = signatures.map { text -> Int in
      let next = numbers.count
      return numbers[text, default: next] == next
        ? {
          numbers[text] = next
          return next
        }() : numbers[text] ?? next
    }
    var best: Run?
    for period in Self.leastBoxes..<max(Self.leastBoxes, codes.count / 2 + 1) {
      var length = 0
      for end in stride(from: codes.count - period - 1, through: 0, by: -1) {
        length = codes[end] == codes[end + period] ? length + 1 : 0
        // The whole run is tried from its first box on, and from those behind it where that one is inside a round.
        guard length >= period, end == 0 || codes[end - 1] != codes[end + period - 1] else { continue }
        for start in end..<min(end + period, end + length - period + 1) {
          let count = (length - (start - end)) / period + 1
          if let best, best.period * (best.count - 1) >= period * (count - 1) { break }
          if let run = run(start, period, count) {
            best = run
            break
          }
        }
      }
    }
    return best
  }

  /// A sequence whose rounds are joined by one value; nil when they are not.
  private func run(_ start: Int, _ period: Int, _ count: Int) -> Run? {
    var carried: (inner: Int, from: TextBox.Edge)?
    var carriedPort: String?
    for offset in 0..<period {
      let first = boxes[start + offset]
      if first.block != nil || first.operation == "Input" { return nil }
      for round in 1..<count {
        let base = start + round * period
        let box = boxes[base + offset]
        for (edge, origin) in zip(box.edges, first.edges) {
          if edge.source >= base {
            guard origin.source - start == edge.source - base else { return nil }
          } else if edge.source >= base - period {
            let inner = edge.source - (base - period)
            guard origin.source < start else { return nil }
            if let carried {
              guard carried.inner == inner, carriedPort == edge.port, carried.from.source == origin.source,
                carried.from.port == origin.port
              else { return nil }
            } else {
              carried = (inner, TextBox.Edge(source: origin.source, port: origin.port))
              carriedPort = edge.port
            }
          } else {
            guard edge.source < start, edge.source == origin.source else { return nil }
          }
        }
      }
    }
    guard let carried, carriedPort == nil else { return nil }
    // The carried box ends the block, and nothing else leaves it.
    for (place, box) in boxes.enumerated() {
      for edge in box.edges where edge.source >= start && edge.source < start + count * period {
        let (round, inner) = ((edge.source - start) / period, (edge.source - start) % period)
        let isSameRound = place >= start && (place - start) / period == round && place < start + count * period
        if isSameRound {
          if inner == carried.inner { return nil }
        } else if inner != carried.inner {
          return nil
        } else if place >= start + count * period && round != count - 1 {
          return nil
        }
      }
    }
    for offset in 0..<period where offset != carried.inner {
      let isRead = boxes[start..<start + period].contains { $0.edges.contains { $0.source == start + offset } }
      if !isRead { return nil }
    }
    if boxes[start..<start + count * period].contains(where: \.isOutput) { return nil }
    return Run(start: start, period: period, count: count, carried: carried)
  }

  /// Replaces a sequence by one box.
  private mutating func fold(_ run: Run) {
    let number = blocks.count + 1
    let name = blocks.isEmpty ? "block" : "block\(number)"
    // What the block reads from outside, the carried value first.
    var inputs = [run.carried.from]
    for box in boxes[run.start..<run.start + run.period] {
      for edge in box.edges where edge.source < run.start {
        let plain = TextBox.Edge(source: edge.source, port: edge.port)
        if !inputs.contains(plain) { inputs.append(plain) }
      }
    }
    var inner = inputs.enumerated().map { place, edge -> TextBox in
      let source = boxes[edge.source]
      let type = source.results.count == 1 ? source.results[0] : resultType(source, edge.port)
      return TextBox(
        path: place == 0 ? "x" : source.path, operation: "Input", arguments: inputArguments(type), results: [type])
    }
    for box in boxes[run.start..<run.start + run.period] {
      var box = box
      box.edges = box.edges.map { edge in
        var edge = edge
        if edge.source >= run.start {
          edge.source = edge.source - run.start + inputs.count
        } else {
          edge.source = inputs.firstIndex(of: TextBox.Edge(source: edge.source, port: edge.port)) ?? 0
          edge.port = nil
        }
        return edge
      }
      inner.append(box)
    }
    let words = inner.flatMap { $0.arguments }.joined(separator: " ")
    let parameters = symbols.filter { words.contains($0) }
    blocks.append(TextBlock(name: name, parameters: parameters, boxes: inner))
    let last = boxes[run.start + (run.count - 1) * run.period + run.carried.inner]
    let call = parameters.isEmpty ? name : "\(name)(\(parameters.joined(separator: ", ")))"
    var repeated = TextBox(
      path: "\(name)s", operation: "Repeat", arguments: [call, "\(run.count)"], edges: inputs, results: last.results,
      block: blocks.count - 1)
    for round in 0..<run.count {
      repeated.rounds.append(
        (0..<run.period).flatMap { offset in
          boxes[run.start + round * run.period + offset].weights.map { (inputs.count + offset, $0) }
        })
    }
    let end = run.start + run.count * run.period
    let shift = run.count * run.period - 1
    var rest = Array(boxes[end...])
    for index in rest.indices {
      rest[index].edges = rest[index].edges.map { edge in
        var edge = edge
        if edge.source >= end { edge.source -= shift } else if edge.source >= run.start { edge.source = run.start }
        return edge
      }
    }
    boxes = boxes[..<run.start] + [repeated] + rest
  }

  private func resultType(_ box: TextBox, _ port: String?) -> TensorType {
    // Results of one box that differ in type are found by their number; names are those of operators with equal types.
    if let port, let number = Int(port), box.results.indices.contains(number) { return box.results[number] }
    return box.results[0]
  }
}
