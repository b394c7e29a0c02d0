// SPDX-License-Identifier: Apache-2.0
// Sliding blocks added up to images.

import GraphIR
import KernelIR
import TensorCore

package struct Col2Im: Operation {
  package static let name = "Col2Im"
  package static let summary =
    "Blocks [N, C · block, count], added up where a window of that block size stood on an image [N, C, image…]."
  package static let operands = [Slot("input")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("image_shape", \.imageShape, "the sizes of the image's spatial axes"),
      Attribute("block_shape", \.blockShape, "the sizes of a block"),
      Attribute("dilations", \.dilations, "the step between a block's elements; empty means 1"),
      Attribute("pads", \.pads, "padding: the starts of all spatial axes, then the ends; empty means 0"),
      Attribute("strides", \.strides, "the step between blocks; empty means 1"),
    ]
  }
  package var imageShape: [Dim] = []
  package var blockShape: [Int] = []
  package var dilations: [Int] = []
  package var pads: [Dim] = []
  package var strides: [Int] = []
  package init() {}

  /// The elements of a block.
  private var block: Dim { blockShape.reduce(Dim(1)) { $0 * Dim($1) } }

  /// The windows over the image.
  private func window(_ x: TensorType) throws(TypeError) -> [WindowAxis] {
    guard x.rank == 3, DType.numbers.contains(x.dtype) else {
      throw TypeError("'Col2Im' takes numbers [N, C · block, count], found \(x)", operand: 0)
    }
    let window = try imageWindow()
    guard x.shape[2] == window.reduce(Dim(1), { $0 * $1.output }) else {
      throw TypeError(
        "'Col2Im' has \(x.shape[2]) blocks, expected \(window.map(\.output.description).joined(separator: " · "))",
        operand: 0)
    }
    guard block.isValid, x.shape[1].dividedExactly(by: block) != nil else {
      throw TypeError("axis 1 of \(x) does not divide into blocks of \(blockShape)", operand: 0)
    }
    return window
  }

  private func imageWindow() throws(TypeError) -> [WindowAxis] {
    guard !blockShape.isEmpty, imageShape.count == blockShape.count else {
      throw TypeError("'Col2Im' has \(imageShape.count) image sizes and \(blockShape.count) block sizes")
    }
    var conv = Conv()
    conv.dilations = dilations
    conv.pads = pads
    conv.strides = strides
    return try conv.window(imageShape, kernel: blockShape)
  }

  /// How many blocks cover the image.
  package func blockCount() throws(TypeError) -> Dim { try imageWindow().reduce(Dim(1)) { $0 * $1.output } }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'Col2Im' needs an operand") }
    let window = try window(x)
    return [TensorType(x.dtype, [x.shape[0], Dim.floorDiv(x.shape[1], block)] + window.map(\.input))]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'Col2Im' needs an operand") }
    let shape = try staticSizes(inferTypes([x.type])[0].shape, for: Self.name)
    guard let window = BoundWindow(try window(x.type)) else { throw TypeError("'Col2Im' has unknown sizes") }
    let area = window.input.reduce(1, *)
    let (block, count) = (window.kernel.reduce(1, *), window.output.reduce(1, *))
    var result = Reference(zeros: x.dtype, shape)
    for image in 0..<shape[0] * shape[1] {
      forEachIndex(window.kernel) { tap, k in
        forEachIndex(window.output) { place, o in
          guard let target = window.position(o, k) else { return }
          let source = (image * block + tap) * count + place
          ScatterReduction.add.apply(x, source, to: &result, image * area + target)
        }
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let window = try? window(x) else { return .leaf }
    return .reduction(
      ReductionLowering(
        extents: blockShape.map { Dim($0) }, kind: .combine(.sum), accumulator: x.dtype.computeType,
        element: { context, index, taps in
          var (tap, place, isInside) = (Expr.int(0), Expr.int(0), Expr.bool(true))
          for (axis, w) in window.enumerated() {
            let start = index[axis + 2] + context.size(w.before) - taps[axis] * .int(w.dilation)
            let block = Expr.floorDiv(start, .int(w.stride))
            isInside =
              isInside && .binary(.ge, start, .int(0)) && .less(block, context.size(w.output))
              && .binary(.eq, block * .int(w.stride), start)
            tap = tap * .int(w.kernel) + taps[axis]
            place = place * context.size(w.output) + block
          }
          let row = index[1] * context.size(block) + tap
          let value = context.operand(0, at: [index[0], row, place], where: isInside)
          return .select(isInside, value, .constant(0, x.dtype.computeType))
        }))
  }

  /// Each block element is read from the seed where it was added.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let type = context.type(x)
    let window = try window(type)
    let count = window.count
    var value = try context.emit(Pad(pads: [0, 0] + window.map(\.before) + [0, 0] + window.map(\.after)), seed)
    // [N, C, H, W] → [N, C, kH, oH, kW, oW]
    for (axis, w) in window.enumerated() {
      guard let output = w.output.value else { throw TypeError("'Col2Im' has no gradient while sizes are unknown") }
      let places = (0..<w.kernel).flatMap { k in (0..<output).map { Int64(k * w.dilation + $0 * w.stride) } }
      let indices = try context.builder.constant(Tensor(.i64, [w.kernel, output], integers: places).orThrow())
      value = try context.emit(Gather(axis: 2 + 2 * axis), value, indices)
    }
    let order = [0, 1] + (0..<count).map { 2 + 2 * $0 } + (0..<count).map { 3 + 2 * $0 }
    value = try context.emit(Transpose(perm: order), value)
    return [try context.emit(Reshape(exactly: type.shape), value)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Col2Im()
    let axes = random.int(1...2)
    operation.blockShape = (0..<axes).map { _ in random.int(1...3) }
    operation.strides = (0..<axes).map { _ in random.int(1...2) }
    operation.dilations = (0..<axes).map { _ in random.int(1...2) }
    if random.bool() { operation.pads = (0..<2 * axes).map { _ in Dim(random.int(0...1)) } }
    let counts = (0..<axes).map { _ in random.int(1...4) }
    operation.imageShape = (0..<axes).map { axis in
      let pads = operation.pads.isEmpty ? 0 : (operation.pads[axis] + operation.pads[axes + axis]).value ?? 0
      let extent = (operation.blockShape[axis] - 1) * operation.dilations[axis] + 1
      return Dim((counts[axis] - 1) * operation.strides[axis] + extent - pads)
    }
    // An image must keep an element inside its padding.
    if operation.imageShape.contains(where: { ($0.value ?? 0) < 1 }) {
      operation.pads = []
      operation.imageShape = (0..<axes).map { axis in
        let extent = (operation.blockShape[axis] - 1) * operation.dilations[axis] + 1
        return Dim((counts[axis] - 1) * operation.strides[axis] + extent)
      }
    }
    let block = operation.blockShape.reduce(1, *)
    let shape = [random.int(1...2), random.int(1...3) * block, counts.reduce(1, *)]
    return Sample(operation, [TensorType(random.dtype([.f32, .f64, .i32]), shape.map { Dim($0) })])
  }
}
