// SPDX-License-Identifier: Apache-2.0
// Products of rows that are picked from a constant table: rows of the table's product.

import GraphIR
import TensorCore

extension MatMul {
  package static var rules: [Rule] {
    [
      // table[ids] · W = (table · W)[ids]
      Rule("product-of-gathered-rows", on: MatMul.self) { _, context throws(TypeError) in
        guard let rows = context.operands[0], let weights = context.constant(1),
          let picked = GatheredRows(rows, context.builder.graph),
          let product = GatheredRows.product(picked.table, weights), let columns = product.shape.last
        else { return nil }
        let table = try context.builder.constant(product)
        var value = try context.builder.emit(Gather(axis: 0), table, picked.indices)
        for move in picked.moves {
          if let transpose = move.operation as? Transpose {
            value = try context.builder.emit(transpose, value)
          } else {
            let shape = context.builder.type(move.results[0]).shape
            value = try context.builder.emit(Reshape(exactly: shape.dropLast() + [Dim(columns)]), value)
          }
        }
        return [value]
      },
      ofDequantized,
    ]
  }
}

/// A value whose rows (along the last axis) are rows of a constant table.
private struct GatheredRows {
  let table: Tensor
  let indices: ValueID
  /// What moves whole rows after they are picked, in order.
  let moves: [Node]

  /// The largest table that takes the place of a product, in bytes; how many times the columns of the table before it
  /// may have; and the multiply-adds that are spent on it while compiling (a tenth of a second).
  private static let mostBytes = 32 << 20
  private static let mostGrowth = 4
  private static let mostProducts = 1 << 30

  init?(_ value: ValueID, _ graph: Graph) {
    var (value, moves): (ValueID, [Node]) = (value, [])
    while moves.count < 16, let node = graph.producer(value), let operand = node.operands.first.flatMap({ $0 }) {
      if let gather = node.operation as? Gather {
        guard let table = (graph.producer(operand)?.operation as? Constant)?.value.tensor, table.shape.count == 2,
          gather.axis == 0 || gather.axis == -2, let indices = node.operands[1]
        else { return nil }
        (self.table, self.indices, self.moves) = (table, indices, moves.reversed())
        return
      }
      guard Self.movesRows(node, graph.types(node)) else { return nil }
      moves.append(node)
      value = operand
    }
    return nil
  }

  private static func movesRows(_ node: Node, _ types: NodeTypes) -> Bool {
    guard let from = types.operands[0], let to = types.results.first, from.rank > 0, from.shape.last == to.shape.last
    else { return false }
    if let transpose = node.operation as? Transpose {
      return (try? transpose.permutation(rank: from.rank))?.last == from.rank - 1
    }
    if case .reshape = node.operation.lower(types) { return true }
    return false
  }

  /// The product of a table and a matrix in f32; nil when that is too much.
  static func product(_ table: Tensor, _ weights: Tensor) -> Tensor? {
    guard table.dtype == .f32, weights.dtype == .f32, weights.shape.count == 2 else { return nil }
    let (rows, depth, columns) = (table.shape[0], table.shape[1], weights.shape[1])
    guard rows > 0, depth > 0, columns > 0, weights.shape[0] == depth,
      (columns - 1) / mostGrowth < depth,
      rows <= mostBytes / 4 / columns, rows * columns <= mostProducts / depth,
      let product = Tensor(zeros: .f32, [rows, columns])
    else { return nil }
    table.doubles().map { Float($0) }.withUnsafeBufferPointer { a in
      weights.doubles().map { Float($0) }.withUnsafeBufferPointer { b in
        product.mutableBytes.withMemoryRebound(to: Float.self) { result in
          for row in 0..<rows {
            let sums = UnsafeMutableBufferPointer(rebasing: result[row * columns..<(row + 1) * columns])
            for k in 0..<depth {
              let (x, start) = (a[row * depth + k], k * columns)
              for column in 0..<columns { sums[column] += x * b[start + column] }
            }
          }
        }
      }
    }
    return product
  }
}
