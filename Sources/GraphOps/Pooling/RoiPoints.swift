// SPDX-License-Identifier: Apache-2.0
// The points that RoiAlign reads: what the operator and its gradient share.

import GraphIR
import KernelIR
import TensorCore

extension RoiAlign {
  // MARK: Reference

  /// For each point of a region's cell the elements that it mixes, none where it lies outside.
  func points(
    _ region: ArraySlice<Double>, _ row: Int, _ column: Int, _ height: Int, _ width: Int
  ) -> [[(place: Int, weight: Double)]] {
    let corner = region.map { $0 * spatialScale - shift }
    func along(_ start: Double, _ end: Double, _ cell: Int, _ count: Int) -> [Double] {
      let extent = shift == 0 ? maximum(end - start, 1) : end - start
      let size = extent / Double(count)
      let adaptive = min(max(0, size.rounded(.up)), Double(Self.pointLimit))
      let points = samplingRatio > 0 ? samplingRatio : adaptive.isNaN ? 0 : Int(adaptive)
      return (0..<points).map { start + (Double(cell) + (Double($0) + 0.5) / Double(points)) * size }
    }
    let (rows, columns) = (
      along(corner[1], corner[3], row, outputHeight), along(corner[0], corner[2], column, outputWidth)
    )
    return rows.flatMap { y in
      columns.map { x in
        guard y >= -1 && y <= Double(height) && x >= -1 && x <= Double(width) else { return [] }
        let (top, left) = (min(max(y, 0), Double(height - 1)), min(max(x, 0), Double(width - 1)))
        let (r, c) = (Int(top), Int(left))
        let (dy, dx) = (top - Double(r), left - Double(c))
        return [(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx].enumerated().map { place, weight in
          (min(r + place / 2, height - 1) * width + min(c + place % 2, width - 1), weight)
        }
      }
    }
  }

  // MARK: Loops

  /// One cell of a region: its number, and how many points it has (at least 1).
  struct Cell {
    var offset: Expr
    var count: Expr
  }

  /// One point: the four elements that it mixes, as places in an image's plane, and whether it lies on the image.
  struct Point {
    var taps: [(place: Expr, weight: Expr)]
    var isInside: Expr
  }

  /// Loops over a region's cells and the points in each.
  ///
  /// - Parameters:
  ///   - operand: which operand the regions are.
  ///   - cell: the statements before and after the points of a cell.
  ///   - point: the statements of a point.
  func points(
    of region: Expr, rois operand: Int, height: Dim, width: Dim, _ dtype: DType, _ context: inout LoopContext,
    cell: (inout LoopContext, Cell) -> (before: [Statement], after: [Statement]),
    point: (inout LoopContext, Point) -> [Statement]
  ) -> [Statement] {
    var statements: [Statement] = []
    func define(_ name: String, _ value: Expr) -> Expr { context.define(name, value, in: &statements) }
    let corner = (0..<4).map {
      define("corner", context.load(operand, at: region * .int(4) + .int($0)) * spatialScale - shift)
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
    var head: [Statement] = []
    func step(_ name: String, _ value: Expr) -> Expr { context.define(name, value, in: &head) }
    func place(_ start: Expr, _ cell: Axis, _ p: Axis, _ cells: (size: Expr, points: Expr)) -> Expr {
      let inner = (Expr.axis(p).cast(to: dtype) + 0.5) / cells.points.cast(to: dtype)
      return step("place", start + (Expr.axis(cell).cast(to: dtype) + inner) * cells.size)
    }
    let (y, x) = (place(corner[1], row, i, rows), place(corner[0], column, j, columns))
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
    let isInside = step("isInside", isOn(y, height) && isOn(x, width))
    let (down, across) = (around(y, height), around(x, width))
    let line = context.size(width)
    let (up, left) = (1.0 - down.weight, 1.0 - across.weight)
    let taps = [
      (down.first * line + across.first, up * left), (down.first * line + across.second, up * across.weight),
      (down.second * line + across.first, down.weight * left),
      (down.second * line + across.second, down.weight * across.weight),
    ]
    let inner = head + point(&context, Point(taps: taps, isInside: isInside))
    let count = Expr.max(.int(1), rows.points * columns.points).cast(to: dtype)
    let frame = cell(&context, Cell(offset: .axis(row) * .int(outputWidth) + .axis(column), count: count))
    let loops = Statement.loop(Loop(i, rows.points, .serial, [.loop(Loop(j, columns.points, .serial, inner))]))
    let perCell = Loop(column, .int(outputWidth), .serial, frame.before + [loops] + frame.after)
    return statements + [.loop(Loop(row, .int(outputHeight), .serial, [.loop(perCell)]))]
  }
}
