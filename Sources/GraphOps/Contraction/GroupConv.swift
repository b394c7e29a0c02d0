// SPDX-License-Identifier: Apache-2.0
// The core of a grouped convolution, with the groups as an axis of their own.

import GraphIR
import KernelIR
import TensorCore

package struct GroupConv: Operation {
  package static let name = "GroupConv"
  package static let summary =
    "Unpadded convolution of X [N, spatial…, group, C] with W [window…, C, group, M] to [N, spatial…, group, M]."
  package static let operands = [Slot("X"), Slot("W")]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("strides", \.strides, "the step between windows along each spatial axis; empty means 1"),
      Attribute(
        "dilations", \.dilations, "the step between a window's elements along each spatial axis; empty means 1"),
    ]
  }
  package static let accuracy = Accuracy.accumulation
  package var strides: [Int] = []
  package var dilations: [Int] = []
  package init() {}

  /// The convolution that it is after merging the two last axes.
  private func merged(_ types: [TensorType?]) throws(TypeError) -> (
    conv: Conv, geometry: Conv.Geometry, x: TensorType, w: TensorType
  ) {
    guard let x = types[0], let w = types[1] else { throw TypeError("'GroupConv' needs an input and weights") }
    guard (4...6).contains(x.rank), w.rank == x.rank, x.shape[x.rank - 2] == w.shape[w.rank - 2],
      let group = x.shape[x.rank - 2].value, group > 0
    else { throw TypeError("'GroupConv' does not take \(x) and \(w)", operand: 1) }
    var conv = Conv()
    conv.dataFormat = DataFormat.channelsLast.rawValue
    (conv.strides, conv.dilations, conv.group) = (strides, dilations, group)
    let wide = TensorType(x.dtype, x.shape.dropLast(2) + [Dim(group) * x.shape[x.rank - 1]])
    let narrow = TensorType(w.dtype, w.shape.dropLast(2) + [Dim(group) * w.shape[w.rank - 1]])
    _ = try conv.inferTypes([wide, narrow])
    return (conv, try conv.geometry(wide, narrow), wide, narrow)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let (conv, geometry, x, _) = try merged(operands)
    return [TensorType(x.dtype, geometry.output.dropLast() + [Dim(conv.group), geometry.groupFilters])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var x = operands[0], var w = operands[1] else { throw TypeError("'GroupConv' needs an input and weights") }
    let (conv, _, wide, narrow) = try merged([x.type, w.type])
    let shape = try inferTypes([x.type, w.type])[0].shape.compactMap(\.value)
    x.shape = wide.shape.compactMap(\.value)
    w.shape = narrow.shape.compactMap(\.value)
    var result = try conv.evaluate([x, w])[0]
    result.shape = shape
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let (_, geometry, x, _) = try? merged(types.operands) else { return .leaf }
    return .contraction(Conv.contraction(geometry, isGrouped: true, dtype: x.dtype))
  }

  /// That of the convolution with merged axes.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], let w = context.operands[1] else {
      return [nil, nil]
    }
    let (conv, geometry, wide, narrow) = try merged([context.type(x), context.type(w)])
    let merged = try context.emit(Reshape(exactly: geometry.output), seed)
    let toX = try conv.inputGradient(
      &context, merged, try context.emit(Reshape(exactly: narrow.shape), w), wide, geometry)
    let toW = try conv.weightsGradient(&context, merged, try context.emit(Reshape(exactly: wide.shape), x), geometry)
    return [
      try context.emit(Reshape(exactly: context.type(x).shape), toX),
      try context.emit(Reshape(exactly: context.type(w).shape), toW),
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let axes = random.int(1...2)
    let kernel = (0..<axes).map { _ in random.int(1...3) }
    var conv = GroupConv()
    conv.strides = (0..<axes).map { _ in random.int(1...2) }
    let spatial = kernel.map { $0 + random.int(0...4) }
    let (group, depth, width) = (random.int(1...3), random.int(1...4), random.int(1...5))
    let x = [random.int(1...2)] + spatial + [group, depth]
    let w = kernel + [depth, group, width]
    let dtype = random.dtype([.f32, .f64])
    return Sample(conv, [TensorType(dtype, x.map { Dim($0) }), TensorType(dtype, w.map { Dim($0) })])
  }
}
