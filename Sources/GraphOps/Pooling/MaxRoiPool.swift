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
    let (height, width) = (x.shape[2], x.shape[3])
    var result = Reference(zeros: x.dtype, shape)
    forEachIndex(shape) { position, index in
      let region = rois.reals[index[0] * 5..<index[0] * 5 + 5]
      let image = clampedIndex(Int64(saturating: region[region.startIndex]), x.shape[0]) * x.shape[1] + index[1]
      let values = members(of: Array(region), index[2], index[3], height, width).map {
        x.reals[image * height * width + $0]
      }
      result.reals[position] = values.dropFirst().reduce(values.first ?? 0, maximum)
    }
    return [result]
  }

  /// The places of a region's cell in an image's plane.
  func members(of roi: [Double], _ row: Int, _ column: Int, _ height: Int, _ width: Int) -> [Int] {
    func span(_ axis: Int, _ cell: Int, _ size: Int) -> Range<Int> {
      // The height comes from the y coordinates, which are second.
      func place(_ value: Double) -> Int {
        let rounded = (value * spatialScale).rounded(.toNearestOrAwayFromZero)
        return Int(min(max(Int64(saturating: rounded), -1_000_000), 1_000_000))
      }
      let (start, end) = (place(roi[2 - axis]), place(roi[4 - axis]))
      let (extent, count) = (max(end - start + 1, 1), pooledShape[axis])
      let first = start + cell * extent / count
      let last = start + ((cell + 1) * extent + count - 1) / count
      let kept = min(max(first, 0), size)
      return kept..<max(kept, min(max(last, 0), size))
    }
    let columns = span(1, column, width)
    return span(0, row, height).flatMap { row in columns.map { row * width + $0 } }
  }

  /// A tile is one channel of one region.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    let dtype = x.dtype.computeType
    return .loops { context in
      let (tile, region, channel) = context.regionTile(types.results[0].shape[0], channels: x.shape[1])
      var head: [Statement] = []
      let picked = Self.image(of: region, rois: 1, among: x.shape[0], context)
      let image = context.define("image", picked * context.size(x.shape[1]) + channel, in: &head)
      let plane = image * context.size(x.shape[2] * x.shape[3])
      let best = context.local("best", dtype)
      let isEmpty = context.local("isEmpty", .bool)
      let cells = pooledShape[0] * pooledShape[1]
      return head
        + self.cells(of: region, rois: 1, height: x.shape[2], width: x.shape[3], dtype, &context) { context, offset in
          (
            [.variable(best, .constant(0, dtype)), .variable(isEmpty, .bool(true))],
            [context.store(0, at: tile * .int(cells) + offset, .local(best))]
          )
        } member: { context, place in
          var step: [Statement] = []
          let value = context.define("value", context.load(0, at: plane + place), in: &step)
          step.append(.assign(best, .select(.local(isEmpty), value, .max(.local(best), value))))
          step.append(.assign(isEmpty, .bool(false)))
          return step
        }
    }
  }

  /// The image of a region, which its first number names.
  static func image(of region: Expr, rois operand: Int, among images: Dim, _ context: LoopContext) -> Expr {
    clampedIndex(context.load(operand, at: region * .int(5)).cast(to: .i64), context.size(images))
  }

  /// Loops over a region's cells and the elements in each.
  ///
  /// - Parameters:
  ///   - operand: which operand the regions are.
  ///   - cell: the statements before and after the elements of a cell, from the cell's number.
  ///   - member: the statements of an element, from its place in an image's plane.
  func cells(
    of region: Expr, rois operand: Int, height: Dim, width: Dim, _ dtype: DType, _ context: inout LoopContext,
    cell: (inout LoopContext, Expr) -> (before: [Statement], after: [Statement]),
    member: (inout LoopContext, Expr) -> [Statement]
  ) -> [Statement] {
    let (row, column, i, j) = (context.axis("row"), context.axis("column"), context.axis("i"), context.axis("j"))
    var head: [Statement] = []
    func define(_ name: String, _ value: Expr) -> Expr { context.define(name, value, in: &head) }
    func corner(_ number: Int) -> Expr { context.load(operand, at: region * .int(5) + .int(number)) }
    /// A coordinate rounded, halves away from zero, and kept far from overflow.
    func place(_ value: Expr) -> Expr {
      let scaled = value * spatialScale
      let away = Expr.unary(.floor, .unary(.abs, scaled) + 0.5)
      let signed = Expr.select(.less(scaled, .constant(0, dtype)), -away, away)
      return Expr.max(.int(-1_000_000), .min(signed.cast(to: .i64), .int(1_000_000)))
    }
    /// The first element of a cell along an axis, and how many there are.
    func span(_ axis: Int, _ cell: Axis, _ size: Dim) -> (first: Expr, count: Expr) {
      let start = define("start", place(corner(2 - axis)))
      let extent = define("extent", .max(.int(1), place(corner(4 - axis)) - start + .int(1)))
      let cells = Expr.int(pooledShape[axis])
      func kept(_ value: Expr) -> Expr { .max(.int(0), .min(value, context.size(size))) }
      let first = kept(start + .floorDiv(.axis(cell) * extent, cells))
      let last = kept(start + .floorDiv((.axis(cell) + .int(1)) * extent + cells - .int(1), cells))
      return (first, .max(.int(0), last - first))
    }
    let (rows, columns) = (span(0, row, height), span(1, column, width))
    let inner = member(&context, (rows.first + .axis(i)) * context.size(width) + columns.first + .axis(j))
    let frame = cell(&context, .axis(row) * .int(pooledShape[1]) + .axis(column))
    let loops = Statement.loop(Loop(i, rows.count, .serial, [.loop(Loop(j, columns.count, .serial, inner))]))
    let perCell = Loop(column, .int(pooledShape[1]), .serial, frame.before + [loops] + frame.after)
    return head + [.loop(Loop(row, .int(pooledShape[0]), .serial, [.loop(perCell)]))]
  }

  /// Of X only: regions are rounded to elements, so that nothing moves with them.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], let rois = context.operands[1] else {
      return [nil, nil]
    }
    return [try context.emit(MaxRoiPoolGradient(self), seed, x, rois), nil]
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
