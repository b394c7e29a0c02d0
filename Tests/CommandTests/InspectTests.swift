// SPDX-License-Identifier: Apache-2.0
// `lamina inspect` and `lamina diff`.

import FixtureKit
import Foundation
import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite(.enabled(if: Command.isBuilt, "set LAMINA_BUILD to the folder of the built tool")) struct InspectTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func contents(_ path: String) throws -> [[String: Any]] {
    let finished = try Command.lamina("inspect", path, "--json")
    #expect(finished.status == 0, "\(finished.error)")
    let object = try #require(finished.json as? [String: Any])
    #expect(object["file"] as? String == path)
    return try #require(object["contents"] as? [[String: Any]])
  }

  @Test(arguments: ["npy", "npz", "safetensors", "json"]) func tensors(_ format: String) throws {
    let path = folder.file("größe.\(format)")
    let tensor = try #require(Tensor(.f32, [2, 2], doubles: [1, -2, .nan, 4]))
    try writeTensors([(reference: format == "npy" ? path : "\(path):a b", name: "a b", tensor: tensor)])
    let row = try #require(try contents(path).first)
    #expect(row["name"] as? String == (["npy", "json"].contains(format) ? "größe" : "a b"))
    #expect(row["dtype"] as? String == (format == "json" ? "f64" : "f32") && row["shape"] as? [Int] == [2, 2])
    #expect(row["min"] as? Double == -2 && row["max"] as? Double == 4 && row["mean"] as? Double == 1)
    let text = try Command.lamina("inspect", path).output
    #expect(text.contains("[2, 2]") && text.contains("1 NaN"))
  }

  @Test func tables() throws {
    let path = folder.file("x.csv")
    try AtomicFile.write("age,name,score\n3,Zoë,0.5\n5,Bo,\n", to: path)
    let rows = try contents(path)
    #expect(rows.map { $0["name"] as? String } == ["age", "name", "score"])
    #expect(rows[0]["dtype"] as? String == "i64" && rows[0]["max"] as? Double == 5)
    #expect((rows[1]["type"] as? String) == "text[2]")
    let text = try Command.lamina("inspect", path).output
    #expect(text.contains("2 different: 'Zoë', 'Bo'") && text.contains("1 missing"))
  }

  @Test func models() throws {
    let path = "Tests/FixtureTests/Fixtures/onnx/dense/model.onnx"
    let text = try Command.lamina("inspect", path).output
    #expect(text.contains("operator sets: 21") && text.contains("f32[N, 3]") && text.contains("weights"))
    let rows = try contents(path)
    #expect(rows.first?["remark"] as? String == "input")
  }

  /// Each format, cut off or with what does not belong there.
  @Test(arguments: ["npy", "npz", "safetensors", "csv", "json", "png", "wav", "onnx", "txt", "graph"])
  func malformedFiles(_ format: String) throws {
    let path = folder.file("bad.\(format)")
    try AtomicFile.write(format == "csv" ? "a,b\n1,2\n3\n" : "\u{1}nothing of that kind", to: path)
    let finished = try Command.lamina("inspect", path)
    #expect(finished.status == 1 && finished.output.isEmpty && finished.error.contains("bad.\(format)"), "\(finished.output)")
    #expect(try Command.lamina("inspect", folder.file("none.\(format)")).status == 1)
  }

  // MARK: Diff

  private func model(_ name: String, _ text: String) throws -> String {
    let path = folder.file(name)
    try AtomicFile.write("graph TD\n\(text)\n", to: path)
    return path
  }

  @Test func sameModels() throws {
    let path = try model("a.graph", "x[\"Input(N, 4)\"] --> y[\"Dense(3)\"]")
    let finished = try Command.lamina("diff", path, path)
    #expect(finished.status == 0 && finished.output.contains("no difference"), "\(finished.error)")
  }

  @Test func changedModels() throws {
    let a = try model("a.graph", "x[\"Input(N, 4)\"] --> y[\"Dense(3)\"] --> z[\"Softmax\"]")
    let b = try model("b.graph", "x[\"Input(N, 4)\"] --> y[\"Dense(5, relu)\"] --> s[\"Sigmoid\"]")
    let finished = try Command.lamina("diff", a, b, "--json")
    #expect(finished.status == 3)
    let object = try #require(finished.json as? [String: Any])
    #expect(object["same"] as? Bool == false)
    let boxes = try #require(object["boxes"] as? [[String: Any]])
    #expect(boxes.map { "\($0["change"] ?? "") \($0["name"] ?? "")" } == ["changed y", "added s", "removed z"])
    let parameters = try #require(object["parameters"] as? [[String: Any]])
    #expect(parameters.map { $0["before"] as? String } == ["f32[4, 3]", "f32[3]"])
    let figures = try #require(object["figures"] as? [String: [Int]])
    #expect(figures["parameters"] == [15, 25])
    let text = try Command.lamina("diff", a, b).output
    #expect(text.contains("~ y") && text.contains("+ s") && text.contains("- z") && text.contains("+10"))
  }

  /// The same boxes joined in another way.
  @Test func changedEdges() throws {
    let boxes = "x[\"Input(4)\"]\na[\"Relu\"]\nb[\"Tanh\"]\ny[\"Subtract\"]\nx --> a\nx --> b\n"
    let finished = try Command.lamina(
      "diff", try model("a.graph", boxes + "a & b --> y"), try model("b.graph", boxes + "b & a --> y"))
    #expect(finished.status == 3 && finished.output.contains("(b, a)"), "\(finished.output)\(finished.error)")
  }

  @Test func unreadableModels() throws {
    let bad = try model("bad.graph", "x[\"Desne(3)\"]")
    let finished = try Command.lamina("diff", bad, folder.file("none.graph"))
    #expect(finished.status == 1 && finished.error.contains("Desne") && finished.error.contains("none.graph"))
  }
}
