// SPDX-License-Identifier: Apache-2.0
// `lamina fmt`: the canonical layout.

import ArgumentParser
import GraphLanguage
import GraphSupport

struct Format: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fmt", abstract: "Lay files out canonically, in place.",
    discussion: """
      Example: lamina fmt graphs/*.graph

      Comments, front matter and styles stay as they are. Formatting a formatted file changes nothing.
      """)

  @ArgumentParser.Argument(help: ArgumentHelp("The files.", valueName: "file"))
  var files: [String]
  @Flag(help: "Write nothing; fail with exit code 3 when a file is not formatted.")
  var check = false
  @Flag(help: "Print the result instead of writing it.")
  var stdout = false
  @OptionGroup var options: OutputOptions

  func run() throws {
    options.apply()
    var findings: [Diagnostic] = []
    var different: [String] = []
    for path in files {
      let bytes = try readFile(path)
      let (file, errors) = parseGraphFile(path: path, bytes: bytes)
      guard let file, !errors.contains(where: { $0.severity == .error }) else {
        findings += errors
        continue
      }
      let text = file.formatted
      if stdout {
        Terminal.print(text.last == "\n" ? String(text.dropLast()) : text)
      } else if Array(text.utf8) != bytes {
        different.append(path)
        if !check {
          try AtomicFile.write(text, to: path)
          if !options.quiet { Terminal.print("\(path): formatted") }
        }
      }
    }
    if !findings.isEmpty { throw DiagnosticsError(findings) }
    if check && !different.isEmpty {
      throw FoundDifference(message: different.map { "\($0): not formatted" }.joined(separator: "\n"))
    }
  }
}
