// SPDX-License-Identifier: Apache-2.0
// Inverse matrices.

import GraphIR
import KernelIR
import TensorCore

/// A singular matrix gives infinities and NaN.
package struct Inverse: Operation {
  package static let name = "Inverse"
  package static let summary = "The inverse of each square matrix of the last two axes."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'Inverse' needs an operand") }
    _ = try matrixSide(x, for: Self.name)
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'Inverse' needs an operand") }
    let side = try matrixSide(x.type, for: Self.name)
    var result = Reference(x.dtype, x.shape, reals: [])
    for number in 0..<x.shape.dropLast(2).reduce(1, *) {
      var matrix = (0..<side).map { row in
        (0..<side).map { x.reals[(number * side + row) * side + $0] } + (0..<side).map { $0 == row ? 1 : 0 }
      }
      _ = rowReduced(&matrix)
      for row in matrix { result.reals += row.suffix(side) }
    }
    return [result]
  }

  /// A tile is one matrix, with the unit matrix beside it.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let side = try? matrixSide(x, for: Self.name) else { return .leaf }
    let dtype = x.dtype.computeType
    return .loops { context in
      context.tileCount = x.shape.dropLast(2).reduce(Dim(1), *)
      let matrix = Elimination(
        buffer: context.scratch("matrix", dtype, count: max(1, 2 * side * side)), dtype: dtype, rows: side,
        columns: 2 * side, isComplete: true)
      let tile = Expr.axis(context.tileAxis)
      let determinant = context.local("determinant", dtype)
      let (row, column) = (context.axis("row"), context.axis("column"))
      let (lastRow, lastColumn) = (context.axis("row"), context.axis("column"))
      func source(_ row: Axis, _ column: Axis) -> Expr { (tile * .int(side) + .axis(row)) * .int(side) + .axis(column) }
      let unit = Expr.select(
        .binary(.eq, .axis(row), .axis(column)), .constant(1, dtype), .constant(0, dtype))
      let fill = [
        matrix.set(.axis(row), .axis(column), context.load(0, at: source(row, column))),
        matrix.set(.axis(row), .axis(column) + .int(side), unit),
      ]
      let take = context.store(
        0, at: source(lastRow, lastColumn), matrix.element(.axis(lastRow), .axis(lastColumn) + .int(side)))
      func nest(_ row: Axis, _ column: Axis, _ body: [Statement]) -> Statement {
        .loop(Loop(row, .int(side), .serial, [.loop(Loop(column, .int(side), .serial, body))]))
      }
      return [nest(row, column, fill), .variable(determinant, .constant(1, dtype))]
        + matrix.statements(&context, determinant: determinant) + [nest(lastRow, lastColumn, [take])]
    }
  }

  /// dX = -Yᵀ · G · Yᵀ
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return [nil] }
    let turned = try context.swapLastAxes(context.results[0])
    let product = try context.emit(MatMul(), turned, try context.emit(MatMul(), seed, turned))
    return [try context.neg(product)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let side = random.int(1...2)
    return Sample(
      Inverse(), [TensorType(random.dtype([.f32, .f64]), (random.shape(maxRank: 1) + [side, side]).map { Dim($0) })],
      ranges: [0: 0.5...2])
  }
}
