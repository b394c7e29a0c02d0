// SPDX-License-Identifier: Apache-2.0
// Operators on small integer tensors some of whose elements are sizes with names.

import GraphIR
import GraphOps
import TensorCore

struct SizeArithmetic {
  let ranges: [String: ClosedRange<Int>]

  /// The results of an operator all of whose operands are known, some of them with names; nil where names do not allow
  /// to say.
  func evaluate(_ operation: any Operation, _ operands: [KnownValue?]) -> [KnownValue]? {
    switch operation {
    case is Add: return pairs(operands) { $0 + $1 }
    case is Sub: return pairs(operands) { $0 - $1 }
    case is Mul: return pairs(operands) { $0 * $1 }
    case is Div:
      return pairs(operands) { a, b in
        // ONNX truncates toward zero, which is the floor where neither is negative.
        guard (a.bounds(ranges).low ?? -1) >= 0, (b.bounds(ranges).low ?? 0) > 0 else { return nil }
        return Dim.floorDiv(a, b)
      }
    case let mod as Mod where !mod.fmod:
      return pairs(operands) { a, b in (b.bounds(ranges).low ?? 0) > 0 ? Dim.mod(a, b) : nil }
    case is Max where operands.count == 2: return pairs(operands) { larger($0, $1) }
    case is Min where operands.count == 2: return pairs(operands) { -larger(-$0, -$1) }
    case is Neg:
      guard case .sizes(let shape, let dims, let dtype)? = operands[0] else { return nil }
      return [known(shape, dims.map { -$0 }, dtype)]
    case is Abs:
      guard case .sizes(let shape, let dims, let dtype)? = operands[0],
        dims.allSatisfy({ ($0.bounds(ranges).low ?? -1) >= 0 })
      else { return nil }
      return [known(shape, dims, dtype)]
    case let cast as Cast:
      guard case .sizes(let shape, let dims, _)? = operands[0], cast.to == .i64 || cast.to == .i32 else { return nil }
      return [known(shape, dims, cast.to)]
    case is Equal: return compare(operands) { $0.isApart ? false : $0.isZero ? true : nil }
    case is Less: return compare(operands) { $0.isBelow(0) ? true : $0.isAbove(-1) ? false : nil }
    case is LessOrEqual: return compare(operands) { $0.isBelow(1) ? true : $0.isAbove(0) ? false : nil }
    case is Greater: return compare(operands) { $0.isAbove(0) ? true : $0.isBelow(1) ? false : nil }
    case is GreaterOrEqual: return compare(operands) { $0.isAbove(-1) ? true : $0.isBelow(0) ? false : nil }
    case let sum as ReduceSum: return reduce(operands[0], sum.axes, sum.keepDims, sum.noopWithEmptyAxes, 0, +)
    case let product as ReduceProd:
      return reduce(operands[0], product.axes, product.keepDims, product.noopWithEmptyAxes, 1, *)
    case is Identity, is Gather, is Concat, is Slice, is Reshape, is Squeeze, is Unsqueeze, is Flatten, is Transpose,
      is Expand, is Tile, is Split, is GatherElements, is GatherND, is Where, is Compress:
      return moved(operation, operands)
    case let scatter as ScatterElements where scatter.reduction == "none": return moved(operation, operands)
    case let scatter as ScatterND where scatter.reduction == "none": return moved(operation, operands)
    default: return nil
    }
  }

  private func larger(_ a: Dim, _ b: Dim) -> Dim {
    let difference = (a - b).bounds(ranges)
    if let low = difference.low, low >= 0 { return a }
    if let high = difference.high, high <= 0 { return b }
    return Dim.max(a, b)
  }

  private func known(_ shape: [Int], _ dims: [Dim], _ dtype: DType) -> KnownValue {
    let numbers = dims.compactMap(\.value)
    return numbers.count == dims.count
      ? .constant(Reference(dtype, shape, integers: numbers.map { wrap(Int64($0), to: dtype) }))
      : .sizes(shape: shape, dims, dtype)
  }

  private func dtype(_ known: KnownValue) -> DType {
    switch known {
    case .constant(let value): value.dtype
    case .sizes(_, _, let dtype): dtype
    }
  }

  /// Applies `body` to broadcast pairs of elements.
  private func broadcastPairs<Element>(
    _ operands: [KnownValue?], _ body: (Dim, Dim) -> Element?
  ) -> (shape: [Int], elements: [Element])? {
    guard operands.count == 2, let a = operands[0], let b = operands[1], let x = a.dims, let y = b.dims,
      let type = try? Add().inferTypes([a, b].map { TensorType(.i64, $0.shape.map { Dim($0) }) })[0],
      let shape = type.staticShape
    else { return nil }
    let (xStrides, yStrides) = (strides(a.shape, to: shape), strides(b.shape, to: shape))
    var elements: [Element] = []
    var isKnown = true
    forEachIndex(shape) { _, index in
      guard isKnown else { return }
      let i = zip(index, xStrides).reduce(0) { $0 + $1.0 * $1.1 }
      let j = zip(index, yStrides).reduce(0) { $0 + $1.0 * $1.1 }
      if let element = body(x[i], y[j]) { elements.append(element) } else { isKnown = false }
    }
    return isKnown ? (shape, elements) : nil
  }

  /// Row-major strides of a shape that is broadcast to another, 0 where it is repeated.
  private func strides(_ shape: [Int], to target: [Int]) -> [Int] {
    let own = Reference.strides(shape)
    let missing = target.count - shape.count
    return target.indices.map { $0 < missing || shape[$0 - missing] == 1 ? 0 : own[$0 - missing] }
  }

  private func pairs(_ operands: [KnownValue?], _ body: (Dim, Dim) -> Dim?) -> [KnownValue]? {
    guard let (shape, dims) = broadcastPairs(operands, { a, b in body(a, b).flatMap { $0.isValid ? $0 : nil } }),
      let first = operands[0]
    else { return nil }
    return [known(shape, dims, dtype(first))]
  }

  /// The bounds of a difference.
  private struct Difference {
    var low: Int?
    var high: Int?
    var isZero: Bool { low == 0 && high == 0 }
    var isApart: Bool { isAbove(0) || isBelow(0) }
    func isAbove(_ limit: Int) -> Bool { low.map { $0 > limit } ?? false }
    func isBelow(_ limit: Int) -> Bool { high.map { $0 < limit } ?? false }
  }

  private func compare(_ operands: [KnownValue?], _ decide: (Difference) -> Bool?) -> [KnownValue]? {
    let answers = broadcastPairs(operands) { a, b -> Bool? in
      let bounds = (a - b).bounds(ranges)
      return decide(Difference(low: bounds.low, high: bounds.high))
    }
    guard let (shape, elements) = answers else { return nil }
    return [.constant(Reference(.bool, shape, integers: elements.map { $0 ? 1 : 0 }))]
  }

  /// All elements of a vector combined; other reductions of sizes have no use.
  private func reduce(
    _ operand: KnownValue?, _ axes: [Int], _ keepsDims: Bool, _ isNoop: Bool, _ start: Dim, _ combine: (Dim, Dim) -> Dim
  ) -> [KnownValue]? {
    guard let operand, let dims = operand.dims, operand.shape.count <= 1, !(axes.isEmpty && isNoop) else { return nil }
    let result = dims.reduce(start, combine)
    guard result.isValid else { return nil }
    return [known(keepsDims ? operand.shape.map { _ in 1 } : [], [result], dtype(operand))]
  }

  /// Operators that only move elements: they move numbers that stand for the elements, and these are looked up after.
  private func moved(_ operation: any Operation, _ operands: [KnownValue?]) -> [KnownValue]? {
    var table: [Dim] = []
    var type: DType?
    // Indices and conditions are constants and stay what they are.
    let indexOperands: Set<Int>
    switch operation {
    case is Gather, is GatherElements, is GatherND, is ScatterElements, is ScatterND: indexOperands = [1]
    case is Where: indexOperands = [0]
    default: indexOperands = []
    }
    var references: [Reference?] = []
    for (number, operand) in operands.enumerated() {
      guard let operand else {
        references.append(nil)
        continue
      }
      if indexOperands.contains(number) {
        guard case .constant(let value) = operand else { return nil }
        references.append(value)
        continue
      }
      guard let dims = operand.dims else { return nil }
      type = dtype(operand)
      references.append(
        Reference(.i64, operand.shape, integers: dims.indices.map { Int64(table.count + $0) }))
      table += dims
    }
    guard let type, let results = try? operation.evaluate(references) else { return nil }
    var moved: [KnownValue] = []
    for result in results {
      guard result.integers.allSatisfy({ table.indices.contains(Int($0)) }) else { return nil }
      moved.append(known(result.shape, result.integers.map { table[Int($0)] }, type))
    }
    return moved
  }
}
