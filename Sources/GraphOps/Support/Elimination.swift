// SPDX-License-Identifier: Apache-2.0
// Gauss' elimination with row exchanges, as loops over a matrix in scratch memory.

import GraphIR
import KernelIR
import TensorCore

/// The elimination of a row-major matrix of `rows` rows and `columns` columns in a buffer.
struct Elimination {
  let buffer: Int
  let dtype: DType
  let rows: Int
  let columns: Int
  /// Whether rows above the pivot are cleared too, and pivots become 1 (Gauss–Jordan).
  let isComplete: Bool

  /// Larger matrices need a library of their own; scratch memory is per thread.
  static let limit = 512

  func element(_ row: Expr, _ column: Expr) -> Expr { .load(buffer, dtype, at: row * .int(columns) + column) }

  func set(_ row: Expr, _ column: Expr, _ value: Expr) -> Statement {
    .store(buffer: buffer, offset: row * .int(columns) + column, value: value, guard: nil)
  }

  /// Statements that eliminate; `determinant` (a variable) is multiplied by the pivots, with the sign of exchanges.
  func statements(_ context: inout LoopContext, determinant: Local) -> [Statement] {
    let step = context.axis("k")
    let k = Expr.axis(step)
    let (best, place) = (context.local("best", dtype), context.local("place", .i64))
    let (pivot, factor) = (context.local("pivot", dtype), context.local("factor", dtype))
    let (upper, lower) = (context.local("upper", dtype), context.local("lower", dtype))
    let (search, swap, other, across) = (
      context.axis("search"), context.axis("swap"), context.axis("other"), context.axis("across")
    )
    let candidate = k + .int(1) + .axis(search)
    let size = Expr.unary(.abs, element(candidate, k))
    let find = Statement.loop(
      Loop(
        search, .int(rows - 1) - k, .serial,
        [.branch(.less(.local(best), size), then: [.assign(best, size), .assign(place, candidate)], else: [])]))
    let exchange = Statement.loop(
      Loop(
        swap, .int(columns), .serial,
        [
          .define(upper, element(k, .axis(swap))), .define(lower, element(.local(place), .axis(swap))),
          set(k, .axis(swap), .local(lower)), set(.local(place), .axis(swap), .local(upper)),
        ]))
    var body: [Statement] = [
      .variable(best, .unary(.abs, element(k, k))), .variable(place, k), find,
      .branch(
        .binary(.ne, .local(place), k), then: [exchange, .assign(determinant, -Expr.local(determinant))], else: []),
      .define(pivot, element(k, k)), .assign(determinant, .local(determinant) * .local(pivot)),
    ]
    if isComplete {
      let scale = context.axis("scale")
      body.append(
        .loop(
          Loop(scale, .int(columns), .serial, [set(k, .axis(scale), element(k, .axis(scale)) / .local(pivot))])))
    }
    // Where the pivot is 0 all candidates are, and nothing is left to clear.
    let row = isComplete ? Expr.axis(other) : k + .int(1) + .axis(other)
    let share = isComplete ? element(row, k) : element(row, k) / .local(pivot)
    let isCleared = isComplete ? Expr.binary(.ne, row, k) : Expr.binary(.ne, .local(pivot), .constant(0, dtype))
    let clear = Statement.loop(
      Loop(
        across, .int(columns), .serial,
        [set(row, .axis(across), element(row, .axis(across)) - .local(factor) * element(k, .axis(across)))]))
    body.append(
      .loop(
        Loop(
          other, isComplete ? .int(rows) : .int(rows - 1) - k, .serial,
          [.define(factor, share), .branch(isCleared, then: [clear], else: [])])))
    return [.loop(Loop(step, .int(rows), .serial, body))]
  }
}

/// The side of square matrices, which must be a number that elimination can take.
func matrixSide(_ x: TensorType, for name: String) throws(TypeError) -> Int {
  guard x.dtype.isFloat, x.rank >= 2, x.shape[x.rank - 1] == x.shape[x.rank - 2] else {
    throw TypeError("'\(name)' takes square matrices of floats, found \(x)", operand: 0)
  }
  guard let side = x.shape[x.rank - 1].value, side <= Elimination.limit else {
    throw TypeError("'\(name)' takes matrices of at most \(Elimination.limit) rows, found \(x)", operand: 0)
  }
  return side
}

/// Row-reduces a matrix of the reference in place and returns its determinant.
func rowReduced(_ matrix: inout [[Double]]) -> Double {
  var determinant = 1.0
  for k in matrix.indices {
    let pivotRow = (k..<matrix.count).max { abs(matrix[$0][k]) < abs(matrix[$1][k]) } ?? k
    if pivotRow != k {
      matrix.swapAt(pivotRow, k)
      determinant = -determinant
    }
    let pivot = matrix[k][k]
    determinant *= pivot
    matrix[k] = matrix[k].map { $0 / pivot }
    for row in matrix.indices where row != k {
      let factor = matrix[row][k]
      matrix[row] = zip(matrix[row], matrix[k]).map { $0 - factor * $1 }
    }
    if pivot == 0 { return 0 }
  }
  return determinant
}
