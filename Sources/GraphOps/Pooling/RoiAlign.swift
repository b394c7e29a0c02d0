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

  private static let pointLimit = 4096
  private var shift: Double { coordinates == "half_pixel" ? 0.5 : 0 }

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
      let corner = (0..<4).map { rois.reals[index[0] * 4 + $0] * spatialScale - shift }
      func cells(_ start: Double, _ end: Double, _ count: Int) -> (size: Double, points: Int) {
        let extent = shift == 0 ? maximum(end - start, 1) : end - start
        let adaptive = min(max(0, (extent / Double(count)).rounded(.up)), Double(Self.pointLimit))
        return (extent / Double(count), samplingRatio > 0 ? samplingRatio : adaptive.isNaN ? 0 : Int(adaptive))
      }
      let (rows, columns) = (cells(corner[1], corner[3], outputHeight), cells(corner[0], corner[2], outputWidth))
      var (sum, best): (Double, Double?) = (0, nil)
      for i in 0..<rows.points {
        let y = corner[1] + (Double(index[2]) + (Double(i) + 0.5) / Double(rows.points)) * rows.size
        for j in 0..<columns.points {
          let x0 = corner[0] + (Double(index[3]) + (Double(j) + 0.5) / Double(columns.points)) * columns.size
          var parts = [0.0, 0, 0, 0]
          if y >= -1 && y <= Double(height) && x0 >= -1 && x0 <= Double(width) {
            let (top, left) = (min(max(y, 0), Double(height - 1)), min(max(x0, 0), Double(width - 1)))
            let (r, c) = (Int(top), Int(left))
            let (dy, dx) = (top - Double(r), left - Double(c))
            for (place, weight) in [(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx].enumerated() {
              let (row, column) = (min(r + place / 2, height - 1), min(c + place % 2, width - 1))
              parts[place] = weight * x.reals[(image * height + row) * width + column]
            }
          }
          sum += parts.reduce(0, +)
          let largest = parts.reduce(-.infinity, maximum)
          best = best.map { maximum($0, largest) } ?? largest
        }
      }
      result.reals[position] = mode == "avg" ? sum / Double(max(1, rows.points * columns.points)) : best ?? 0
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
      func define(_ name: String, _ value: Expr) -> Expr { context.define(name, value, in: &statements) }
      let picked = clampedIndex(context.load(2, at: region), context.size(x.shape[0]))
      let image = define("image", picked * context.size(x.shape[1]) + channel)
      let corner = (0..<4).map {
        define("corner", context.load(1, at: region * .int(4) + .int($0)) * spatialScale - shift)
      }
      /// The size of a cell along an axis, and the number of points in it.
      func cells(_ start: Expr, _ end: Expr, _ count: Int) -> (size: Expr, points: Expr) {
        let extent = define("extent", shift == 0 ? .max(end - start, .constant(1, dtype)) : end - start)
        let size = define("size", extent / Double(count))
        if samplingRatio > 0 { return (size, .int(samplingRatio)) }
        let points = Expr.unary(.ceil, size).cast(to: .i64)
        return (size, define("points", .max(.int(0), .min(points, .int(Self.pointLimit)))))
      }
      let rows = cells(corner[1], corner[3], outputHeight)
      let columns = cells(corner[0], corner[2], outputWidth)
      let (row, column, i, j) = (context.axis("row"), context.axis("column"), context.axis("i"), context.axis("j"))
      let total = context.local("total", dtype)
      let isFirst = context.local("isFirst", .bool)
      var point: [Statement] = []
      func step(_ name: String, _ value: Expr) -> Expr { context.define(name, value, in: &point) }
      func place(_ start: Expr, _ cell: Axis, _ p: Axis, _ cells: (size: Expr, points: Expr)) -> Expr {
        let inner = (Expr.axis(p).cast(to: dtype) + 0.5) / cells.points.cast(to: dtype)
        return step("place", start + (Expr.axis(cell).cast(to: dtype) + inner) * cells.size)
      }
      let (y, x0) = (place(corner[1], row, i, rows), place(corner[0], column, j, columns))
      /// The two elements around a coordinate, and the weight of the second.
      func around(_ c: Expr, _ size: Dim) -> (first: Expr, second: Expr, weight: Expr) {
        let last = context.size(size) - .int(1)
        let kept = step("kept", .min(.max(c, .constant(0, dtype)), last.cast(to: dtype)))
        let first = step("first", .max(.int(0), .min(kept.cast(to: .i64), last)))
        return (first, .min(first + .int(1), last), step("weight", kept - first.cast(to: dtype)))
      }
      func isOn(_ c: Expr, _ size: Dim) -> Expr {
        .binary(.ge, c, .constant(-1, dtype)) && .binary(.le, c, context.size(size).cast(to: dtype))
      }
      let isInside = step("isInside", isOn(y, x.shape[2]) && isOn(x0, x.shape[3]))
      let (down, across) = (around(y, x.shape[2]), around(x0, x.shape[3]))
      let width = context.size(x.shape[3])
      func part(_ r: Expr, _ c: Expr, _ weight: Expr) -> Expr {
        let value = context.load(0, at: (image * context.size(x.shape[2]) + r) * width + c, where: isInside)
        return step("part", .select(isInside, weight * value, .constant(0, dtype)))
      }
      let (up, left) = (1.0 - down.weight, 1.0 - across.weight)
      let parts = [
        part(down.first, across.first, up * left), part(down.first, across.second, up * across.weight),
        part(down.second, across.first, down.weight * left),
        part(down.second, across.second, down.weight * across.weight),
      ]
      let isMean = mode == "avg"
      if isMean {
        point.append(.assign(total, .local(total) + (parts[0] + parts[1] + (parts[2] + parts[3]))))
      } else {
        let largest = step("largest", .max(.max(parts[0], parts[1]), .max(parts[2], parts[3])))
        point.append(.assign(total, .select(.local(isFirst), largest, .max(.local(total), largest))))
        point.append(.assign(isFirst, .bool(false)))
      }
      let count = Expr.max(.int(1), rows.points * columns.points).cast(to: dtype)
      let offset = (tile * .int(outputHeight) + .axis(row)) * .int(outputWidth) + .axis(column)
      let cell: [Statement] = [
        .variable(total, .constant(0, dtype)), .variable(isFirst, .bool(true)),
        .loop(Loop(i, rows.points, .serial, [.loop(Loop(j, columns.points, .serial, point))])),
        context.store(0, at: offset, isMean ? .local(total) / count : .local(total)),
      ]
      statements.append(
        .loop(Loop(row, .int(outputHeight), .serial, [.loop(Loop(column, .int(outputWidth), .serial, cell))])))
      return statements
    }
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
