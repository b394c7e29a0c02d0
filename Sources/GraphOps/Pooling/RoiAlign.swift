// SPDX-License-Identifier: Apache-2.0
// Regions of images pooled at points between their elements.

import GraphIR
import KernelIR
import TensorCore

/// Batch indices are clamped to the images. A region whose points would be more than 4096 along an axis of a cell (far
/// larger than any image) is read at 4096.
package struct RoiAlign: Operation {
  package static let name = "RoiAlign"
  package static let summary =
    "Regions [R, x1 y1 x2 y2] of X [N, C, H, W], each pooled to cells: the mean or maximum of points read linearly."
  package static let operands = [Slot("X"), Slot("rois"), Slot("batch_indices")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("coordinate_transformation_mode", \.coordinates, "'half_pixel' or 'output_half_pixel'"),
      Attribute("mode", \.mode, "'avg' or 'max'"),
      Attribute("output_height", \.outputHeight, "cells along the height"),
      Attribute("output_width", \.outputWidth, "cells along the width"),
      Attribute("sampling_ratio", \.samplingRatio, "points along each axis of a cell; 0: as many as its size"),
      Attribute("spatial_scale", \.spatialScale, "from the regions' coordinates to the image's"),
    ]
  }
  package var coordinates = "half_pixel"
  package var mode = "avg"
  package var outputHeight = 1
  package var outputWidth = 1
  package var samplingRatio = 0
  package var spatialScale = 1.0
  package init() {}

  static let pointLimit = 4096
  var shift: Double { coordinates == "half_pixel" ? 0.5 : 0 }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let rois = operands[1], let batch = operands[2] else {
      throw TypeError("'RoiAlign' needs three operands")
    }
    guard coordinates == "half_pixel" || coordinates == "output_half_pixel", mode == "avg" || mode == "max" else {
      throw TypeError("'RoiAlign' does not know '\(coordinates)' with '\(mode)'")
    }
    guard outputHeight > 0, outputWidth > 0, (0...Self.pointLimit).contains(samplingRatio) else {
      throw TypeError("'RoiAlign' cannot make \(outputHeight) × \(outputWidth) cells of \(samplingRatio) points")
    }
    guard x.rank == 4, x.dtype.isFloat, rois.dtype == x.dtype, rois.rank == 2, rois.shape[1] == 4 else {
      throw TypeError("'RoiAlign' takes images [N, C, H, W] and regions [R, 4], found \(x) and \(rois)", operand: 0)
    }
    try checkIndices(batch, operand: 2, for: Self.name)
    guard batch.shape == [rois.shape[0]] else {
      throw TypeError("the batch indices of 'RoiAlign' are \(batch), the regions \(rois)", operand: 2)
    }
    if let axis = [0, 2, 3].first(where: { x.shape[$0] == 0 }) {
      throw TypeError("axis \(axis) of \(x) is empty: 'RoiAlign' has nothing to read", operand: 0)
    }
    return [TensorType(x.dtype, [rois.shape[0], x.shape[1], Dim(outputHeight), Dim(outputWidth)])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let rois = operands[1], let batch = operands[2] else {
      throw TypeError("'RoiAlign' needs three operands")
    }
    let shape = try staticSizes(inferTypes([x.type, rois.type, batch.type])[0].shape, for: Self.name)
    let (height, width) = (x.shape[2], x.shape[3])
    var result = Reference(zeros: x.dtype, shape)
    forEachIndex(shape) { position, index in
      let image = clampedIndex(batch.integers[index[0]], x.shape[0]) * x.shape[1] + index[1]
      let points = points(rois.reals[index[0] * 4..<index[0] * 4 + 4], index[2], index[3], height, width)
      let parts = points.map { taps in taps.map { $0.weight * x.reals[image * height * width + $0.place] } }
      if mode == "avg" {
        result.reals[position] = parts.joined().reduce(0, +) / Double(max(1, points.count))
      } else {
        let largest = parts.map { $0.isEmpty ? 0 : $0.reduce(-.infinity, maximum) }
        result.reals[position] = largest.dropFirst().reduce(largest.first ?? 0, maximum)
      }
    }
    return [result]
  }

  /// A tile is one channel of one region.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    let dtype = x.dtype.computeType
    return .loops { context in
      let (tile, region, channel) = context.regionTile(types.results[0].shape[0], channels: x.shape[1])
      var statements: [Statement] = []
      let picked = clampedIndex(context.load(2, at: region), context.size(x.shape[0]))
      let image = context.define("image", picked * context.size(x.shape[1]) + channel, in: &statements)
      let plane = image * context.size(x.shape[2] * x.shape[3])
      let total = context.local("total", dtype)
      let isFirst = context.local("isFirst", .bool)
      let isMean = mode == "avg"
      let cells = outputHeight * outputWidth
      return statements
        + points(of: region, rois: 1, height: x.shape[2], width: x.shape[3], dtype, &context) { context, cell in
          let value = isMean ? .local(total) / cell.count : .local(total)
          return (
            [.variable(total, .constant(0, dtype)), .variable(isFirst, .bool(true))],
            [context.store(0, at: tile * .int(cells) + cell.offset, value)]
          )
        } point: { context, point in
          var step: [Statement] = []
          let parts = point.taps.map { tap in
            let value = context.load(0, at: plane + tap.place, where: point.isInside)
            let part = Expr.select(point.isInside, tap.weight * value, .constant(0, dtype))
            return context.define("part", part, in: &step)
          }
          if isMean {
            step.append(.assign(total, .local(total) + (parts[0] + parts[1] + (parts[2] + parts[3]))))
          } else {
            let largest = Expr.max(.max(parts[0], parts[1]), .max(parts[2], parts[3]))
            let value = context.define("largest", largest, in: &step)
            step.append(.assign(total, .select(.local(isFirst), value, .max(.local(total), value))))
            step.append(.assign(isFirst, .bool(false)))
          }
          return step
        }
    }
  }

  /// Of X only. Regions get none, as in every framework: points and their number move with them in steps, and what
  /// trains the regions is a loss of its own.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], let rois = context.operands[1],
      let batch = context.operands[2]
    else { return [nil, nil, nil] }
    let spread = RoiAlignGradient(self, of: context.type(x).shape)
    return [try context.emit(spread, seed, rois, batch, mode == "max" ? x : nil), nil, nil]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = RoiAlign()
    operation.coordinates = random.pick(["half_pixel", "output_half_pixel"])
    operation.mode = random.pick(["avg", "max"])
    operation.outputHeight = random.int(1...3)
    operation.outputWidth = random.int(1...3)
    operation.samplingRatio = random.int(0...2)
    operation.spatialScale = random.pick([1, 0.5])
    let dtype = random.dtype([.f32, .f64])
    let shape = [random.int(1...2), random.int(1...3), random.int(2...6), random.int(2...6)]
    let count = Dim(random.int(1...4))
    return Sample(
      operation,
      [TensorType(dtype, shape.map { Dim($0) }), TensorType(dtype, [count, 4]), TensorType(.i64, [count])],
      ranges: [1: 0...6, 2: 0...Double(shape[0] - 1)])
  }
}
