// SPDX-License-Identifier: Apache-2.0
// Operators whose sizes, factors or regions a run computes, by the interpreter and compiled.

import GraphIR
import GraphInterpreter
import GraphOptimizer
import GraphSupport
import Lamina
import ONNXImport
import TensorCore
import Testing

@Suite struct ComputedSizeTests {
  /// The only output of a model for some inputs, after checking that compiled code gives the same.
  private func run(_ bytes: [UInt8], _ inputs: [String: Tensor]) throws -> Tensor {
    let model = try importBytes(bytes)
    let ordered = try model.graph.inputs.map { try #require(inputs[model.graph[$0].name ?? ""]) }
    let graph = try model.graph.binding(model.parameters)
    let compiled = try CompiledModel(graph, CompileOptions(jobs: 1)).run(ordered)
    let result = try ONNXImportTests.run(model, inputs)
    let comparison = TensorComparison(compiled[0], result, absolute: 1e-6, relative: 1e-6)
    #expect(comparison.matches, "\(comparison)")
    return result
  }

  private func integers(_ values: [Int]) throws -> Tensor { try tensor(values.map(Double.init), nil, .i64) }

  /// The same node with the sizes known, which is what a computed one has to agree with.
  private func constant(
    _ operation: String, _ names: [String], _ x: Tensor, _ initializers: [Wire],
    _ attributes: [(String, AttributeValue)]
  ) throws -> Tensor {
    let bytes = model(
      graph(
        [node(operation, names, ["y"], attributes)], inputs: [valueInfo("x", x.shape.map(String.init))], outputs: ["y"],
        initializers: initializers), opset: 19)
    return try ONNXImportTests.run(try importBytes(bytes), ["x": x])
  }

  private func image(_ height: Int, _ width: Int) throws -> Tensor {
    try tensor((0..<height * width).map { Double(($0 * 7) % 11) }, [1, 1, height, width])
  }

  @Test(arguments: ["nearest", "linear", "cubic"]) func resizesBySizes(_ mode: String) throws {
    let bytes = model(
      graph(
        [node("Resize", ["x", "", "", "sizes"], ["y"], [("mode", .text(mode))])],
        inputs: [valueInfo("x", ["1", "1", "H", "5"]), valueInfo("sizes", type: 7, ["4"])], outputs: ["y"]), opset: 19)
    for (height, sizes) in [(4, [1, 1, 7, 3]), (3, [1, 1, 3, 5]), (6, [1, 1, 2, 10])] {
      let x = try image(height, 5)
      let expected = try constant("Resize", ["x", "", "", "w"], x, [longs("w", sizes)], [("mode", .text(mode))])
      let found = try run(bytes, ["x": x, "sizes": try integers(sizes)])
      #expect(found.shape == sizes && TensorComparison(found, expected, absolute: 1e-6, relative: 1e-6).matches)
    }
  }

  /// Factors count themselves, not what the sizes come to: 5 · 1.5 is 7, and positions are divided by 1.5.
  @Test(arguments: ["half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"])
  func resizesByFactors(_ coordinates: String) throws {
    let attributes: [(String, AttributeValue)] = [
      ("mode", .text("linear")), ("coordinate_transformation_mode", .text(coordinates)), ("axes", .ints([2, 3])),
    ]
    let bytes = model(
      graph(
        [node("Resize", ["x", "", "scales"], ["y"], attributes)],
        inputs: [valueInfo("x", ["1", "1", "H", "5"]), valueInfo("scales", ["2"])], outputs: ["y"]), opset: 19)
    for (height, scales) in [(4, [Float(1.5), 1.5]), (7, [0.4, 2]), (3, [1, 0.6])] {
      let x = try image(height, 5)
      let expected = try constant("Resize", ["x", "", "w"], x, [floats("w", [2], scales)], attributes)
      let found = try run(bytes, ["x": x, "scales": try tensor(scales.map(Double.init))])
      #expect(found.shape == expected.shape && TensorComparison(found, expected, absolute: 1e-5, relative: 1e-5).matches)
    }
  }

  /// A factor that is no fraction of small numbers meets a named size.
  @Test func resizesNamedSizes() throws {
    let factors = floats("w", [4], [1, 1, 0.6, 1.7])
    let bytes = model(
      graph(
        [node("Resize", ["x", "", "w"], ["y"])], inputs: [valueInfo("x", ["1", "1", "H", "W"])], outputs: ["y"],
        initializers: [factors]), opset: 19)
    for (height, width) in [(4, 3), (9, 10)] {
      let x = try image(height, width)
      let expected = try constant("Resize", ["x", "", "w"], x, [factors], [])
      #expect(try run(bytes, ["x": x]).isIdentical(to: expected))
    }
  }

  @Test(arguments: ["not_larger", "not_smaller"]) func resizesInProportion(_ policy: String) throws {
    let attributes: [(String, AttributeValue)] = [
      ("keep_aspect_ratio_policy", .text(policy)), ("axes", .ints([2, 3])), ("mode", .text("linear")),
    ]
    let bytes = model(
      graph(
        [node("Resize", ["x", "", "", "sizes"], ["y"], attributes)],
        inputs: [valueInfo("x", ["1", "1", "H", "W"]), valueInfo("sizes", type: 7, ["2"])], outputs: ["y"]), opset: 19)
    let x = try image(6, 4)
    for sizes in [[9, 7], [3, 9]] {
      let expected = try constant("Resize", ["x", "", "", "w"], x, [longs("w", sizes)], attributes)
      let found = try run(bytes, ["x": x, "sizes": try integers(sizes)])
      #expect(found.shape == expected.shape && TensorComparison(found, expected, absolute: 1e-5, relative: 1e-5).matches)
    }
  }

  @Test func cropsComputedRegions() throws {
    let attributes: [(String, AttributeValue)] = [
      ("coordinate_transformation_mode", .text("tf_crop_and_resize")), ("mode", .text("linear")),
      ("extrapolation_value", .float(9)),
    ]
    let bytes = model(
      graph(
        [node("Resize", ["x", "roi", "", "sizes"], ["y"], attributes)],
        inputs: [valueInfo("x", ["1", "1", "5", "6"]), valueInfo("roi", ["8"])], outputs: ["y"],
        initializers: [longs("sizes", [1, 1, 3, 4])]), opset: 19)
    let x = try image(5, 6)
    for region in [[Float(0), 0, 0.2, 0.3, 1, 1, 0.9, 0.8], [0, 0, -0.5, 0, 1, 1, 0.5, 1.5]] {
      let expected = try constant(
        "Resize", ["x", "roi", "", "w"], x, [floats("roi", [8], region), longs("w", [1, 1, 3, 4])], attributes)
      let found = try run(bytes, ["x": x, "roi": try tensor(region.map(Double.init))])
      #expect(TensorComparison(found, expected, absolute: 1e-5, relative: 1e-5).matches)
    }
  }

  /// The operator before Resize had its factors as an operand, as an attribute, and as two attributes.
  @Test func upsamplesInEveryVersion() throws {
    let x = try image(2, 3)
    func upsample(_ opset: Int, _ operands: [Wire], _ attributes: [(String, AttributeValue)]) throws -> Tensor {
      let bytes = model(
        graph(
          [node("Upsample", ["x"] + operands.map { _ in "w" }, ["y"], attributes)],
          inputs: [valueInfo("x", ["1", "1", "2", "3"])], outputs: ["y"], initializers: operands), opset: opset)
      return try ONNXImportTests.run(try importBytes(bytes), ["x": x])
    }
    let newest = try upsample(9, [floats("w", [4], [1, 1, 2, 2])], [("mode", .text("linear"))])
    let older = try upsample(7, [], [("mode", .text("linear")), ("scales", .floats([1, 1, 2, 2]))])
    let oldest = try upsample(
      1, [], [("mode", .text("bilinear")), ("height_scale", .float(2)), ("width_scale", .float(2))])
    #expect(newest.shape == [1, 1, 4, 6] && older.isIdentical(to: newest) && oldest.isIdentical(to: newest))
    let bytes = model(
      graph(
        [node("Upsample", ["x", "scales"], ["y"])],
        inputs: [valueInfo("x", ["1", "1", "2", "3"]), valueInfo("scales", ["4"])], outputs: ["y"]), opset: 9)
    let doubled = try run(bytes, ["x": x, "scales": try tensor([1, 1, 2, 1])])
    #expect(doubled.shape == [1, 1, 4, 3] && doubled.doubles() == [0, 7, 3, 0, 7, 3, 10, 6, 2, 10, 6, 2])
  }

  @Test func cropsAndPadsToComputedSizes() throws {
    let bytes = model(
      graph(
        [node("CenterCropPad", ["x", "shape"], ["y"])],
        inputs: [valueInfo("x", ["N", "3"]), valueInfo("shape", type: 7, ["2"])], outputs: ["y"]), opset: 18)
    let x = try tensor([1, 2, 3, 4, 5, 6], [2, 3])
    #expect(try run(bytes, ["x": x, "shape": try integers([4, 1])]).doubles() == [0, 2, 5, 0])
    #expect(try run(bytes, ["x": x, "shape": try integers([1, 4])]).doubles() == [1, 2, 3, 0])
    #expect(try run(bytes, ["x": x, "shape": try integers([0, 4])]).shape == [0, 4])
  }

  @Test func blocksBecomeImagesOfComputedSizes() throws {
    let bytes = model(
      graph(
        [node("Col2Im", ["x", "image", "block"], ["y"])],
        inputs: [valueInfo("x", ["1", "4", "L"]), valueInfo("image", type: 7, ["2"])], outputs: ["y"],
        initializers: [longs("block", [2, 2])]), opset: 18)
    let x = try tensor((1...8).map(Double.init), [1, 4, 2])
    #expect(try run(bytes, ["x": x, "image": try integers([2, 3])]).doubles() == [1, 5, 4, 5, 13, 8])
    #expect(try run(bytes, ["x": x, "image": try integers([3, 2])]).shape == [1, 1, 3, 2])
    // What the blocks do not cover ends the run.
    let imported = try importBytes(bytes)
    let compiled = try CompiledModel(imported.graph, CompileOptions(jobs: 1))
    let wrong = [x, try integers([3, 3])]
    #expect(throws: (any Error).self) { _ = try compiled.run(wrong) }
    #expect(throws: (any Error).self) {
      _ = try ONNXImportTests.run(imported, ["x": x, "image": try integers([3, 3])])
    }
  }

  @Test func rangesOfFloats() throws {
    let bytes = model(
      graph(
        [node("Range", ["start", "limit", "delta"], ["y"])],
        inputs: ["start", "limit", "delta"].map { valueInfo($0, []) }, outputs: ["y"]), opset: 11)
    func range(_ start: Double, _ limit: Double, _ delta: Double) throws -> Tensor {
      try run(
        bytes, ["start": try tensor([start], []), "limit": try tensor([limit], []), "delta": try tensor([delta], [])])
    }
    #expect(try range(1, 2.5, 0.5).doubles() == [1, 1.5, 2])
    #expect(try range(3, 0, -1.25).doubles() == [3, 1.75, 0.5])
    #expect(try range(1, 1, 1).shape == [0])
    #expect(throws: (any Error).self) { _ = try range(0, 1, 0) }
    #expect(throws: (any Error).self) { _ = try range(0, .infinity, 1) }
    // Whole numbers of sizes need no run: this is what exporters write for arange.
    let counted = model(
      graph(
        [
          node("Shape", ["x"], ["s"]), node("Squeeze", ["s"], ["n"]), node("Cast", ["n"], ["f"], [("to", .int(1))]),
          node("Range", ["zero", "f", "one"], ["r"]), node("Add", ["r", "x"], ["y"]),
        ], inputs: [valueInfo("x", ["N"])], outputs: ["y"],
        initializers: [floats("zero", [], [0]), floats("one", [], [1])]))
    #expect(try importBytes(counted).graph.outputs.count == 1)
    #expect(try run(counted, ["x": try tensor([5, 5, 5])]).doubles() == [5, 6, 7])
  }

  @Test func rangesWithComputedSteps() throws {
    let bytes = model(
      graph(
        [node("Range", ["start", "limit", "delta"], ["y"])],
        inputs: ["start", "limit", "delta"].map { valueInfo($0, type: 7, []) }, outputs: ["y"]), opset: 11)
    func range(_ numbers: [Int]) throws -> [Int64] {
      let names = ["start", "limit", "delta"]
      let inputs = try zip(names, numbers).map { ($0, try tensor([Double($1)], [], .i64)) }
      return try run(bytes, Dictionary(uniqueKeysWithValues: inputs)).integers()
    }
    #expect(try range([1, 8, 3]) == [1, 4, 7])
    #expect(try range([8, 1, -3]) == [8, 5, 2])
    #expect(try range([8, 1, 3]) == [])
    #expect(throws: (any Error).self) { _ = try range([1, 8, 0]) }
  }

  @Test func partsOfComputedSizes() throws {
    let bytes = model(
      graph(
        [
          node("Split", ["x", "sizes"], ["a", "b", "c"], [("axis", .int(0))]), node("Neg", ["b"], ["m"]),
          node("Concat", ["c", "m", "a"], ["y"], [("axis", .int(0))]),
        ], inputs: [valueInfo("x", ["N"]), valueInfo("sizes", type: 7, ["3"])], outputs: ["y"]))
    let x = try tensor([1, 2, 3, 4, 5])
    #expect(try run(bytes, ["x": x, "sizes": try integers([1, 2, 2])]).doubles() == [4, 5, -2, -3, 1])
    #expect(try run(bytes, ["x": x, "sizes": try integers([0, 5, 0])]).doubles() == [-1, -2, -3, -4, -5])
    for wrong in [[1, 2, 1], [3, 3, -1]] {
      #expect(throws: (any Error).self) { _ = try run(bytes, ["x": x, "sizes": try integers(wrong)]) }
    }
  }

  /// A value that grows from one iteration to the next: a few iterations are written one after the other.
  @Test func loopsWithGrowingValues() throws {
    let body = graph(
      [
        node("Identity", ["go"], ["again"]), node("Concat", ["v", "x"], ["next"], [("axis", .int(0))]),
        node("ReduceSum", ["next"], ["sum"], [("keepdims", .int(0))]),
      ], inputs: [valueInfo("i", type: 7, []), valueInfo("go", type: 9, []), valueInfo("v", nil)],
      outputs: ["again", "next", "sum"])
    func loop(_ results: [String]) -> [UInt8] {
      model(
        graph(
          [node("Loop", ["m", "", "x"], results, [("body", .graph(body))])], inputs: [valueInfo("x", ["2"])],
          outputs: ["y"], initializers: [tensorMessage("m", 7, []) { $0.data(9, rawLongs([3])) }]))
    }
    let x = try tensor([1, 2])
    #expect(try run(loop(["y", "s"]), ["x": x]).doubles() == [1, 2, 1, 2, 1, 2, 1, 2])
    #expect(try run(loop(["v", "y"]), ["x": x]).doubles() == [6, 9, 12])
  }

  @Test func gridsOfComputedSizes() throws {
    let bytes = model(
      graph(
        [node("AffineGrid", ["theta", "size"], ["y"], [("align_corners", .int(1))])],
        inputs: [valueInfo("theta", ["1", "2", "3"]), valueInfo("size", type: 7, ["4"])], outputs: ["y"]), opset: 20)
    let theta = try tensor([1, 0, 0, 0, 1, 0], [1, 2, 3])
    let grid = try run(bytes, ["theta": theta, "size": try integers([1, 3, 2, 2])])
    #expect(grid.shape == [1, 2, 2, 2] && grid.doubles() == [-1, -1, 1, -1, -1, 1, 1, 1])
  }

  @Test func vectorsOfComputedDepth() throws {
    let bytes = model(
      graph(
        [node("OneHot", ["x", "depth", "values"], ["y"])],
        inputs: [valueInfo("x", type: 7, ["2"]), valueInfo("depth", type: 7, [])], outputs: ["y"],
        initializers: [floats("values", [2], [0, 1])]))
    let depth = try tensor([3], [], .i64)
    #expect(try run(bytes, ["x": try integers([2, -3]), "depth": depth]).doubles() == [0, 0, 1, 1, 0, 0])
  }
}
