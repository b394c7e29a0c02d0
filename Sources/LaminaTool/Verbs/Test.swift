// SPDX-License-Identifier: Apache-2.0
// `lamina test`: runs fixture files.

import ArgumentParser
import ExecutableLinker
import FixtureKit
import GraphSupport

struct Test: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run fixture files.",
    discussion: """
      Example: lamina test Tests/FixtureTests/Fixtures graphs

      A fixture is a .graph file whose comments say how to test it:

        %% test: check            reads and resolves; `check types` expects each box's type
        %% test: error            does not: expects every error with its line and column
        %% test: run random=1 N=3 interpreter, optimised graph, compiled code and executable agree, with
                                  the same bits for 1, 2, 3 and 7 threads;
                                  `run values` expects the first values of the outputs
        %% test: fmt              expects the canonical layout
        %% test: kernels          expects the number of kernels and steps after fusion
        %% test: plan N=3         expects the bytes of the arena, its lower bound and the weights

      A folder with a model.onnx is a fixture too, as ONNX's own tests are: input_0.npy … give output_0.npy …, which may
      be .pb files, and lie in folders test_data_set_0 … .

      `%% expect:` lines after a command are what it expects; BLESS=1 rewrites them. A file without commands is tested
      with check and run.
      """)

  @ArgumentParser.Argument(help: ArgumentHelp("Files and folders.", valueName: "path"))
  var paths: [String]
  @Flag(help: "Build no executables, which takes most of the time.")
  var noExecutables = false
  @OptionGroup var options: OutputOptions

  func run() throws {
    options.apply()
    let files = try fixtureFiles(paths)
    if files.isEmpty { throw DiagnosticsError("no-fixtures", "there is no .graph file and no model.onnx in \(paths.joined(separator: ", "))") }
    let settings = FixtureOptions(
      compile: try compileOptions(), blesses: environment("BLESS") == "1", buildsExecutables: !noExecutables && ModelLinker.hasRuntime)
    if !noExecutables && !ModelLinker.hasRuntime && !options.quiet {
      Terminal.error("note: executables are not tested: the runtime archive is not built")
    }
    var count = 0
    var failed: [(file: String, result: FixtureResult)] = []
    for file in files {
      let results = try runFixture(file, settings)
      count += results.count
      let failures = results.filter { !$0.failures.isEmpty }
      failed += failures.map { (file, $0) }
      if options.json { continue }
      for failure in failures {
        Terminal.print("✗ \(title(file, failure))\n\(indented(failure.failures))")
      }
      if failures.isEmpty && !options.quiet { Terminal.print("✓ \(file)  \(results.map(\.command.kind.rawValue).joined(separator: " "))") }
    }
    if options.json {
      let rows = failed.map { file, result in
        "{\"file\": \(jsonString(file)), \"line\": \(result.command.line), \"test\": \"\(result.command.kind.rawValue)\", "
          + "\"failures\": [\(result.failures.map(jsonString).joined(separator: ", "))]}"
      }
      Terminal.print(
        "{\"files\": \(files.count), \"tests\": \(count), \"failed\": \(failed.count), "
          + "\"failures\": [\(rows.joined(separator: ",\n "))]}")
    } else {
      Terminal.print("\(files.count) files, \(count) tests, \(failed.count) failed")
    }
    if !failed.isEmpty { throw FoundDifference(message: "\(failed.count) of \(count) tests failed") }
  }

  private func title(_ file: String, _ result: FixtureResult) -> String {
    result.command.line == 0 ? "\(file)  \(result.command.kind.rawValue)" : "\(file):\(result.command.line)  \(result.command.kind.rawValue)"
  }

  private func indented(_ failures: [String]) -> String {
    failures.flatMap { $0.split(separator: "\n", omittingEmptySubsequences: false) }.map { "    \($0)" }.joined(separator: "\n")
  }
}
