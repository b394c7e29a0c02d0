// SPDX-License-Identifier: Apache-2.0
// The command `lamina`: one file a verb.

import ArgumentParser
import GraphSupport

@main
struct LaminaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lamina",
    abstract: "Compiles neural networks written as Mermaid flowcharts.",
    discussion: """
      Example: lamina run graphs/digits.graph --input image=digit.png

      Exit codes: 0 done, 1 the input is wrong, 2 the command line is wrong, 3 a comparison or test found a
      difference, 70 a fault of Lamina.
      """,
    version: "0.1.0",
    subcommands: [
      Run.self, Build.self, Check.self, Compare.self, Import.self, Inspect.self, Diff.self, Format.self, Draw.self,
      PlanMemory.self, Bench.self, Operations.self, Test.self, Peer.self,
    ])

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      finish(error)
    }
  }

  /// Reports an error and ends the process with its exit code.
  private static func finish(_ error: any Error) -> Never {
    switch error {
    case let error as DiagnosticsError:
      Terminal.report(error.diagnostics)
      Terminal.exit(1)
    case let error as InternalError:
      Terminal.error("internal error: \(error.message)")
      if let path = error.reproducer { Terminal.error("note: a file that shows it was written to '\(path)'") }
      Terminal.error("note: this is a fault of Lamina, not of your input")
      Terminal.exit(70)
    case let error as FoundDifference:
      Terminal.error(error.message)
      Terminal.exit(3)
    default:
      // ArgumentParser's own: help is no error; everything else is a wrong command line.
      let text = fullMessage(for: error)
      if exitCode(for: error).isSuccess {
        Terminal.print(text)
        Terminal.exit(0)
      }
      Terminal.error(text)
      Terminal.exit(2)
    }
  }
}

/// A comparison or test found a difference: exit code 3.
struct FoundDifference: Error {
  var message: String
}
