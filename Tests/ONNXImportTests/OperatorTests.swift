// SPDX-License-Identifier: Apache-2.0
// What operators mean in each version of the operator set.

import GraphIR
import ONNXImport
import TensorCore
import Testing

@Suite struct OperatorTests {
  /// The result of one node on x.
  private func one(
    _ operation: String, _ x: Tensor, opset: Int, operands: [Wire] = [], _ attributes: [(String, AttributeValue)] = []
  ) throws -> Tensor {
    let names = (0..<operands.count).map { "w\($0)" }
    let type = x.dtype == .i64 ? 7 : 1
    let graph = graph(
      [node(operation, ["x"] + names, ["y"], attributes)],
      inputs: [valueInfo("x", type: type, x.shape.map(String.init))], outputs: ["y"], initializers: operands)
    return try run(try importBytes(model(graph, opset: opset)), ["x": x])
  }

  @Test func axesAreAttributesThenOperands() throws {
    let x = try tensor([1, 2, 3, 4], [1, 2, 2])
    #expect(try one("Squeeze", x, opset: 11, [("axes", .ints([0]))]).shape == [2, 2])
    #expect(try one("Squeeze", x, opset: 13, operands: [longs("w0", [0])]).shape == [2, 2])
    #expect(try one("Unsqueeze", x, opset: 11, [("axes", .ints([0, 4]))]).shape == [1, 1, 2, 2, 1])
    #expect(try one("Unsqueeze", x, opset: 13, operands: [longs("w0", [-1])]).shape == [1, 2, 2, 1])
    let sum = try one("ReduceSum", x, opset: 13, operands: [longs("w0", [1])], [("keepdims", .int(0))])
    #expect(sum.shape == [1, 2] && sum.doubles() == [4, 6])
    #expect(try one("ReduceMax", x, opset: 11, [("axes", .ints([1, 2]))]).doubles() == [4])
    let slice = try one(
      "Slice", x, opset: 10, operands: [longs("w0", [-1]), longs("w1", [-9]), longs("w2", [2]), longs("w3", [-1])])
    #expect(slice.doubles() == [2, 1, 4, 3])
    #expect(
      try one("Slice", x, opset: 1, [("starts", .ints([1])), ("ends", .ints([9])), ("axes", .ints([1]))]).doubles() == [
        3, 4,
      ])
  }

  @Test func softmaxBefore13TakesAllAxesFromOneOn() throws {
    let x = try tensor([Double](repeating: 0, count: 8), [2, 2, 2])
    #expect(try one("Softmax", x, opset: 11).doubles() == [Double](repeating: 0.25, count: 8))
    #expect(try one("Softmax", x, opset: 13).doubles() == [Double](repeating: 0.5, count: 8))
    #expect(try one("Hardmax", x, opset: 11, [("axis", .int(0))]).doubles() == [1, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func broadcastBefore7StandsAtAnAxis() throws {
    let x = try tensor([1, 2, 3, 4], [2, 2])
    let w = floats("w0", [2], [10, 20])
    #expect(
      try one("Add", x, opset: 6, operands: [w], [("broadcast", .int(1)), ("axis", .int(0))]).doubles() == [
        11, 12, 23, 24,
      ])
    #expect(try one("Add", x, opset: 6, operands: [w], [("broadcast", .int(1))]).doubles() == [11, 22, 13, 24])
    #expect(try one("Add", x, opset: 7, operands: [w]).doubles() == [11, 22, 13, 24])
  }

  /// Corners were read where they stand, and are moved by half an element since operator set 16.
  @Test func cornersOfRegions() throws {
    let x = try tensor([0, 1, 2, 3], [1, 1, 2, 2])
    let operands = [
      floats("w0", [1, 4], [0, 0, 1, 1]), tensorMessage("w1", 7, [1]) { $0.data(9, rawLongs([0])) },
    ]
    let attributes: [(String, AttributeValue)] = [("sampling_ratio", .int(1))]
    #expect(try one("RoiAlign", x, opset: 10, operands: operands, attributes).doubles() == [1.5])
    #expect(try one("RoiAlign", x, opset: 16, operands: operands, attributes).doubles() == [0])
  }

  /// The operator's own example of operator set 10 keeps elements 0 and 2 of four; growing repeats the one before.
  @Test func nearestElementsBefore11() throws {
    let x = try tensor([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 2, 4])
    let small = try one("Resize", x, opset: 10, operands: [floats("w0", [4], [1, 1, 0.6, 0.6])])
    #expect(small.shape == [1, 1, 1, 2] && small.doubles() == [1, 3])
    let mixed = try one("Resize", x, opset: 10, operands: [floats("w0", [4], [1, 1, 1.5, 0.6])])
    #expect(mixed.shape == [1, 1, 3, 2] && mixed.doubles() == [1, 3, 1, 3, 5, 7])
    // 7 / 0.7 is element 10 in f32, and no more.
    let row = try tensor((0..<12).map(Double.init), [12])
    #expect(
      try one("Resize", row, opset: 10, operands: [floats("w0", [1], [0.7])]).doubles() == [0, 2, 3, 5, 6, 8, 9, 10])
  }

  /// 'clip' bounds what every activation is given, also the memory before the output's: with zero weights the gates are
  /// 0.5, the memory 2 becomes 1, and the output is 0.5 · tanh(0.5).
  @Test(arguments: ["forward", "reverse", "bidirectional"]) func clippedMemory(_ direction: String) throws {
    let directions = direction == "bidirectional" ? 2 : 1
    let zeros = [Float](repeating: 0, count: 4 * directions)
    let weights = [
      floats("w", [directions, 4, 1], zeros), floats("r", [directions, 4, 1], zeros),
      floats("c", [directions, 1, 1], [Float](repeating: 2, count: directions)),
    ]
    let lstm = node(
      "LSTM", ["x", "w", "r", "", "", "", "c"], ["y"],
      [("hidden_size", .int(1)), ("clip", .float(0.5)), ("direction", .text(direction))])
    let graph = graph([lstm], inputs: [valueInfo("x", ["1", "1", "1"])], outputs: ["y"], initializers: weights)
    let y = try run(try importBytes(model(graph, opset: 14)), ["x": try tensor([0], [1, 1, 1])])
    #expect(y.count == directions)
    for value in y.doubles() { #expect(abs(value - 0.23105858) < 1e-6) }
  }

  /// Since operator set 14 statistics may be wider than the data.
  @Test func statisticsOfAnotherType() throws {
    let bytes = model(
      graph(
        [node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"])], inputs: [valueInfo("x", type: 10, ["1", "2"])],
        outputs: ["y"],
        initializers: [
          floats("s", [2], [2, 1]), floats("b", [2], [0, 1]), floats("m", [2], [1, 0]), floats("v", [2], [1, 4]),
        ]), opset: 15)
    let y = try run(try importBytes(bytes), ["x": try tensor([3, 4], [1, 2], .f16)])
    #expect(y.dtype == .f16 && abs(y.double(0) - 4) < 0.01 && abs(y.double(1) - 3) < 0.01)
  }

  @Test func attributesBecameOperands() throws {
    let x = try tensor([-2, 0.5, 3])
    #expect(try one("Clip", x, opset: 6, [("min", .float(-1)), ("max", .float(1))]).doubles() == [-1, 0.5, 1])
    #expect(
      try one("Clip", x, opset: 11, operands: [floats("w0", [], [-1]), floats("w1", [], [1])]).doubles() == [
        -1, 0.5, 1,
      ])
    #expect(
      try one("Pad", x, opset: 2, [("pads", .ints([1, 0])), ("value", .float(7))]).doubles() == [7, -2, 0.5, 3])
    #expect(
      try one("Pad", x, opset: 11, operands: [longs("w0", [1, 0]), floats("w1", [], [7])]).doubles() == [7, -2, 0.5, 3])
    #expect(try one("Dropout", x, opset: 6, [("is_test", .int(1)), ("ratio", .float(0.5))]).doubles() == [-2, 0.5, 3])
    #expect(try one("Cast", x, opset: 1, [("to", .text("INT64"))]).dtype == .i64)
    #expect(try one("Cast", x, opset: 13, [("to", .int(6))]).integers() == [-2, 0, 3])
    #expect(try one("Tile", x, opset: 1, operands: [longs("w0", [2]), longs("w1", [0])]).count == 6)
    #expect(try one("Tile", x, opset: 13, operands: [longs("w0", [2])]).count == 6)
  }

  @Test func partsAreAsManyAsResults() throws {
    let graph = graph(
      [node("Split", ["x"], ["a", "b"], [("axis", .int(0))]), node("Sub", ["b", "a"], ["y"])],
      inputs: [valueInfo("x", ["4"])], outputs: ["y"])
    #expect(try run(try importBytes(model(graph, opset: 11)), ["x": try tensor([1, 2, 5, 7])]).doubles() == [4, 5])
  }

  @Test func constantsInEveryAttribute() throws {
    let forms: [(String, AttributeValue, [Double], DType)] = [
      ("value", .tensor(floats("", [2], [1, 2])), [1, 2], .f32), ("value_float", .float(1.5), [1.5], .f32),
      ("value_floats", .floats([1, 2]), [1, 2], .f32), ("value_int", .int(-3), [-3], .i64),
      ("value_ints", .ints([1, -2]), [1, -2], .i64),
    ]
    for (name, value, expected, dtype) in forms {
      let result = try run(
        try importBytes(model(graph([node("Constant", [], ["y"], [(name, value)])], outputs: ["y"]))))
      #expect(result.doubles() == expected && result.dtype == dtype, "\(name)")
    }
  }

  @Test func groupNormalizationBefore21ScalesGroups() throws {
    let x = try tensor([1, 3, 10, 30], [1, 4, 1])
    let parameters = [floats("w0", [2], [1, 2]), floats("w1", [2], [0, 1])]
    let old = try one("GroupNormalization", x, opset: 18, operands: parameters, [("num_groups", .int(2))])
    let channels = [floats("w0", [4], [1, 1, 2, 2]), floats("w1", [4], [0, 0, 1, 1])]
    let new = try one("GroupNormalization", x, opset: 21, operands: channels, [("num_groups", .int(2))])
    #expect(old.doubles() == new.doubles())
  }

  @Test func remaindersAndShiftsOfEveryType() throws {
    let x = try tensor([-4.5, 7, 5, -6], nil)
    let floored = try one("Mod", x, opset: 28, operands: [floats("w0", [4], [2, -3, 8, 3])])
    #expect(floored.doubles() == [1.5, -2, 5, 0])
    let numbers = try tensor([-8, 4, -1], nil, .i64)
    let counts = longs("w0", [1, -8, 70])
    #expect(
      try one("BitShift", numbers, opset: 28, operands: [counts], [("direction", .text("RIGHT"))]).integers() == [
        -4, 0, -1,
      ])
    #expect(
      try one("BitShift", numbers, opset: 28, operands: [counts], [("direction", .text("LEFT"))]).integers() == [
        -16, 0, 0,
      ])
  }

  @Test func blocksGoToChannelsInEitherOrder() throws {
    let x = try tensor((0..<8).map { Double($0) }, [1, 2, 2, 2])
    let plain = try one("SpaceToDepth", x, opset: 13, [("blocksize", .int(2))])
    #expect(plain.doubles() == [0, 4, 1, 5, 2, 6, 3, 7])
    let columns = try one("SpaceToDepth", x, opset: 28, [("blocksize", .int(2)), ("mode", .text("CRD"))])
    #expect(columns.doubles() == [0, 1, 2, 3, 4, 5, 6, 7])
  }

  @Test func scanBefore9HasABatch() throws {
    let body = graph(
      [node("Add", ["sum", "v"], ["next"]), node("Identity", ["next"], ["out"])],
      inputs: [valueInfo("sum", []), valueInfo("v", [])], outputs: ["next", "out"])
    let graph = graph(
      [node("Scan", ["", "start", "x"], ["last", "y"], [("body", .graph(body)), ("num_scan_inputs", .int(1))])],
      inputs: [valueInfo("x", ["2", "3"])], outputs: ["y"], initializers: [floats("start", [2], [0, 10])])
    let result = try run(try importBytes(model(graph, opset: 8)), ["x": try tensor([1, 2, 3, 4, 5, 6], [2, 3])])
    #expect(result.doubles() == [1, 3, 6, 14, 19, 25] && result.shape == [2, 3])
  }
}
