// SPDX-License-Identifier: Apache-2.0
// The matrix product of com.microsoft.

import GraphIR
import TensorCore

package struct FusedMatMul: Operation {
  package static let name = "FusedMatMul"
  package static let summary = "alpha · A · B, with the last two axes of either exchanged first."
  package static let operands = [Slot("A"), Slot("B")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("alpha", \.alpha, "the factor"),
      Attribute("transA", \.transA, "whether A's last two axes change places"),
      Attribute("transB", \.transB, "whether B's last two axes change places"),
      Attribute("transBatchA", \.transBatchA, "whether A's first axis moves before its last but one"),
      Attribute("transBatchB", \.transBatchB, "whether B's first axis moves before its last but one"),
    ]
  }
  package var alpha = 1.0
  package var transA = false
  package var transB = false
  package var transBatchA = false
  package var transBatchB = false
  package init() {}

  /// The order of an operand's axes before the product; vectors stay.
  private func order(_ rank: Int, _ isTransposed: Bool, _ movesBatch: Bool) -> [Int] {
    guard rank >= 2 else { return Array(0..<rank) }
    var order = Array(0..<rank)
    if movesBatch { order = Array(1..<rank - 1) + [0, rank - 1] }
    if isTransposed { order.swapAt(rank - 1, rank - 2) }
    return order
  }

  private func orders(_ types: [TensorType?]) -> [[Int]] {
    [order(types[0]?.rank ?? 0, transA, transBatchA), order(types[1]?.rank ?? 0, transB, transBatchB)]
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let a = operands[0], let b = operands[1], a.dtype.isFloat else {
      throw TypeError("'FusedMatMul' takes two float operands", operand: 0)
    }
    let orders = orders(operands)
    return try MatMul().inferTypes([
      TensorType(a.dtype, orders[0].map { a.shape[$0] }), TensorType(b.dtype, orders[1].map { b.shape[$0] }),
    ])
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let a = operands[0], let b = operands[1] else { throw TypeError("'FusedMatMul' needs two operands") }
    _ = try inferTypes([a.type, b.type])
    let orders = orders([a.type, b.type])
    var result = try MatMul().evaluate([a.permuted(orders[0]), b.permuted(orders[1])])[0]
    result.reals = result.reals.map { $0 * alpha }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let orders = orders(types.operands)
    let dtype = types.results[0].dtype
    return .decompose { builder, operands throws(TypeError) in
      guard let a = operands[0], let b = operands[1] else { throw TypeError("'FusedMatMul' needs two operands") }
      let product = try builder.emit(
        MatMul(), try builder.transposed(a, orders[0]), try builder.transposed(b, orders[1]))
      if alpha == 1 { return [product] }
      return [try builder.narrowed(try builder.scaled(try builder.widened(product), by: alpha), to: dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = FusedMatMul()
    (operation.transA, operation.transB) = (random.bool(), random.bool())
    operation.alpha = random.pick([1, 0.5])
    let (m, k, n, batch) = (random.size(), random.size(), random.size(), random.int(1...3))
    operation.transBatchA = random.int(0...3) == 0
    let last = operation.transA ? [k, m] : [m, k]
    // [batch, m, k] before the batch moved back to the front.
    var a = [batch] + last
    if operation.transBatchA { a = operation.transA ? [k, batch, m] : [m, batch, k] }
    let b = operation.transB ? [n, k] : [k, n]
    let dtype = random.dtype([.f32, .f64])
    return Sample(operation, [TensorType(dtype, a.map { Dim($0) }), TensorType(dtype, b.map { Dim($0) })])
  }
}
