// SPDX-License-Identifier: Apache-2.0
// Aligned tables, with wide characters counted as two columns.

import GraphSupport

/// Rows of text under headings.
struct Table {
  var headings: [String]
  var rows: [[String]] = []
  /// Columns whose text is aligned at its end: numbers.
  var numeric: Set<Int> = []

  var text: String {
    let all = [headings] + rows
    let widths = headings.indices.map { column in all.map { (column < $0.count ? $0[column] : "").displayWidth }.max() ?? 0 }
    func line(_ row: [String]) -> String {
      var parts: [String] = []
      for (column, width) in widths.enumerated() {
        let cell = column < row.count ? row[column] : ""
        let padding = String(repeating: " ", count: max(0, width - cell.displayWidth))
        parts.append(numeric.contains(column) ? padding + cell : cell + padding)
      }
      var text = parts.joined(separator: "  ")
      while text.last == " " { text.removeLast() }
      return text
    }
    let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
    return ([line(headings), rule] + rows.map(line)).joined(separator: "\n")
  }
}

/// A number of bytes for people.
func bytesText(_ count: Int) -> String {
  let units = ["B", "KiB", "MiB", "GiB", "TiB"]
  var value = Double(count)
  var unit = 0
  while value >= 1024 && unit < units.count - 1 {
    value /= 1024
    unit += 1
  }
  return unit == 0 ? "\(count) B" : "\(decimals(value, value < 10 ? 2 : 1)) \(units[unit])"
}

/// Values of named sizes for people: `N = 1, T = 64`.
func sizesText(_ sizes: [String: Int]) -> String {
  sizes.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }.joined(separator: ", ")
}

/// The same for programs.
func sizesJSON(_ sizes: [String: Int]) -> String {
  "{\(sizes.sorted { $0.key < $1.key }.map { "\(jsonString($0.key)): \($0.value)" }.joined(separator: ", "))}"
}

/// A count with thousands grouped.
func countText(_ count: Int) -> String {
  let digits = String(count.magnitude)
  var text = ""
  for (place, digit) in digits.enumerated() {
    if place > 0 && (digits.count - place) % 3 == 0 { text.append(",") }
    text.append(digit)
  }
  return count < 0 ? "-\(text)" : text
}

/// A time for people.
func timeText(_ nanoseconds: Double) -> String {
  switch nanoseconds {
  case ..<1e3: "\(decimals(nanoseconds, 0)) ns"
  case ..<1e6: "\(decimals(nanoseconds / 1e3, 1)) µs"
  case ..<1e9: "\(decimals(nanoseconds / 1e6, 2)) ms"
  default: "\(decimals(nanoseconds / 1e9, 2)) s"
  }
}

/// A number with this many places behind the point.
func decimals(_ value: Double, _ places: Int) -> String {
  guard value.isFinite, value.magnitude < 1e15 else { return "\(value)" }
  let scale = (0..<places).reduce(1.0) { product, _ in product * 10 }
  let scaled = (value.magnitude * scale).rounded()
  let whole = Int64(scaled / scale)
  let sign = value < 0 && scaled > 0 ? "-" : ""
  guard places > 0 else { return "\(sign)\(Int64(scaled))" }
  let rest = String(Int64(scaled) - whole * Int64(scale))
  return "\(sign)\(whole).\(String(repeating: "0", count: max(0, places - rest.count)))\(rest)"
}
