// SPDX-License-Identifier: Apache-2.0
// 4-bit integers: as inputs, in Cast, QuantizeLinear and DequantizeLinear, and stored.

import GraphIR
import GraphSupport
import ONNXImport
import TensorCore
import Testing

@Suite struct FourBitTests {
  private static let (u4, i4) = (21, 22)

  private func result(_ nodes: [Wire], _ inputs: [Wire], _ given: [String: Tensor], _ stored: [Wire] = []) throws -> Tensor {
    let bytes = model(graph(nodes, inputs: inputs, outputs: ["y"], initializers: stored), opset: 21)
    return try run(try importBytes(bytes), given)
  }

  /// Floats saturate, integers keep their lowest four bits.
  @Test func casts() throws {
    let numbers: [Double] = [-200, -9, -8, -1.9, 0, 7.5, 9, 15, 17, 300]
    func cast(_ dtype: DType, _ number: Int, _ type: Int) throws -> [Double] {
      try result(
        [node("Cast", ["x"], ["y"], [("to", .int(type))])], [valueInfo("x", type: number, ["10"])],
        ["x": try tensor(numbers, nil, dtype)]
      ).doubles()
    }
    #expect(try cast(.f32, 1, Self.i4) == [-8, -8, -8, -1, 0, 7, 7, 7, 7, 7])
    #expect(try cast(.f32, 1, Self.u4) == [0, 0, 0, 0, 0, 7, 9, 15, 15, 15])
    #expect(try cast(.i64, 7, Self.i4) == [-8, 7, -8, -1, 0, 7, -7, -1, 1, -4])
    #expect(try cast(.i64, 7, Self.u4) == [8, 7, 8, 15, 0, 7, 9, 15, 1, 12])
  }

  @Test func inputsAreBytes() throws {
    let bytes = model(
      graph(
        [node("Cast", ["x"], ["y"], [("to", .int(1))])], inputs: [valueInfo("x", type: Self.i4, ["3"])], outputs: ["y"]),
      opset: 21)
    let imported = try importBytes(bytes)
    #expect(imported.warnings.contains { $0.id == "4-bit-input" && $0.message.contains("'x'") })
    let x = try tensor([-8, 0, 7], nil, .i8)
    #expect(try run(imported, ["x": x]).doubles() == [-8, 0, 7])
  }

  @Test func quantizes() throws {
    let x = try tensor([-100, -3, 0.6, 3, 100])
    let inputs = [valueInfo("x", ["5"])]
    let scale = floats("s", [], [0.5])
    let signed = try result(
      [node("QuantizeLinear", ["x", "s"], ["y"], [("output_dtype", .int(Self.i4))])], inputs, ["x": x], [scale])
    #expect(signed.dtype == .i8 && signed.doubles() == [-8, -6, 1, 6, 7])
    let zero = tensorMessage("z", Self.u4, []) { $0.data(9, [5]) }
    let unsigned = try result([node("QuantizeLinear", ["x", "s", "z"], ["y"])], inputs, ["x": x], [scale, zero])
    #expect(unsigned.dtype == .u8 && unsigned.doubles() == [0, 0, 6, 11, 15])
  }

  /// Through and back: the zero point is packed, the elements are not.
  @Test func quantizesAndBack() throws {
    let zero = tensorMessage("z", Self.i4, []) { $0.data(9, [0x0E]) }
    let y = try result(
      [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["y"])],
      [valueInfo("x", ["4"])], ["x": try tensor([-50, -1, 2, 50])], [floats("s", [], [0.5]), zero])
    #expect(y.doubles() == [-3, -1, 2, 4.5])
  }

  /// Operators that only move elements take stored ones unpacked; CastLike makes the type of its second operand.
  @Test func storedElementsMove() throws {
    let weights = tensorMessage("w", Self.i4, [2, 2]) { $0.data(9, [0x21, 0xF3]) }
    let moved = try result(
      [
        node("Transpose", ["w"], ["t"]), node("Cast", ["t"], ["f"], [("to", .int(1))]), node("Add", ["f", "x"], ["y"]),
      ], [valueInfo("x", ["2", "2"])], ["x": try tensor([0, 0, 0, 0], [2, 2])], [weights])
    #expect(moved.doubles() == [1, 3, 2, -1])
    let like = try result(
      [node("CastLike", ["x", "w"], ["y"])], [valueInfo("x", ["2"])], ["x": try tensor([-20, 3])], [weights])
    #expect(like.dtype == .i8 && like.doubles() == [-8, 3])
  }
}
