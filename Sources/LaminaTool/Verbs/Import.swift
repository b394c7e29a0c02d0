// SPDX-License-Identifier: Apache-2.0
// `lamina import`: ONNX models as `.graph` files.

import ArgumentParser
import GraphLayers
import GraphSupport
import Lamina
import ONNXImport

struct Import: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write an ONNX model as a .graph file and its weights.",
    discussion: """
      Example: lamina import model.onnx -o model.graph && lamina run model.graph --random 1

      The weights go to a .safetensors file beside it. Both together give the same bits as the ONNX file. --report lists
      the operators instead, and everything that is not supported.
      """)

  @OptionGroup var model: ModelOptions
  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write: a path that ends in .graph.", valueName: "path"))
  var output: String?
  @Flag(help: "List every operator with its count, and everything unsupported.")
  var report = false
  @OptionGroup var options: OutputOptions

  func validate() throws {
    guard ModelSource.isONNX(model.file) else { throw ValidationError("'\(model.file)' does not end in .onnx") }
    guard report || output != nil else { throw ValidationError("give -o PATH.graph, or --report") }
    if let output, !output.hasSuffix(".graph") {
      throw ValidationError("--output must end in .graph, found '\(output)'")
    }
  }

  func run() throws {
    options.apply()
    if report { try printReport() }
    guard let output else {
      // What cannot be imported is part of the report.
      _ = try model.load()
      return
    }
    let source = try model.load()
    if !options.quiet && !options.json { Terminal.report(source.resolved.warnings) }
    let written = try writeGraphFile(source, to: output)
    if options.quiet || report { return }
    let weights = written.weightsPath
    if options.json {
      Terminal.print(
        "{\"graph\": \(jsonString(written.path)), \"weights\": \(weights.map(jsonString) ?? "null"), "
          + "\"boxes\": \(written.boxCount), \"blocks\": \(written.blockCount)}")
    } else {
      Terminal.print(
        "\(written.path)  \(written.boxCount) boxes\(written.blockCount == 0 ? "" : ", \(written.blockCount) repeated")"
      )
      if let weights { Terminal.print("\(weights)  \(bytesText(fileSize(weights) ?? 0))") }
      Terminal.print("next: lamina run \(written.path) --random 1")
    }
  }

  private func printReport() throws {
    let counts = try operatorCounts(model.file)
    if options.quiet { return }
    if options.json {
      let rows = counts.map {
        "{\"operator\": \(jsonString($0.name)), \"version\": \($0.version), \"count\": \($0.count), "
          + "\"supported\": \($0.isSupported)}"
      }
      return Terminal.print("[\(rows.joined(separator: ",\n "))]")
    }
    var table = Table(headings: ["operator", "version", "count", ""], numeric: [1, 2])
    for count in counts {
      table.rows.append([
        count.name, "\(count.version)", countText(count.count), count.isSupported ? "" : "not supported",
      ])
    }
    Terminal.print(table.text)
  }
}
