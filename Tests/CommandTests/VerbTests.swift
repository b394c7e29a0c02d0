// SPDX-License-Identifier: Apache-2.0
// What every verb of the tool promises: help, exit codes, JSON, colours, whole files.

import FixtureKit
import Foundation
import GraphSupport
import Testing

private let verbs = [
  "run", "build", "check", "compare", "draw", "fmt", "ops", "test", "import", "plan", "bench", "inspect", "diff",
]
private let linear = "graphs/linear.graph"

@Suite(.enabled(if: Command.isBuilt, "set LAMINA_BUILD to the folder of the built tool")) struct VerbTests {
  @Test(arguments: verbs) func helpShowsAnExample(_ verb: String) throws {
    let help = try Command.lamina(verb, "--help")
    #expect(help.status == 0)
    #expect(help.output.contains("Example: lamina \(verb) "))
    #expect(help.output.contains("--json"))
    #expect(help.error.isEmpty)
  }

  @Test func helpListsEveryVerb() throws {
    let help = try Command.lamina("--help")
    #expect(help.status == 0)
    for verb in verbs { #expect(help.output.contains("\n  \(verb) "), "\(verb)") }
  }

  @Test(arguments: [
    [], ["frobnicate"], ["run"], ["run", linear, "--frobnicate"], ["run", linear, "--dim", "N"],
    ["run", linear, "--threads", "many"], ["compare", linear, "--atol", "-1"], ["draw", linear, "-o", "picture.bmp"],
    ["run", linear, "--random", "1", "--input", "x.npy"], ["run", linear, "--precision", "f8"], ["bench"],
    ["bench", linear, "--kernels"], ["bench", linear, "--seconds", "-1"], ["plan", linear, "-o", "plan.bmp"],
  ]) func wrongCommandLines(_ arguments: [String]) throws {
    let finished = try Command.lamina(arguments)
    // Without a verb the tool shows its help.
    #expect(finished.status == (arguments.isEmpty ? 0 : 2), "\(finished.error)")
    #expect(arguments.isEmpty || !finished.error.isEmpty)
  }

  @Test func wrongInputs() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("graph TD\n  x[\"Input(N, 8)\"] --> y[\"Desne(4)\"]\n", to: folder.file("x.graph"))
    for arguments in [
      ["check", folder.file("x.graph")], ["run", folder.file("x.graph"), "--random", "1"], ["run", "nothing.graph"],
      ["run", linear], ["compare", folder.file("x.graph")], ["build", folder.file("x.graph"), "-o", folder.file("x")],
      ["run", linear, "--random", "1", "--dim", "M=3"], ["test", "nothing"], ["ops", "Desne"],
    ] {
      let finished = try Command.lamina(arguments)
      #expect(finished.status == 1, "\(arguments): \(finished.output)\(finished.error)")
      #expect(!finished.error.isEmpty)
      #expect(finished.output.isEmpty)
    }
    let finding = try Command.lamina("check", folder.file("x.graph")).error
    #expect(finding.contains("x.graph:2:"))
    #expect(finding.contains("'Dense'"))
  }

  /// A table that is large enough to stay in its file may start at any multiple of its elements' size there.
  @Test(arguments: [0, 4, 8, 60]) func largeConstantsStartAnywhere(_ start: Int) throws {
    let folder = try TemporaryFolder()
    let (rows, columns) = (5000, 64)
    try AtomicFile.write(
      "graph TD\n  x[\"Input(2, i32)\"] --> y[\"Embedding(\(rows), \(columns))\"]\n", to: folder.file("x.graph"))
    try AtomicFile.write("[7, \(rows - 1)]", to: folder.file("x.json"))
    let header =
      "{\"y/embeddings\":{\"dtype\":\"F32\",\"shape\":[\(rows),\(columns)],"
      + "\"data_offsets\":[0,\(4 * rows * columns)]}}"
    let padded = header + String(repeating: " ", count: (start - 8 - header.utf8.count % 64 + 128) % 64)
    var bytes = withUnsafeBytes(of: UInt64(padded.utf8.count).littleEndian) { Array($0) } + Array(padded.utf8)
    #expect(bytes.count % 64 == start)
    for row in 0..<rows {
      let element = withUnsafeBytes(of: Float(row).bitPattern.littleEndian) { Array($0) }
      for _ in 0..<columns { bytes += element }
    }
    try AtomicFile.write(bytes, to: folder.file("w.safetensors"))
    let finished = try Command.lamina(
      "run", folder.file("x.graph"), "--weights", folder.file("w.safetensors"), "--input", folder.file("x.json"))
    let summary = finished.output + finished.error
    #expect(finished.status == 0 && summary.contains("min 7 ") && summary.contains("max 4999"), "\(summary)")
  }

  /// A total of named sizes is as long as the model: it stands on a line of its own.
  @Test func totalsOfNamedSizes() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("x.graph")
    try AtomicFile.write(
      "graph TD\n  x[\"Input(N, T, 4)\"] --> a[\"LSTM(3)\"] --> b[\"Dense(2)\"]\n", to: path)
    let lines = try Command.lamina("check", path).output.split(separator: "\n").map(String.init)
    let total = try #require(lines.first { $0.hasPrefix("total") })
    #expect(!total.contains("N"))
    #expect(lines.contains { $0.hasPrefix("FLOPs in total: ") && $0.contains("N * T") }, "\(lines)")
    #expect(lines.contains { $0.hasPrefix("bytes in total: ") && $0.contains("N * T") }, "\(lines)")
    let fixed = try Command.lamina("check", path, "--dim", "N=1", "--dim", "T=2").output
    #expect(!fixed.contains("in total"), "\(fixed)")
  }

  @Test func differencesEndWithThree() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("graph TD\na-->b\n", to: folder.file("x.graph"))
    #expect(try Command.lamina("fmt", "--check", folder.file("x.graph")).status == 3)
    // No tolerance: a sum of many products is rounded in another order.
    let strict = try Command.lamina("compare", "graphs/mlp.graph", "--atol", "0", "--rtol", "0", "--repro", folder.file("repro"))
    #expect(strict.status == 3)
    #expect(strict.output.contains("first difference: graphs/mlp.graph:"))
    let again = try Command.lamina(
      "compare", folder.file("repro/repro.graph"), "--input", folder.file("repro/inputs.npz:") + inputName(folder), "--atol", "0",
      "--rtol", "0")
    #expect(again.status == 3, "\(again.output)\(again.error)")
    for file in ["repro.graph", "repro.safetensors", "inputs.npz"] { unlink(folder.file("repro/\(file)")) }
    try AtomicFile.write(
      "graph TD\nx[\"Input(2)\"] --> y[\"Relu\"]\n%% test: check\n%% expect: x f32[3]\n", to: folder.file("wrong.graph"))
    #expect(try Command.lamina("test", folder.file("wrong.graph")).status == 3)
  }

  /// The name of a reproducer's input.
  private func inputName(_ folder: TemporaryFolder) throws -> String {
    let text = String(decoding: try readFile(folder.file("repro/repro.graph")), as: UTF8.self)
    let line = try #require(text.split(separator: "\n").first { $0.contains("\"Input(") })
    return String(line.drop { $0 == " " }.prefix { $0 != "[" })
  }

  /// Windows need inputs of some size: `--random` finds it, and who gives less is told.
  @Test func randomInputsAreLargeEnough() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write(
      "graph TD\nx[\"Input(1, h, w, 3)\"] --> y[\"Conv2D(2, 3x3)\"] --> z[\"MaxPool2D(2x2)\"]\n", to: folder.file("x.graph"))
    for backend in ["jit", "interpreter"] {
      let finished = try Command.lamina("run", folder.file("x.graph"), "--random", "1", "--backend", backend)
      #expect(finished.status == 0 && finished.output.contains("f32[1, 1, 1, 2]"), "\(finished.output)\(finished.error)")
    }
    try AtomicFile.write("{\"shape\": [1, 1, 1, 3], \"data\": [1, 2, 3]}", to: folder.file("small.json"))
    let small = try Command.lamina("run", folder.file("x.graph"), "--input", folder.file("small.json"))
    #expect(small.status == 1 && small.error.contains("h = 1, w = 1"), "\(small.error)")
  }

  @Test func plansAreDrawn() throws {
    let folder = try TemporaryFolder()
    let picture = folder.file("plan.svg")
    let finished = try Command.lamina("plan", "graphs/cifar10.graph", "-o", picture)
    #expect(finished.status == 0, "\(finished.error)")
    #expect(finished.output.contains("lower bound"))
    let svg = try String(contentsOfFile: picture, encoding: .utf8)
    #expect(svg.hasPrefix("<svg") && svg.contains("<title>"))
  }

  @Test func comparisonAgrees() throws {
    let finished = try Command.lamina("compare", "graphs/two_layers.graph", "--random", "5")
    #expect(finished.status == 0, "\(finished.error)")
    #expect(finished.output.contains("2 boxes agree"))
  }

  @Test(arguments: [
    ["check", linear], ["ops"], ["ops", "Dense"], ["run", linear, "--random", "1"], ["compare", linear], ["test", linear],
    ["check", "--syntax", linear], ["plan", "graphs/mlp.graph"], ["bench", "graphs/mlp.graph", "--seconds", "0.01"],
  ]) func jsonParses(_ arguments: [String]) throws {
    let finished = try Command.lamina(arguments + ["--json"])
    #expect(finished.status == 0, "\(finished.error)")
    #expect(finished.json != nil, "\(finished.output)")
  }

  /// Phases are a table on standard error, or part of the JSON; the second time code is found in the cache.
  @Test func timingsAreShown() throws {
    let folder = try TemporaryFolder()
    let environment = ["LAMINA_CACHE=\(folder.file("cache"))"]
    defer { try? FileManager.default.removeItem(atPath: folder.file("cache")) }
    func timings(_ arguments: [String]) throws -> (phases: [String: Int], counts: [String: Int]) {
      let finished = try Command.lamina(arguments + ["--timings", "--json"], environment: environment)
      let times = try #require((finished.json as? [String: Any])?["timings"] as? [String: Any], "\(finished.error)")
      let phases = try #require(times["phases"] as? [[String: Any]])
      let names = phases.map { (($0["phase"] as? [String] ?? []).joined(separator: "/"), $0["times"] as? Int ?? 0) }
      return (Dictionary(names, uniquingKeysWith: +), times["counts"] as? [String: Int] ?? [:])
    }
    let run = ["run", "graphs/two_layers.graph", "--random", "1"]
    let (cold, coldCounts) = try timings(run)
    let (calls, distinct) = (coldCounts["kernel calls"] ?? 0, coldCounts["distinct kernels"] ?? 0)
    #expect(calls > 0 && distinct > 0 && distinct <= coldCounts["kernels"] ?? 0)
    #expect(coldCounts["cache misses"] == distinct && coldCounts["cache hits"] == 0)
    for phase in ["read", "resolve", "optimize/simplify 2", "lower/fuse", "compile/generate code/LLVM code generation"] {
      #expect(cold[phase] ?? 0 > 0, "\(phase)")
    }
    #expect(cold["compile/generate code/LLVM code generation"] == distinct)
    let (warm, warmCounts) = try timings(run)
    #expect(warmCounts["cache hits"] == distinct && warmCounts["cache misses"] == 0)
    #expect(warm["compile/generate code"] == nil)
    for arguments in [["check", linear], ["plan", linear], ["bench", linear, "--seconds", "0.01"], ["compare", linear]] {
      #expect(try timings(arguments).phases["resolve"] == 1, "\(arguments)")
    }
    let table = try Command.lamina(run + ["--timings"], environment: environment)
    #expect(table.error.contains("optimize") && table.error.contains("total") && !table.output.contains("optimize"))
    let plain = try Command.lamina(run, environment: environment)
    #expect(plain.error.isEmpty && plain.output == table.output)
  }

  @Test func errorsAsJSON() throws {
    let finished = try Command.lamina("run", "nothing.graph", "--json")
    #expect(finished.status == 1)
    #expect(finished.json != nil, "\(finished.output)")
  }

  @Test func colours() throws {
    let escape = "\u{1B}["
    #expect(try Command.lamina("check", "nothing.graph", "--color", "always").error.contains(escape))
    #expect(try !Command.lamina("check", "nothing.graph").error.contains(escape))
    #expect(try !Command.lamina(["check", "nothing.graph"], environment: ["NO_COLOR=1"]).error.contains(escape))
    #expect(try !Command.lamina("check", "nothing.graph", "--color", "never").error.contains(escape))
  }

  /// What fails leaves what was there before, and nothing beside it.
  @Test func failuresWriteNothing() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("graph TD\nx[\"Input(N, 8)\"] --> y[\"Desne(4)\"]\n", to: folder.file("x.graph"))
    try AtomicFile.write("before", to: folder.file("old.npy"))
    for arguments in [
      ["build", folder.file("x.graph"), "-o", folder.file("x")],
      ["run", folder.file("x.graph"), "--random", "1", "--output", folder.file("old.npy")],
      ["run", linear, "--random", "1", "--output", "z=" + folder.file("new.npy")],
      ["run", linear, "--random", "1", "--output", "y=" + folder.file("none/new.npy")],
      ["draw", folder.file("missing.graph"), "-o", folder.file("x.svg")],
    ] {
      #expect(try Command.lamina(arguments).status == 1, "\(arguments)")
    }
    #expect(folder.names == ["old.npy", "x.graph"])
    #expect(try readFile(folder.file("old.npy")) == Array("before".utf8))
  }

  /// The diagrams as people drew them: well-formed, and every box is named when they are run.
  @Test(arguments: ["model_life", "short_form", "concepts"]) func unboundDiagrams(_ name: String) throws {
    let path = "graphs/pipelines/\(name).graph"
    #expect(try Command.lamina("check", "--syntax", path).status == 0)
    let finished = try Command.lamina("run", path)
    #expect(finished.status == 1)
    let text = String(decoding: try readFile("\(Command.root)/\(path)"), as: UTF8.self)
    let ids = Set("ABCDEFGH".filter { text.contains("\($0)[") || text.contains("\($0){") })
    #expect(ids.count >= 4)
    for id in ids { #expect(finished.error.contains("' (\(id)) has no operation"), "\(id)") }
  }
}
