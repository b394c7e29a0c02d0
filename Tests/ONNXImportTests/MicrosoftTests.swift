// SPDX-License-Identifier: Apache-2.0
// Operators of com.microsoft that become others, and those whose meaning is not that of ONNX's of the same name.

import Foundation
import GraphIR
import ONNXImport
import TensorCore
import Testing

@Suite struct MicrosoftTests {
  /// The result of one node on x; further operands are stored.
  private func one(
    _ operation: String, _ x: Tensor, _ stored: [Wire], _ attributes: [(String, AttributeValue)] = [],
    names: [String]? = nil, results: [String] = ["y"]
  ) throws -> Tensor {
    let types: [DType: Int] = [.f32: 1, .u8: 2, .i8: 3, .i32: 6, .i64: 7]
    let operands = names ?? ["x"] + stored.indices.map { "w\($0)" }
    let node = node(operation, operands, results, domain: "com.microsoft", attributes)
    let type = try #require(types[x.dtype])
    let graph = graph(
      [node], inputs: [valueInfo("x", type: type, x.shape.map(String.init))], outputs: ["y"], initializers: stored)
    return try run(try importBytes(model(graph, opset: 17, domains: ["com.microsoft"])), ["x": x])
  }

  private func bytes(_ name: String, _ dims: [Int], _ values: [UInt8], signed: Bool = false) -> Wire {
    tensorMessage(name, signed ? 3 : 2, dims) { $0.data(9, values) }
  }

  @Test func gemmWithAnActivation() throws {
    let x = try tensor([1, -2], [1, 2])
    let w = floats("w0", [2, 2], [1, 2, 3, 4])
    let y = try one("FusedGemm", x, [w, floats("w1", [2], [0, 10])], [("activation", .text("Relu"))])
    #expect(y.doubles() == [0, 4])
    let leaky = try one(
      "FusedGemm", x, [w], [("activation", .text("LeakyRelu")), ("activation_alpha", .float(0.5))])
    #expect(leaky.doubles() == [-2.5, -3])
    #expect(throws: (any Error).self) { _ = try one("FusedGemm", x, [w], [("activation", .text("Frobnicate"))]) }
  }

  /// Before channels last: a bias for each, and what skipped the layers before.
  @Test func biasAndSkip() throws {
    let x = try tensor([1, 2, 3, 4, 5, 6], [1, 3, 2])
    let y = try one(
      "BiasAdd", x, [floats("w0", [2], [10, 20]), floats("w1", [1, 3, 2], [100, 200, 300, 400, 500, 600])])
    #expect(y.shape == [1, 3, 2] && y.doubles() == [111, 222, 313, 424, 515, 626])
  }

  /// The state of all rows is rounded with one scale: of 1 and 0.05 the second becomes 13/255, not 0.05. With several
  /// threads onnxruntime rounds each thread's rows on their own, so that its values depend on how many there are.
  @Test func roundsTheStateOfAllRowsTogether() throws {
    let (scale, zero) = (floats("s", [1], [0.01]), bytes("z", [1], [0], signed: true))
    let y = try one(
      "DynamicQuantizeLSTM", try tensor([0, 0], [1, 2, 1]),
      [
        bytes("w", [1, 1, 4], [0, 0, 0, 0], signed: true), bytes("r", [1, 1, 4], [0, 0, 0, 100], signed: true),
        floats("h", [1, 2, 1], [1, 0.05]), scale, zero,
      ], [("hidden_size", .int(1))], names: ["x", "w", "r", "", "", "h", "", "", "s", "z", "s", "z"])
    // 0.5 · tanh(0.5 · tanh(h))
    for (found, h) in zip(y.doubles(), [1, 13.0 / 255]) {
      #expect(abs(found - 0.5 * tanh(0.5 * tanh(h))) < 1e-6, "\(found) of \(h)")
    }
  }

  @Test func quantisedGemm() throws {
    // (x - 1) · (w - 2) = [1 2] · [[0 1] [2 3]] = [4 7], with bias 1: [5 8], · 0.5 · 0.25 = [0.625 1]
    let x = try tensor([2, 3], [1, 2], .u8)
    let common = [
      floats("s", [], [0.5]), bytes("z", [], [1]), bytes("w", [2, 2], [2, 3, 4, 5], signed: true), floats("t", [], [0.25]),
      bytes("v", [], [2], signed: true), tensorMessage("c", 6, [2]) { $0.data(9, [1, 0, 0, 0, 1, 0, 0, 0]) },
    ]
    let names = ["x", "s", "z", "w", "t", "v", "c"]
    #expect(try one("QGemm", x, common, names: names).doubles() == [0.625, 1])
    let rounded = try one(
      "QGemm", x, common + [floats("r", [], [0.25]), bytes("q", [], [7])], names: names + ["r", "q"])
    #expect(rounded.dtype == .u8 && rounded.doubles() == [9, 11])
  }

  @Test func quantisedMean() throws {
    let y = try one(
      "QLinearReduceMean", try tensor([10, 20, 30, 60], [2, 2], .u8),
      [floats("w0", [], [0.5]), bytes("w1", [], [10]), floats("w2", [], [0.25]), bytes("w3", [], [1])],
      [("axes", .ints([1])), ("keepdims", .int(0))])
    // 0.5 · (5, 35) = (2.5, 17.5), in steps of 0.25 from 1
    #expect(y.doubles() == [11, 71])
  }

  /// Rows of two elements a byte, in blocks of 16.
  @Test(arguments: [false, true]) func gathersPackedRows(_ hasZeros: Bool) throws {
    let table = bytes("t", [3, 8], (0..<24).map { UInt8($0 * 9 % 256) })
    let scales = floats("s", [3, 1], [1, 2, 0.5])
    let zeros = bytes("z", [3, 1], [3, 0xF5, 0])
    let y = try one(
      "GatherBlockQuantized", try tensor([2, 0], nil, .i64), [table, scales] + (hasZeros ? [zeros] : []),
      [("block_size", .int(16)), ("bits", .int(4)), ("quantize_axis", .int(1))],
      names: ["t", "x", "s"] + (hasZeros ? ["z"] : []))
    #expect(y.shape == [2, 16])
    let expected = [2, 0].flatMap { row in
      (0..<16).map { column -> Double in
        let byte = (row * 8 + column / 2) * 9 % 256
        let element = column % 2 == 0 ? byte & 15 : byte >> 4
        return Double(element - (hasZeros ? [3, 5, 0][row] : 8)) * [1, 2, 0.5][row]
      }
    }
    #expect(y.doubles() == expected)
  }

  /// Two of com.microsoft's operators have names of ONNX's and another meaning.
  @Test func sameNamesOtherMeanings() throws {
    let x = try tensor([3, 1, 3, 2])
    #expect(try one("Unique", x, [], results: ["y", "places", "counts"]).doubles() == [3, 1, 2])
    #expect(try one("Unique", x, [], results: ["u", "places", "y"]).integers() == [2, 1, 1])
    #expect(try one("Unique", x, [], results: ["u", "y"]).integers() == [0, 1, 0, 2])
    let padded = try one("Pad", try tensor([1, 2]), [longs("w0", [1, 0]), floats("w1", [1], [9])])
    #expect(padded.doubles() == [9, 1, 2])
    #expect(try one("ExpandDims", x, [tensorMessage("w0", 6, []) { $0.data(9, [0, 0, 0, 0]) }]).shape == [1, 4])
  }
}
