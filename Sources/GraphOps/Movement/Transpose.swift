// SPDX-License-Identifier: Apache-2.0
// Axes in another order.

import GraphIR
import KernelIR
import TensorCore

package struct Transpose: Operation {
  package static let name = "Transpose"
  package static let summary = "The axes in another order; without `perm` reversed."
  package static let operands = [Slot("data")]
  package static let results = [Slot("transposed")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("perm", \.perm, "for each axis of the result, the axis of the input")]
  }
  package var perm: [Int] = []
  package init() {}
  package init(perm: [Int]) { self.perm = perm }

  /// The permutation as indices of a tensor of this rank.
  package func permutation(rank: Int) throws(TypeError) -> [Int] {
    if perm.isEmpty { return Array((0..<rank).reversed()) }
    var indices: [Int] = []
    for axis in perm { indices.append(try normalized(axis, rank: rank, for: Self.name)) }
    guard indices.count == rank, Set(indices).count == rank else {
      throw TypeError("'perm' \(perm) is not an order of the \(rank) axes", operand: 0)
    }
    return indices
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Transpose' needs an operand") }
    return [TensorType(type.dtype, try permutation(rank: type.rank).map { type.shape[$0] })]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'Transpose' needs an operand") }
    let order = try permutation(rank: input.shape.count)
    let strides = input.strides
    return [
      input.gathering(order.map { input.shape[$0] }) { index in
        index.indices.reduce(0) { $0 + index[$1] * strides[order[$1]] }
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0], let order = try? permutation(rank: type.rank) else { return .leaf }
    return .pointwise { context, index in
      var source = index
      for (place, axis) in order.enumerated() { source[axis] = index[place] }
      return [context.operand(0, at: source)]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let order = try permutation(rank: context.type(x).rank)
    var inverse = order
    for (place, axis) in order.enumerated() { inverse[axis] = place }
    return [try context.emit(Transpose(perm: inverse), seed)]
  }

  package static var rules: [Rule] {
    [
      Rule("transpose-of-transpose", on: Transpose.self) { transpose, context throws(TypeError) in
        guard let inner = context.producer(of: 0, as: Transpose.self), let type = context.type(0) else { return nil }
        let outer = try transpose.permutation(rank: type.rank)
        let first = try inner.operation.permutation(rank: type.rank)
        return [try context.builder.emit(Transpose(perm: outer.map { first[$0] }), inner.node.operands[0])]
      },
      Rule("transpose-to-same", on: Transpose.self) { transpose, context throws(TypeError) in
        guard let type = context.type(0), let x = context.operands[0] else { return nil }
        let order = try transpose.permutation(rank: type.rank)
        return order == Array(0..<type.rank) ? [x] : nil
      },
      // Axes of size 1 may stand anywhere.
      Rule("transpose-of-ones", on: Transpose.self) { transpose, context throws(TypeError) in
        guard let type = context.type(0), let x = context.operands[0] else { return nil }
        let order = try transpose.permutation(rank: type.rank)
        let moved = order.filter { type.shape[$0] != 1 }
        guard moved == moved.sorted() else { return nil }
        return [try context.builder.emit(Reshape(exactly: order.map { type.shape[$0] }), x)]
      },
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape()
    var order = Array(shape.indices)
    order.shuffle(using: &random)
    return Sample(Transpose(perm: order), [TensorType(random.dtype([.f32, .f64, .i16]), shape.map { Dim($0) })])
  }
}
