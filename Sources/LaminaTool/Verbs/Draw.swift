// SPDX-License-Identifier: Apache-2.0
// `lamina draw`: pictures of a file.

import ArgumentParser
import GraphDrawing
import GraphLanguage
import GraphSupport
import Lamina

struct Draw: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw a file as .svg or .mmd.",
    discussion: "Example: lamina draw graphs/digits.graph -o digits.svg")

  @ArgumentParser.Argument(help: ArgumentHelp("The file.", valueName: "file"))
  var file: String
  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write: a path that ends in .svg or .mmd.", valueName: "path"))
  var output: String
  @OptionGroup var options: OutputOptions

  func run() throws {
    options.apply()
    let read: GraphFile
    if ModelSource.isONNX(file) {
      read = try graphFile(try ModelSource.load(file))
    } else {
      let (loaded, findings) = loadGraphFile(file)
      guard let loaded, !findings.contains(where: { $0.severity == .error }) else { throw DiagnosticsError(findings) }
      read = loaded
    }
    let text: String
    if output.hasSuffix(".mmd") {
      text = read.mermaid
    } else if output.hasSuffix(".svg") {
      text = Drawing(read).svg()
    } else {
      throw ValidationError("--output must end in .svg or .mmd, found '\(output)'")
    }
    try AtomicFile.write(text, to: output)
    if !options.quiet { Terminal.print("\(output)  \(bytesText(text.utf8.count))") }
  }
}
