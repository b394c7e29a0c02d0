// SPDX-License-Identifier: Apache-2.0
// What `lamina bench` and the options of compilation promise beside their numbers.

import FixtureKit
import Foundation
import GraphSupport
import Testing

@Suite(.enabled(if: Command.isBuilt, "set LAMINA_BUILD to the folder of the built tool")) struct BenchTests {
  @Test func rooflinesAreDrawn() throws {
    let folder = try TemporaryFolder()
    let picture = folder.file("roofline.svg")
    let finished = try Command.lamina("bench", "graphs/mlp.graph", "--seconds", "0.01", "-o", picture)
    #expect(finished.status == 0, "\(finished.error)")
    let svg = try String(contentsOfFile: picture, encoding: .utf8)
    #expect(svg.hasPrefix("<svg") && svg.contains("DRAM") && svg.contains("hidden") && svg.contains("GFLOP/s"))
  }

  @Test(arguments: [
    ["bench", "graphs/mlp.graph", "-o", "picture.bmp"], ["bench", "--kernels", "-o", "picture.svg"],
    ["bench", "--kernels", "--peers"], ["bench", "--kernels", "--tune"], ["bench", "--kernels", "--timings"],
    ["bench", "graphs/mlp.graph", "--peer", "onnxruntime"], ["bench", "graphs/mlp.graph", "--peers", "--rounds", "0"],
    ["run", "graphs/mlp.graph", "--random", "1", "--fast", "N"], ["run", "graphs/mlp.graph", "--random", "1", "--fast", "N=1,x"],
    ["run", "graphs/mlp.graph", "--random", "1", "--tune", "--tune-seconds", "0"],
  ]) func wrongCommandLines(_ arguments: [String]) throws {
    let finished = try Command.lamina(arguments)
    #expect(finished.status == 2 && !finished.error.isEmpty, "\(finished.error)")
  }

  @Test func peersNeedModelAndPython() throws {
    let model = try Command.lamina("bench", "graphs/mlp.graph", "--peers")
    #expect(model.status == 1 && model.error.contains("ONNX"), "\(model.error)")
    let folder = try TemporaryFolder()
    try AtomicFile.write(Self.identity, to: folder.file("m.onnx"))
    let python = try Command.lamina("bench", folder.file("m.onnx"), "--peers", "--python", folder.file("none"))
    #expect(python.status == 1 && python.error.contains("none"), "\(python.error)")
    let wrong = try Command.lamina("bench", folder.file("m.onnx"), "--peers", "--python", "/bin/true")
    #expect(wrong.status == 1 && wrong.error.contains("cannot list the runtimes"), "\(wrong.error)")
  }

  /// A program in the place of Python answers as `peers.py` does: one runtime that doubles, one that is missing, one
  /// that fails.
  @Test func peersAreCompared() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write(Self.identity, to: folder.file("m.onnx"))
    let python = folder.file("python")
    try AtomicFile.write(
      """
      #!/bin/sh
      if [ "$2" = list ]; then
        printf '@@PEER peer twin 1.2 -\\n@@PEER peer absent - some,package\\n@@PEER peer broken 3 -\\n@@PEER python 9.9\\n'
        exit
      fi
      if [ "$3" = broken ]; then echo 'it is broken' >&2; exit 1; fi
      mkdir -p "$5/$3"
      cp "$5/inputs/x.npy" "$5/$3/y.npy"
      echo 'noise'
      echo '@@PEER {"event": "ready"}'
      while read -r word rest; do
        [ "$word" = go ] || break
        echo '@@PEER {"event": "slice", "ns": [500, 600, 1e9, 900], "n": 4}'
      done

      """, to: python)
    #expect(chmod(python, 0o755) == 0)
    let arguments = ["bench", folder.file("m.onnx"), "--peers", "--python", python, "--seconds", "0.01", "--rounds", "2"]
    let finished = try Command.lamina(arguments + ["--json"])
    #expect(finished.status == 0, "\(finished.error)")
    let json = try #require(finished.json as? [String: Any], "\(finished.output)")
    let runtimes = try #require(json["runtimes"] as? [[String: Any]])
    #expect(runtimes.map { $0["name"] as? String } == ["lamina", "twin", "broken"])
    #expect(runtimes[1]["median_ns"] as? Double == 1e9 && runtimes[1]["difference"] as? Double == 0)
    #expect(runtimes[2]["failure"] as? String == "it is broken")
    #expect(json["best"] as? String == "twin" && json["ratio"] as? Double ?? 1 < 1e-2)
    let missing = json["missing"] as? [[String: Any]]
    #expect(missing?.first?["install"] as? [String] == ["some", "package"])
    let table = try Command.lamina(arguments)
    #expect(table.output.contains("Lamina ÷ twin") && table.output.contains("pip install some package"))
    let unknown = try Command.lamina(arguments + ["--peer", "twin", "--peer", "twine"])
    #expect(unknown.status == 1 && unknown.error.contains("'twine'") && unknown.error.contains("twin"))
    // Who computes something else is told.
    let other = folder.file("other")
    let text = try String(contentsOfFile: python, encoding: .utf8)
    let zeros = "(head -c 128 \"$5/inputs/x.npy\"; head -c 32 /dev/zero) >\"$5/$3/y.npy\""
    try AtomicFile.write(text.replacing("cp \"$5/inputs/x.npy\" \"$5/$3/y.npy\"", with: zeros), to: other)
    #expect(chmod(other, 0o755) == 0)
    let differs = try Command.lamina(
      ["bench", folder.file("m.onnx"), "--peers", "--python", other, "--seconds", "0.01", "--rounds", "1"])
    #expect(differs.status == 3, "\(differs.output)\(differs.error)")
  }

  /// y = Identity(x), f32[8], as ONNX (opset 17).
  private static let identity: [UInt8] = {
    func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
    func text(_ number: UInt8, _ string: String) -> [UInt8] { field(number, Array(string.utf8)) }
    func port(_ name: String) -> [UInt8] {
      // ValueInfo: name, type { tensor { element type 1, shape { dim { value 8 } } } }
      text(1, name) + field(2, field(1, [1 << 3, 1] + field(2, field(1, [1 << 3, 8]))))
    }
    let node = text(1, "x") + text(2, "y") + text(4, "Identity")
    let graph = field(1, node) + text(2, "g") + field(11, port("x")) + field(12, port("y"))
    return [1 << 3, 8] + field(7, graph) + field(8, [2 << 3, 17])
  }()

  /// Sizes with code of their own are shown, and the answers are the same.
  @Test func fastSizesAreShown() throws {
    let folder = try TemporaryFolder()
    let model = folder.file("m.graph")
    try AtomicFile.write(
      """
      ---
      seed: 1
      dims: {N: {range: 1..64, fast: [1, 8]}}
      ---
      graph TD
      x["Input(N, 32)"] --> y["Dense(16, relu)"]

      """, to: model)
    let check = try Command.lamina("check", model)
    #expect(check.output.contains("code of its own for N = 1; N = 8"), "\(check.output)\(check.error)")
    let json = try Command.lamina("check", model, "--json").json as? [String: Any]
    #expect(json?["fast"] as? [[String: Int]] == [["N": 1], ["N": 8]])
    let plan = try Command.lamina("plan", model, "--dim", "N=8", "--json").json as? [String: Any]
    #expect((plan?["fast"] as? [Any])?.isEmpty == true)
    #expect(try Command.lamina("plan", model).output.contains("own code, arena"))
    #expect(try Command.lamina("run", model, "--random", "1", "--fast", "N=65").status == 1)
    #expect(try Command.lamina("run", model, "--random", "1", "--fast", "M=1").error.contains("'M'"))
    guard Command.hasRuntime else { return }
    let program = folder.file("program")
    #expect(try Command.lamina("build", model, "-o", program).status == 0)
    let described = try runProgram(program, ["--describe"]).json as? [String: Any]
    #expect(described?["fast"] as? [[String: Int]] == [["N": 1], ["N": 8]])
    for size in [1, 8, 9] {
      let rows = (0..<size * 32).map { "\(Double($0 % 13) - 6)" }
      let csv = stride(from: 0, to: rows.count, by: 32).map { rows[$0..<$0 + 32].joined(separator: ",") }
      try AtomicFile.write(csv.joined(separator: "\n") + "\n", to: folder.file("x.csv"))
      let run = try runProgram(program, ["--input", folder.file("x.csv"), "--output", folder.file("a.csv"), "--threads", "1"])
      #expect(run.status == 0, "\(run.error)")
      let expected = try Command.lamina(
        "run", model, "--backend", "interpreter", "--input", folder.file("x.csv"), "--output", folder.file("b.csv"))
      #expect(expected.status == 0, "\(expected.error)")
      func numbers(_ name: String) throws -> [Double] {
        try String(contentsOfFile: folder.file(name), encoding: .utf8).split(whereSeparator: { ",\n".contains($0) }).compactMap {
          Double($0)
        }
      }
      let (a, b) = (try numbers("a.csv"), try numbers("b.csv"))
      #expect(a.count == size * 16 && zip(a, b).allSatisfy { abs($0 - $1) < 1e-4 }, "N = \(size)")
    }
  }

  /// A second run finds what the first measured.
  @Test func tilesAreKept() throws {
    let folder = try TemporaryFolder()
    let cache = folder.file("cache")
    defer { try? FileManager.default.removeItem(atPath: cache) }
    let arguments = ["run", "graphs/linear.graph", "--random", "1", "--tune", "--tune-seconds", "30"]
    let first = try Command.lamina(arguments, environment: ["LAMINA_CACHE=\(cache)"])
    #expect(first.status == 0 && first.error.contains(" 0 known"), "\(first.error)")
    let second = try Command.lamina(arguments, environment: ["LAMINA_CACHE=\(cache)"])
    #expect(second.status == 0 && second.error.contains(" 0 measured"), "\(second.error)")
    #expect(second.output == first.output)
    let quiet = try Command.lamina(arguments + ["--quiet"], environment: ["LAMINA_CACHE=\(cache)"])
    #expect(quiet.error.isEmpty, "\(quiet.error)")
  }
}
