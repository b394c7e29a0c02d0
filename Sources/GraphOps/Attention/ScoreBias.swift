// SPDX-License-Identifier: Apache-2.0
// What com.microsoft's attention operators add to scores: a bias, and a penalty for masked keys.

import GraphIR
import KernelIR
import TensorCore

/// Moves scores `[B, H, rows, total]`: a masked score is moved by `filterValue`, it is not left out.
struct ScoreBias: Sendable {
  var batch, rows, past, total: Dim
  /// Whether the keys after a query are masked.
  var isCausal: Bool
  var filterValue: Double

  /// What is added to the score of batch, head, query and key, for sizes that are numbers. A mask is a count of keys for
  /// each batch entry (and, behind these, the first key of each), or 0 where a key is masked, for each batch entry or
  /// each of its queries.
  func reference(
    mask: Reference?, bias: Reference?
  ) -> (_ b: Int, _ h: Int, _ i: Int, _ j: Int) -> Double {
    let (batch, rows, past) = (self.batch.value ?? 0, self.rows.value ?? 0, self.past.value ?? 0)
    return { b, h, i, j in
      var sum = bias.map { $0.reals[$0.broadcastPosition([b, h, i, j])] } ?? 0
      if let mask {
        let isMasked: Bool
        switch mask.shape.count {
        case 1:
          isMasked = j >= mask.integers[b] || (mask.shape[0] == 2 * batch && j < mask.integers[batch + b])
        case 2: isMasked = mask.integers[b * mask.shape[1] + j] == 0
        default: isMasked = mask.integers[(b * rows + i) * mask.shape[2] + j] == 0
        }
        if isMasked { sum += filterValue }
      }
      if isCausal && j > i + past { sum += filterValue }
      return sum
    }
  }

  /// What is added to the scores, in turn; penalties are of type `wide`.
  func emit(
    mask: ValueID?, bias: ValueID?, _ wide: DType, _ builder: inout GraphBuilder
  ) throws(TypeError) -> [ValueID] {
    var biases = bias.map { [$0] } ?? []
    for isMasked in try masked(mask, &builder) {
      let penalty = try builder.scalar(filterValue, wide)
      biases.append(try builder.emit(Where(), isMasked, penalty, try builder.scalar(0, wide)))
    }
    return biases
  }

  /// Bools that broadcast to the scores, true where a key is masked.
  private func masked(_ mask: ValueID?, _ builder: inout GraphBuilder) throws(TypeError) -> [ValueID] {
    var masks: [ValueID] = []
    let keys = try builder.along(3, rank: 4, try builder.range(total, .i64))
    if let mask {
      let type = builder.type(mask)
      if type.rank == 1 {
        func line(_ start: Dim) throws(TypeError) -> ValueID {
          let part = try builder.slice(mask, axis: 0, from: start, to: start + batch)
          return try builder.along(0, rank: 4, try builder.narrowed(part, to: .i64))
        }
        var isMasked = try builder.emit(GreaterOrEqual(), keys, try line(0))
        if type.shape[0] != batch {
          isMasked = try builder.emit(Or(), isMasked, try builder.emit(Less(), keys, try line(batch)))
        }
        masks.append(isMasked)
      } else {
        let isMasked = try builder.emit(Equal(), mask, try builder.scalar(0, .i32))
        masks.append(try builder.reshaped(isMasked, [batch, 1, type.rank == 2 ? 1 : rows, total]))
      }
    }
    if isCausal {
      let queries = try builder.along(2, rank: 4, try builder.range(rows, .i64))
      let last = try builder.add(queries, try builder.size(past, .i64))
      masks.append(try builder.emit(Greater(), keys, last))
    }
    return masks
  }
}

/// Checks that a bias broadcasts to the scores `[B, H, rows, total]` of queries of type `dtype`.
func checkBias(
  _ bias: TensorType, scores: [Dim], _ dtype: DType, operand: Int, for name: String
) throws(TypeError) {
  guard bias.dtype == dtype, try broadcast([TensorType(dtype, scores), bias], for: name) == scores else {
    throw TypeError(
      "the attention bias \(bias) of '\(name)' does not fit \(TensorType(dtype, scores))", operand: operand)
  }
}
