// SPDX-License-Identifier: Apache-2.0
// Every fixture file is a test; BLESS=1 rewrites what they expect.

import ExecutableLinker
import FixtureKit
import Foundation
import GraphSupport
import Testing

private let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
private let fixtures = here.appending(path: "Fixtures").path
private let graphs = here.appending(path: "../../graphs").standardizedFileURL.path

private let options = FixtureOptions(
  blesses: ProcessInfo.processInfo.environment["BLESS"] == "1", buildsExecutables: ModelLinker.hasRuntime)

/// The fixtures of a folder as its test sees them: names below it.
private func files(_ folder: String) -> [String] {
  ((try? fixtureFiles([folder])) ?? []).map { String($0.dropFirst(folder.count + 1)) }
}

private func run(_ folder: String, _ name: String) throws {
  for result in try runFixture("\(folder)/\(name)", options) {
    let failures = result.failures.joined(separator: "\n")
    #expect(failures.isEmpty, "\(name):\(result.command.line) \(result.command.kind.rawValue)\n\(failures)")
  }
}

@Suite struct FixtureTests {
  @Test(arguments: files("\(fixtures)/syntax")) func syntax(_ name: String) throws { try run("\(fixtures)/syntax", name) }
  @Test(arguments: files("\(fixtures)/errors")) func errors(_ name: String) throws { try run("\(fixtures)/errors", name) }
  @Test(arguments: files("\(fixtures)/ops")) func operators(_ name: String) throws { try run("\(fixtures)/ops", name) }
  @Test(arguments: files("\(fixtures)/models")) func models(_ name: String) throws { try run("\(fixtures)/models", name) }
  @Test(arguments: files("\(fixtures)/fusion")) func fusion(_ name: String) throws { try run("\(fixtures)/fusion", name) }
  @Test(arguments: files("\(fixtures)/onnx")) func onnxModels(_ name: String) throws { try run("\(fixtures)/onnx", name) }
  /// Architectures of full size have tests of their own.
  @Test(arguments: files(graphs).filter { !$0.hasPrefix("architectures/") }) func published(_ name: String) throws {
    try run(graphs, name)
  }

  /// A folder that is not found would run nothing.
  @Test func foldersHoldFixtures() {
    for (folder, count) in [("syntax", 8), ("errors", 40), ("ops", 12), ("models", 12), ("fusion", 10), ("onnx", 3)] {
      #expect(files("\(fixtures)/\(folder)").count >= count, "\(folder)")
    }
    #expect(files(graphs).count >= 10)
  }

  /// A model whose data say something else than it computes, and one that has more data than outputs.
  @Test func wrongONNXDataFail() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write(try readFile("\(fixtures)/onnx/dense/model.onnx"), to: folder.file("model.onnx"))
    for (from, to) in [("input_0.npy", "input_0.npy"), ("input_0.npy", "output_0.npy")] {
      try AtomicFile.write(try readFile("\(fixtures)/onnx/dense/\(from)"), to: folder.file(to))
    }
    let settings = FixtureOptions(buildsExecutables: false)
    let wrong = try runFixture(folder.file("model.onnx"), settings).flatMap(\.failures)
    #expect(wrong.count == 1 && wrong[0].contains("output 'y'"), "\(wrong)")
    try AtomicFile.write(try readFile("\(fixtures)/onnx/dense/input_0.npy"), to: folder.file("output_1.npy"))
    #expect(try runFixture(folder.file("model.onnx"), settings).flatMap(\.failures).first?.contains("one output more") == true)
  }

  /// A wrong expectation, an unreadable command and a missing error are found.
  @Test func wrongExpectationsFail() throws {
    let folder = try TemporaryFolder()
    func failures(_ text: String) throws -> [String] {
      try AtomicFile.write(text, to: folder.file("x.graph"))
      return try runFixture(folder.file("x.graph"), FixtureOptions(buildsExecutables: false)).flatMap(\.failures)
    }
    let model = "graph LR\n    x[\"Input(2)\"] --> y[\"x * 2\"]\n"
    #expect(try failures(model + "%% test: check").isEmpty)
    #expect(try failures(model + "%% test: check\n%% expect: x f32[3]").count == 1)
    #expect(try failures(model + "%% test: error") == ["no error was found"])
    #expect(try !failures(model + "%% test: run values\n%% expect: y f32[2] = 0 0").isEmpty)
    #expect(throws: DiagnosticsError.self) { try failures(model + "%% test: chek") }
    #expect(throws: DiagnosticsError.self) { try failures("%% expect: y\n" + model) }
    #expect(throws: DiagnosticsError.self) { try failures(model + "%% test: onnx") }
  }
}
