// SPDX-License-Identifier: Apache-2.0
// `lamina inspect`: what is in a file of data or weights.

import ArgumentParser
import GraphSupport
import ONNXImport
import TensorCore
import TensorFiles

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what is in a file of data or weights.",
    discussion: """
      Example: lamina inspect weights.safetensors

      Names, types, shapes and ranges of what .safetensors, .npz, .npy, .csv, .json, .onnx, images and sound hold. A
      malformed file is refused, with the place of what is wrong.
      """)

  @ArgumentParser.Argument(help: ArgumentHelp("The files.", valueName: "path"))
  var paths: [String]
  @OptionGroup var options: OutputOptions

  func run() throws {
    options.apply()
    var failures: [Diagnostic] = []
    var objects: [String] = []
    for path in paths {
      do {
        let contents = try FileContents(path)
        if options.json { objects.append(contents.json) } else if !options.quiet { Terminal.print(contents.text) }
      } catch let error as DiagnosticsError {
        failures += error.diagnostics
      }
    }
    if options.json { Terminal.print(paths.count == 1 ? objects.joined() : "[\(objects.joined(separator: ",\n"))]") }
    if !failures.isEmpty { throw DiagnosticsError(failures) }
  }
}

/// A file's contents as a table.
private struct FileContents {
  /// What a file has besides elements: metadata of weights, the rate of sound.
  struct Fact {
    var name: String
    var value: String
  }

  struct Row {
    var name: String
    var type: String
    /// Nil for what has no elements that could be read.
    var summary: TensorSummary?
    var remark = ""
    var json: String
  }

  let path: String
  let byteCount: Int
  private(set) var format: String
  private(set) var facts: [Fact] = []
  private(set) var rows: [Row] = []

  init(_ path: String) throws {
    self.path = path
    if path.lowercased().hasSuffix(".graph") {
      throw DiagnosticsError("inspect-model", "'\(path)' is a model: 'lamina check' shows it", file: path)
    }
    let isModel = path.lowercased().hasSuffix(".onnx")
    let kind: TensorFormat? = isModel ? nil : try TensorFormat(path: path)
    format = kind?.rawValue ?? "onnx"
    byteCount = fileSize(path) ?? 0
    switch kind {
    case nil: try readModel()
    case .safetensors, .npz: try readArchive()
    case .csv: try readTable()
    default:
      for (name, tensor) in try readTensors(path) { add(name, tensor) }
      if kind == .wav { facts.append(Fact(name: "samples a second", value: "\(try soundRate(path))")) }
    }
  }

  private mutating func add(_ name: String, _ tensor: Tensor, _ remark: String = "") {
    rows.append(
      Row(
        name: name, type: tensor.type.description, summary: TensorSummary(tensor, first: 4), remark: remark,
        json: jsonSummary(name, tensor)))
  }

  private mutating func add(_ name: String, _ type: String, _ remark: String) {
    rows.append(
      Row(
        name: name, type: type, remark: remark,
        json: "{\"name\": \(jsonString(name)), \"type\": \(jsonString(type)), \"remark\": \(jsonString(remark))}"))
  }

  private mutating func readArchive() throws {
    let archive = try TensorArchive(path)
    facts = archive.metadata.map { Fact(name: $0.key, value: $0.value) }
    for entry in archive.entries { add(entry.name, try archive.tensor(entry)) }
    for part in archive.unreadable {
      add(part.name, "not readable", part.reason.diagnostics.first?.message ?? "")
    }
  }

  private mutating func readTable() throws {
    let table = try CSVTable(path)
    facts = [
      Fact(name: "rows", value: "\(table.rowCount)"),
      Fact(name: "names", value: table.hasHeader ? "in the first row" : "none, columns are counted from 0"),
    ]
    for column in table.columns {
      let missing = column.missingCount == 0 ? "" : "\(column.missingCount) missing"
      switch column.values {
      case .integers(let values):
        guard let tensor = Tensor(.i64, [values.count], integers: values) else { continue }
        add(column.name, tensor, missing)
      case .numbers(let values):
        guard let tensor = Tensor(.f64, [values.count], doubles: values) else { continue }
        add(column.name, tensor, missing)
      case .text(let values):
        let shown = values.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
        let distinct = "\(Set(values).count) different: \(shown)\(values.count > 3 ? ", …" : "")"
        add(column.name, "text[\(values.count)]", [distinct, missing].filter { !$0.isEmpty }.joined(separator: ", "))
      }
    }
  }

  private mutating func readModel() throws {
    let model = try modelContents(path)
    facts = [
      Fact(name: "IR version", value: "\(model.irVersion)"),
      Fact(name: "producer", value: model.producer.isEmpty ? "not named" : model.producer),
      Fact(name: "operator sets", value: model.operatorSets.joined(separator: ", ")),
      Fact(name: "nodes", value: "\(model.nodeCount)"),
    ]
    for input in model.inputs where !input.isStored { add(input.name, input.type, "input") }
    for output in model.outputs { add(output.name, output.type, "output") }
    for stored in model.initializers {
      if let tensor = stored.tensor {
        add(stored.name, tensor)
      } else {
        add(stored.name, "not readable", stored.fault ?? "")
      }
    }
  }

  var text: String {
    var table = Table(headings: ["name", "type", "min", "mean", "max", ""], numeric: [2, 3, 4])
    for row in rows {
      var remarks = [row.remark]
      if let summary = row.summary {
        if summary.nanCount > 0 { remarks.append("\(summary.nanCount) NaN") }
        if summary.infinityCount > 0 { remarks.append("\(summary.infinityCount) infinite") }
      }
      let numbers = [row.summary?.minimum, row.summary?.mean, row.summary?.maximum].map { number in
        number.map { NumberText.short($0, digits: 5) } ?? ""
      }
      table.rows.append(
        [row.name, row.type] + numbers + [remarks.filter { !$0.isEmpty }.joined(separator: ", ")])
    }
    let about = facts.map { "  \($0.name): \($0.value)" }
    return (["\(path)  \(format), \(bytesText(byteCount))"] + about + [table.text]).joined(separator: "\n")
  }

  var json: String {
    let about = facts.map { "\(jsonString($0.name)): \(jsonString($0.value))" }.joined(separator: ", ")
    return "{\"file\": \(jsonString(path)), \"format\": \"\(format)\", \"bytes\": \(byteCount), \"facts\": {\(about)}, "
      + "\"contents\": [\n \(rows.map(\.json).joined(separator: ",\n "))]}"
  }
}
