// SPDX-License-Identifier: Apache-2.0
// A CSV file as columns of one type each.

import GraphSupport
import TensorCore

/// A CSV file's columns. The first row names them when none of its cells is a number or empty; otherwise the names are
/// `0`, `1`, ….
package struct CSVTable: Sendable {
  package struct Column: Sendable {
    package enum Values: Sendable {
      case integers([Int64])
      /// Missing cells are NaN.
      case numbers([Double])
      /// Missing cells are empty.
      case text([String])
    }

    package let name: String
    package let values: Values
    /// Rows without a value.
    package let missingCount: Int
    /// The first cell that is no number, for messages.
    let obstacle: CSVCell?
  }

  package let path: String
  package let hasHeader: Bool
  package let columns: [Column]
  package let rowCount: Int
  private let file: MappedFile
  private let indices: [String: Int]

  /// Reads a whole file; `header` overrides the detection.
  package init(_ path: String, header: Bool? = nil) throws(DiagnosticsError) {
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    let fault = FileFault(path: path, format: "csv file")
    do throws(TextFault) {
      let parsed = try CSVParser(file.bytes, header: header)
      columns = try parsed.columns()
      (rowCount, hasHeader) = (parsed.rowCount, parsed.hasHeader)
    } catch {
      throw fault.malformed(error, in: file.bytes)
    }
    self.path = path
    self.file = file
    indices = Dictionary(columns.enumerated().map { ($1.name, $0) }) { first, _ in first }
  }

  /// The column of a name; the error lists the names.
  package func column(_ name: String) throws(DiagnosticsError) -> Column { columns[try index(name)] }

  private func index(_ name: String) throws(DiagnosticsError) -> Int {
    if let index = indices[name] { return index }
    let names = columns.prefix(12).map { quoted($0.name) }.joined(separator: ", ")
    let more = columns.count > 12 ? " … \(quoted(columns[columns.count - 1].name))" : ""
    throw DiagnosticsError(
      "missing-column", "no column \(quoted(name)) in \(quoted(path)), expected one of \(names)\(more)", file: path)
  }

  /// The columns that `a`, `a..b` (both included) or a list of these with commas selects.
  package func selection(_ text: String) throws(DiagnosticsError) -> [Int] {
    if let single = indices[text] { return [single] }
    var selected: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      if indices[part] == nil, let dots = part.utf8.indices.first(where: { part[$0...].hasPrefix("..") }) {
        let first = try index(String(part[..<dots]))
        let last = try index(String(part[dots...].dropFirst(2)))
        guard first <= last else {
          throw DiagnosticsError("missing-column", "the columns \(quoted(part)) are in the other order", file: path)
        }
        selected += first...last
      } else {
        selected.append(try index(part))
      }
    }
    return selected
  }

  /// The columns as a tensor `[rows, columns]`: i64 when all are integers, else f64. Cells that are no numbers and
  /// missing ones are errors with their place.
  package func tensor(_ selected: [Int]? = nil) throws(DiagnosticsError) -> Tensor {
    let chosen = (selected ?? Array(columns.indices)).map { columns[$0] }
    for column in chosen where column.obstacle != nil { throw obstacle(column) }
    let integral = chosen.allSatisfy { if case .integers = $0.values { true } else { false } }
    guard let tensor = Tensor(zeros: integral ? .i64 : .f64, [rowCount, chosen.count]) else {
      throw FileFault(path: path, format: "csv file").outOfMemory(rowCount &* chosen.count &* 8)
    }
    for (position, column) in chosen.enumerated() {
      switch column.values {
      case .integers(let values):
        for row in 0..<rowCount {
          let index = row * chosen.count + position
          if integral { tensor.set(index, integer: values[row]) } else { tensor.set(index, Double(values[row])) }
        }
      case .numbers(let values): for row in 0..<rowCount { tensor.set(row * chosen.count + position, values[row]) }
      case .text: break
      }
    }
    return tensor
  }

  private func obstacle(_ column: Column) -> DiagnosticsError {
    let fault = FileFault(path: path, format: "csv file")
    guard let cell = column.obstacle else { return fault.malformed("column \(quoted(column.name)) has no numbers") }
    let text = file.bytes[cell.start..<cell.end]
    let what = text.isEmpty ? "an empty cell" : "found \(quoted(text))"
    let message = "\(what) in column \(quoted(column.name)), expected a number"
    return fault.malformed(
      TextFault(offset: cell.start, length: cell.end - cell.start, message: message), in: file.bytes)
  }
}
