// SPDX-License-Identifier: Apache-2.0
// Regions of images pooled by their largest elements.

import GraphIR
import KernelIR
import TensorCore

/// Batch indices are clamped to the images; cells without elements are 0.
package struct MaxRoiPool: Operation {
  package static let name = "MaxRoiPool"
  package static let summary =
    "Regions [R, batch x1 y1 x2 y2] of X [N, C, H, W], each divided into cells: the largest element of each."
  package static let operands = [Slot("X"), Slot("rois")]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("pooled_shape", \.pooledShape, "cells along height and width"),
      Attribute("spatial_scale", \.spatialScale, "from the regions' coordinates to the image's"),
    ]
  }
  package var pooledShape: [Int] = [1, 1]
  package var spatialScale = 1.0
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let rois = operands[1] else { throw TypeError("'MaxRoiPool' needs two operands") }
    guard pooledShape.count == 2, pooledShape.allSatisfy({ $0 > 0 }) else {
      throw TypeError("'pooled_shape' of 'MaxRoiPool' is \(pooledShape), expected two numbers above 0")
    }
    guard x.rank == 4, x.dtype.isFloat, rois.dtype == x.dtype, rois.rank == 2, rois.shape[1] == 5 else {
      throw TypeError("'MaxRoiPool' takes images [N, C, H, W] and regions [R, 5], found \(x) and \(rois)", operand: 0)
    }
    if let axis = [0, 2, 3].first(where: { x.shape[$0] == 0 }) {
      throw TypeError("axis \(axis) of \(x) is empty: 'MaxRoiPool' has nothing to read", operand: 0)
    }
    return [TensorType(x.dtype, [rois.shape[0], x.shape[1]] + pooledShape.map { Dim($0) })]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let rois = operands[1] else { throw TypeError("'MaxRoiPool' needs two operands") }
    let shape = try staticSizes(inferTypes([x.type, rois.type])[0].shape, for: Self.name)
    let sizes = [x.shape[2], x.shape[3]]
    var result = Reference(zeros: x.dtype, shape)
    forEachIndex(shape) { position, index in
      let roi = (0..<5).map { rois.reals[index[0] * 5 + $0] }
      let image = clampedIndex(Int64(saturating: roi[0]), x.shape[0]) * x.shape[1] + index[1]
      let spans = (0..<2).map { axis -> Range<Int> in
        // The height comes from the y coordinates, which are second.
        func place(_ value: Double) -> Int {
          let rounded = (value * spatialScale).rounded(.toNearestOrAwayFromZero)
          return Int(min(max(Int64(saturating: rounded), -1_000_000), 1_000_000))
        }
        let (start, end) = (place(roi[2 - axis]), place(roi[4 - axis]))
        let (extent, count) = (max(end - start + 1, 1), pooledShape[axis])
        let first = start + index[axis + 2] * extent / count
        let last = start + ((index[axis + 2] + 1) * extent + count - 1) / count
        let kept = min(max(first, 0), sizes[axis])
        return kept..<max(kept, min(max(last, 0), sizes[axis]))
      }
      var best: Double?
      for row in spans[0] {
        for column in spans[1] {
          let value = x.reals[(image * sizes[0] + row) * sizes[1] + column]
          best = best.map { maximum($0, value) } ?? value
        }
      }
      result.reals[position] = best ?? 0
    }
    return [result]
  }

  /// A tile is one channel of one region.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    let dtype = x.dtype.computeType
    return .loops { context in
      let (tile, region, channel) = context.regionTile(types.results[0].shape[0], channels: x.shape[1])
      let (row, column, i, j) = (context.axis("row"), context.axis("column"), context.axis("i"), context.axis("j"))
      func corner(_ number: Int) -> Expr { context.load(1, at: region * .int(5) + .int(number)) }
      var head: [Statement] = []
      func define(_ name: String, _ value: Expr) -> Expr { context.define(name, value, in: &head) }
      let picked = clampedIndex(corner(0).cast(to: .i64), context.size(x.shape[0]))
      let image = define("image", picked * context.size(x.shape[1]) + channel)
      /// A coordinate rounded, halves away from zero, and kept far from overflow.
      func place(_ value: Expr) -> Expr {
        let scaled = value * spatialScale
        let away = Expr.unary(.floor, .unary(.abs, scaled) + 0.5)
        let signed = Expr.select(.less(scaled, .constant(0, dtype)), -away, away)
        return Expr.max(.int(-1_000_000), .min(signed.cast(to: .i64), .int(1_000_000)))
      }
      /// The first element of a cell along an axis, and how many there are.
      func span(_ axis: Int, _ cell: Axis) -> (first: Expr, count: Expr) {
        let start = define("start", place(corner(2 - axis)))
        let extent = define("extent", .max(.int(1), place(corner(4 - axis)) - start + .int(1)))
        let (cells, size) = (Expr.int(pooledShape[axis]), context.size(x.shape[axis + 2]))
        func kept(_ value: Expr) -> Expr { .max(.int(0), .min(value, size)) }
        let first = kept(start + .floorDiv(.axis(cell) * extent, cells))
        let last = kept(start + .floorDiv((.axis(cell) + .int(1)) * extent + cells - .int(1), cells))
        return (first, .max(.int(0), last - first))
      }
      let (rows, columns) = (span(0, row), span(1, column))
      let best = context.local("best", dtype)
      let isEmpty = context.local("isEmpty", .bool)
      let source =
        (image * context.size(x.shape[2]) + rows.first + .axis(i)) * context.size(x.shape[3]) + columns.first + .axis(j)
      let value = context.load(0, at: source)
      let inner: [Statement] = [
        .assign(best, .select(.local(isEmpty), value, .max(.local(best), value))), .assign(isEmpty, .bool(false)),
      ]
      let offset = (tile * .int(pooledShape[0]) + .axis(row)) * .int(pooledShape[1]) + .axis(column)
      let cell: [Statement] = [
        .variable(best, .constant(0, dtype)), .variable(isEmpty, .bool(true)),
        .loop(Loop(i, rows.count, .serial, [.loop(Loop(j, columns.count, .serial, inner))])),
        context.store(0, at: offset, .local(best)),
      ]
      let nest = Loop(row, .int(pooledShape[0]), .serial, [.loop(Loop(column, .int(pooledShape[1]), .serial, cell))])
      return head + [.loop(nest)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = MaxRoiPool()
    operation.pooledShape = [random.int(1...3), random.int(1...3)]
    operation.spatialScale = random.pick([1, 0.5])
    let dtype = random.dtype([.f32, .f64])
    let shape = [random.int(1...3), random.int(1...3), random.int(2...6), random.int(2...6)]
    return Sample(
      operation, [TensorType(dtype, shape.map { Dim($0) }), TensorType(dtype, [Dim(random.int(1...4)), 5])],
      ranges: [1: 0...5])
  }
}
