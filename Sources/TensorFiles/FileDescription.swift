// SPDX-License-Identifier: Apache-2.0
// What is in a tensor file: names, types, shapes and ranges.

import GraphSupport
import TensorCore

/// A file's contents for people and programs.
package struct FileDescription: Sendable {
  /// A tensor, or a column of a CSV file.
  package struct Item: Sendable {
    package var name: String
    /// `f32[64, 128]`, or `text[360]` for a column of text.
    package var type: String
    /// Nil for text, and for what could not be read.
    package var summary: TensorSummary?
    /// What else there is to say: missing cells, an element type that is not read.
    package var note: String?
  }

  package var path: String
  package var format: TensorFormat
  package var byteCount: Int
  package var items: [Item]
  /// Facts about the whole file in reading order: rows, pixels, sample rate, free text.
  package var facts: [(name: String, value: String)]
}

/// Reads all of a file and describes it; a malformed one is refused like by `readTensors`.
package func describeFile(_ path: String) throws(DiagnosticsError) -> FileDescription {
  let format = try TensorFormat(path: path)
  let byteCount = try FileMapping(path).withBytes { $0.count }
  var description = FileDescription(path: path, format: format, byteCount: byteCount, items: [], facts: [])
  switch format {
  case .npz, .safetensors: try description.addArchive()
  case .csv: try description.addTable()
  case .png: try description.addImage()
  case .wav: try description.addSound()
  case .jpeg: throw jpegRefusal(path)
  case .npy, .json: for (name, tensor) in try readTensors(path) { description.add(name, tensor) }
  }
  return description
}

extension FileDescription {
  fileprivate mutating func add(_ name: String, _ tensor: Tensor, note: String? = nil) {
    items.append(Item(name: name, type: tensor.type.description, summary: TensorSummary(tensor), note: note))
  }

  fileprivate mutating func addArchive() throws(DiagnosticsError) {
    let archive = try TensorArchive(path)
    for entry in archive.entries { add(entry.name, try archive.tensor(entry)) }
    for part in archive.unreadable {
      items.append(Item(name: part.name, type: "not read", note: part.reason.diagnostics.first?.message))
    }
    facts = archive.metadata.map { ($0.key, $0.value) }
  }

  fileprivate mutating func addTable() throws(DiagnosticsError) {
    let table = try CSVTable(path)
    facts = [
      ("rows", "\(table.rowCount)"), ("columns", "\(table.columns.count)"), ("header", table.hasHeader ? "yes" : "no"),
    ]
    for column in table.columns {
      let note = column.missingCount == 0 ? nil : "\(column.missingCount) missing"
      let tensor: Tensor?
      switch column.values {
      case .text(let texts):
        let first = texts.prefix(3).map { quoted($0, limit: 24) }.joined(separator: ", ")
        let notes = [note, first.isEmpty ? nil : first + (texts.count > 3 ? ", …" : "")].compactMap { $0 }
        items.append(Item(name: column.name, type: "text[\(texts.count)]", note: notes.joined(separator: "; ")))
        continue
      case .integers(let values): tensor = Tensor(.i64, [values.count], integers: values)
      case .numbers(let values): tensor = Tensor(.f64, [values.count], doubles: values)
      }
      guard let tensor else { throw FileFault(path: path, format: "csv file").outOfMemory(table.rowCount &* 8) }
      add(column.name, tensor, note: note)
    }
  }

  fileprivate mutating func addImage() throws(DiagnosticsError) {
    let tensor = try readTensor(TensorReference(path: path))
    let channels = tensor.shape.count == 3 ? tensor.shape[2] : 1
    let kind = [1: "grey", 2: "grey with alpha", 3: "RGB", 4: "RGB with alpha"][channels] ?? "\(channels) channels"
    facts = [("width", "\(tensor.shape[1])"), ("height", "\(tensor.shape[0])"), ("colours", kind)]
    add("image", tensor)
  }

  fileprivate mutating func addSound() throws(DiagnosticsError) {
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    let header = try WAVHeader(ByteView(file.bytes), FileFault(path: path, format: "wav file"))
    facts = [("sample rate", "\(header.sampleRate) Hz"), ("channels", "\(header.channels)")]
    if header.sampleRate > 0 {
      let seconds = Double(header.frames) / Double(header.sampleRate)
      facts.append(("length", "\(NumberText.short(seconds, digits: 4)) s"))
    }
    add("sound", try readTensor(TensorReference(path: path)))
  }
}
