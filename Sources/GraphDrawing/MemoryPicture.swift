// SPDX-License-Identifier: Apache-2.0
// A picture of an arena: steps from left to right, addresses from bottom to top.

import GraphSupport

/// A piece of memory and the steps during which it is needed.
package struct MemoryPiece: Sendable {
  package var name: String
  /// In bytes from the arena's start.
  package var offset: Int
  package var byteCount: Int
  package var steps: ClosedRange<Int>

  package init(name: String, offset: Int, byteCount: Int, steps: ClosedRange<Int>) {
    self.name = name
    self.offset = offset
    self.byteCount = byteCount
    self.steps = steps
  }
}

/// The pieces of an arena as SVG, with a line at what no placement can go under.
package func memoryPicture(_ pieces: [MemoryPiece], arena: Int, bound: Int, steps: Int) -> String {
  let (width, height, margin) = (1000.0, 560.0, 40.0)
  let (columns, bytes) = (Double(max(steps, 1)), Double(max(arena, 1)))
  func x(_ step: Int) -> Double { margin + (width - 2 * margin) * Double(step) / columns }
  func y(_ byte: Int) -> Double { height - margin - (height - 2 * margin) * Double(byte) / bytes }
  func number(_ value: Double) -> String { String((value * 10).rounded() / 10) }
  var lines = [
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(number(width)) \(number(height))\" "
      + "font-family=\"sans-serif\">",
    "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
  ]
  for (index, piece) in pieces.enumerated() where piece.byteCount > 0 {
    let (left, right) = (x(piece.steps.lowerBound), x(piece.steps.upperBound + 1))
    let (top, bottom) = (y(piece.offset + piece.byteCount), y(piece.offset))
    let title =
      "\(piece.name): \(piece.byteCount) bytes at \(piece.offset), steps \(piece.steps.lowerBound) to "
      + "\(piece.steps.upperBound)"
    lines.append(
      "<rect x=\"\(number(left))\" y=\"\(number(top))\" width=\"\(number(max(right - left, 1)))\" "
        + "height=\"\(number(max(bottom - top, 0.5)))\" fill=\"hsl(\(index * 47 % 360),55%,72%)\" stroke=\"#444\" "
        + "stroke-width=\"0.5\"><title>\(escaped(title))</title></rect>")
    if bottom - top > 12, right - left > 40 {
      let room = Int((right - left - 8) / 6)
      let name = piece.name.count > room ? String(piece.name.prefix(max(room - 1, 1))) + "…" : piece.name
      lines.append(
        "<text x=\"\(number(left + 4))\" y=\"\(number((top + bottom) / 2 + 4))\" font-size=\"10\">"
          + "\(escaped(name))</text>")
    }
  }
  lines += [
    "<line x1=\"\(number(margin))\" x2=\"\(number(width - margin))\" y1=\"\(number(y(bound)))\" "
      + "y2=\"\(number(y(bound)))\" stroke=\"#b00\" stroke-dasharray=\"6 4\"/>",
    "<text x=\"\(number(margin))\" y=\"\(number(margin - 12))\" font-size=\"12\">arena \(arena) bytes, "
      + "lower bound \(bound) bytes</text>",
    "<text x=\"\(number(width - margin))\" y=\"\(number(height - 12))\" font-size=\"12\" text-anchor=\"end\">"
      + "\(steps) steps</text>",
    "</svg>",
  ]
  return lines.joined(separator: "\n") + "\n"
}
