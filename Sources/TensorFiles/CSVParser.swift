// SPDX-License-Identifier: Apache-2.0
// CSV cells to columns: one pass for numbers, and a second one only for columns with text.

/// The columns of a CSV file as they grow. A number takes eight bytes, about what its text takes.
struct CSVParser {
  private struct Builder {
    var name: String
    var integers: [Int64] = []
    var numbers: [Double] = []
    var isIntegral = true
    var isText = false
    var missingCount = 0
    var obstacle: CSVCell?

    mutating func append(_ value: CSVCells.Value, _ cell: CSVCell) {
      switch value {
      case .number(.integer(let integer)) where isIntegral: integers.append(integer)
      case .number(let number):
        becomeReal()
        numbers.append(number.double)
      case .missing:
        becomeReal()
        numbers.append(.nan)
        missingCount += 1
        obstacle = obstacle ?? cell
      case .text:
        isText = true
        if !(obstacle.map { $0.end > $0.start } ?? false) { obstacle = cell }
        (integers, numbers) = ([], [])
      }
    }

    private mutating func becomeReal() {
      guard isIntegral else { return }
      isIntegral = false
      numbers = integers.map(Double.init)
      integers = []
    }
  }

  private var builders: [Builder] = []
  private let bytes: UnsafeRawBufferPointer
  private(set) var rowCount = 0
  private(set) var hasHeader = false

  init(_ bytes: UnsafeRawBufferPointer, header: Bool?) throws(TextFault) {
    self.bytes = bytes
    var cells = try CSVCells(bytes)
    var first: [CSVCell] = []
    while let cell = try cells.next() {
      first.append(cell)
      if cell.endsRow { break }
    }
    guard !first.isEmpty else { throw TextFault(offset: 0, message: "the file has no rows") }
    hasHeader = header ?? first.allSatisfy { if case .text = cells.value($0) { true } else { false } }
    try name(first, cells)
    if !hasHeader {
      for (index, cell) in first.enumerated() { append(cell, index, cells) }
      rowCount = 1
    }
    try appendRows(&cells)
  }

  private mutating func name(_ first: [CSVCell], _ cells: CSVCells) throws(TextFault) {
    var seen: Set<String> = []
    for (index, cell) in first.enumerated() {
      let name = hasHeader ? try cells.text(cell) : "\(index)"
      guard seen.insert(name).inserted || name.isEmpty else {
        throw TextFault(offset: cell.start, length: cell.end - cell.start, message: "column \(quoted(name)) twice")
      }
      builders.append(Builder(name: name))
    }
  }

  private mutating func append(_ cell: CSVCell, _ column: Int, _ cells: CSVCells) {
    if builders[column].isText { return }
    builders[column].append(cells.value(cell), cell)
  }

  private mutating func appendRows(_ cells: inout CSVCells) throws(TextFault) {
    var column = 0
    while let cell = try cells.next() {
      guard column < builders.count else {
        throw TextFault(
          offset: cell.start, length: cell.end - cell.start,
          message: "a row with more than \(builders.count) cells, expected as many as in the first row")
      }
      append(cell, column, cells)
      column += 1
      guard cell.endsRow else { continue }
      guard column == builders.count else {
        throw TextFault(
          offset: cell.end, message: "a row of \(column) cells, expected \(builders.count) as in the first row")
      }
      column = 0
      rowCount += 1
    }
  }

  /// The finished columns.
  func columns() throws(TextFault) -> [CSVTable.Column] {
    let texts = try textColumns()
    return builders.enumerated().map { index, builder in
      let values: CSVTable.Column.Values =
        builder.isText
        ? .text(texts[index] ?? []) : builder.isIntegral ? .integers(builder.integers) : .numbers(builder.numbers)
      let missing =
        builder.isText ? (texts[index] ?? []).count { $0.isEmpty } : builder.missingCount
      return CSVTable.Column(name: builder.name, values: values, missingCount: missing, obstacle: builder.obstacle)
    }
  }

  private func textColumns() throws(TextFault) -> [Int: [String]] {
    var texts: [Int: [String]] = [:]
    for (index, builder) in builders.enumerated() where builder.isText { texts[index] = [] }
    if texts.isEmpty { return texts }
    var cells = try CSVCells(bytes)
    var (column, row) = (0, 0)
    while let cell = try cells.next() {
      if texts[column] != nil, row > 0 || !hasHeader { texts[column]?.append(try cells.text(cell)) }
      column = cell.endsRow ? 0 : column + 1
      row += cell.endsRow ? 1 : 0
    }
    return texts
  }
}
