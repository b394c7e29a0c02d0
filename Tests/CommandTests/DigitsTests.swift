// SPDX-License-Identifier: Apache-2.0
// 360 real handwritten digits: the same answers from interpreter, compiled code and executable.

import FixtureKit
import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite(.enabled(if: Command.isBuilt, "set LAMINA_BUILD to the folder of the built tool")) struct DigitsTests {
  private static let model = "graphs/digits.graph"
  private static let count = 360

  /// The pixels and the digits that people read in them.
  private func digits(_ folder: TemporaryFolder) throws -> (path: String, labels: [Int]) {
    let data = try readTensor("\(Command.root)/graphs/data/digits-test.csv")
    try #require(data.shape == [Self.count, 65])
    let pixels = (0..<Self.count).flatMap { row in (0..<64).map { data.double(row * 65 + $0) } }
    let path = folder.file("pixels.npy")
    try writeTensor(try #require(Tensor(.f32, [Self.count, 64], doubles: pixels)), to: path)
    return (path, (0..<Self.count).map { Int(data.double($0 * 65 + 64)) })
  }

  private func classes(_ path: String) throws -> [Int] {
    let rows = try readTensor(path)
    try #require(rows.shape == [Self.count, 10])
    return (0..<Self.count).map { row in (0..<10).max { rows.double(row * 10 + $0) < rows.double(row * 10 + $1) } ?? 0 }
  }

  /// In half precision as many digits are read, from half the weights, and the error against f32 is reported.
  @Test func halfPrecisionReadsDigits() throws {
    let folder = try TemporaryFolder()
    let (pixels, labels) = try digits(folder)
    for way in [["--backend", "jit"], ["--backend", "interpreter"]] {
      let output = folder.file("half.npy")
      let finished = try Command.lamina(
        ["run", Self.model, "--precision", "bf16", "--input", pixels, "--output", "digit=\(output)"] + way)
      #expect(finished.status == 0, "\(finished.error)")
      let right = zip(try classes(output), labels).filter { $0 == $1 }.count
      #expect(Double(right) >= 0.97 * Double(Self.count), "\(way): \(right) of \(Self.count)")
    }
    let compared = try Command.lamina("compare", Self.model, "--precision", "bf16", "--atol", "0.01", "--json")
    #expect(compared.status == 0, "\(compared.output)\(compared.error)")
    let outputs = (compared.json as? [String: Any])?["outputs"] as? [[String: Any]]
    let error = try #require(outputs?.first?["errorAgainstF32"] as? Double)
    #expect(error > 0 && error < 0.03)
    let plain = try Command.lamina("compare", Self.model, "--json")
    #expect(plain.status == 0 && !plain.output.contains("errorAgainstF32"))
  }

  @Test func everyWayGivesTheSamePredictions() throws {
    let folder = try TemporaryFolder()
    let (pixels, labels) = try digits(folder)
    var predictions: [(way: String, classes: [Int])] = []
    for backend in ["interpreter", "jit"] {
      let output = folder.file("\(backend).npy")
      let finished = try Command.lamina(
        "run", Self.model, "--backend", backend, "--input", pixels, "--output", "digit=\(output)")
      #expect(finished.status == 0, "\(finished.error)")
      predictions.append((backend, try classes(output)))
    }
    if Command.hasRuntime {
      let program = folder.file("digits")
      #expect(try Command.lamina("build", Self.model, "-o", program).status == 0)
      let output = folder.file("executable.npy")
      let finished = try runProgram(program, ["--input", "image=\(pixels)", "--output", "digit=\(output)"])
      #expect(finished.status == 0, "\(finished.error)")
      predictions.append(("executable", try classes(output)))
    }
    for (way, found) in predictions {
      #expect(found == predictions[0].classes, "\(way)")
      let right = zip(found, labels).filter { $0 == $1 }.count
      #expect(Double(right) >= 0.97 * Double(Self.count), "\(way): \(right) of \(Self.count)")
    }
  }
}
