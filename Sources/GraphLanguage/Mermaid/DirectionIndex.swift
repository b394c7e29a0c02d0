// SPDX-License-Identifier: Apache-2.0
// Where `direction TB` stands: Mermaid takes the whole line that holds it, whatever else is there.

/// The `direction` statements of a text, found once.
struct DirectionIndex {
  private struct Statement {
    var start: Int
    var end: Int
    var direction: Diagram.Direction
  }

  /// In order. The last one of a line and direction counts.
  private var statements: [Statement] = []
  private let lineEnds: [Int]

  init(_ text: MappedText) {
    let word = Array("direction".unicodeScalars)
    var ends: [Int] = []
    var newline = -1
    var index = 0
    while index < text.count {
      if text[index].isLineTerminator { ends.append(index) }
      if text[index] == "d", text.scalars[index...].starts(with: word) {
        var argument = index + word.count
        while argument < text.count, text[argument].isMermaidSpace { argument += 1 }
        if argument > index + word.count, argument + 1 < text.count,
          let direction = Diagram.Direction(rawValue: text.string(argument..<argument + 2))
        {
          if newline < argument { newline = text.scalars[argument...].firstIndex(of: "\n") ?? text.count }
          statements.append(Statement(start: index, end: newline, direction: direction))
        }
      }
      index += 1
    }
    lineEnds = statements.isEmpty ? [] : ends
  }

  /// The statement that a token at this place begins, with its end: the rest of the line.
  func statement(at position: Int) -> (Diagram.Direction, Int)? {
    if statements.isEmpty { return nil }
    let first = statements.partitioningIndex { $0.start >= position }
    if first == statements.count { return nil }
    let lineEnd = lineEnds.partitioningIndex { $0 >= position }
    let limit = lineEnd < lineEnds.count ? lineEnds[lineEnd] : Int.max
    let line = statements[first...].prefix { $0.start <= limit }
    for direction in [Diagram.Direction.down, .up, .left, .right] {
      if let last = line.last(where: { $0.direction == direction }) { return (direction, last.end) }
    }
    return nil
  }
}

extension Array {
  /// The first place from which the predicate holds, in an array where it holds to the end once it holds.
  func partitioningIndex(where holds: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if holds(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
