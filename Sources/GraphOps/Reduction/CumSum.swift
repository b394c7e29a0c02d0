// SPDX-License-Identifier: Apache-2.0
// Running sums along an axis.

import GraphIR
import KernelIR
import TensorCore

package struct CumSum: Operation {
  package static let name = "CumSum"
  package static let summary = "The sum of the elements up to each along an axis, in order; integers wrap."
  package static let operands = [Slot("x")]
  package static let results = [Slot("y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis to sum along, negative from the end"),
      Attribute("exclusive", \.exclusive, "whether an element's own value is left out of its sum"),
      Attribute("reverse", \.reverse, "whether to sum from the end"),
    ]
  }
  package var axis = 0
  package var exclusive = false
  package var reverse = false
  package init() {}
  package init(axis: Int, exclusive: Bool = false, reverse: Bool = false) {
    self.axis = axis
    self.exclusive = exclusive
    self.reverse = reverse
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'CumSum' needs an operand") }
    guard DType.numbers.contains(type.dtype) else {
      throw TypeError("'CumSum' does not take \(type.dtype)", operand: 0)
    }
    _ = try normalized(axis, rank: type.rank, for: Self.name)
    return [type]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'CumSum' needs an operand") }
    _ = try inferTypes([input.type])
    let place = try normalized(axis, rank: input.shape.count, for: Self.name)
    let (count, strides) = (input.shape[place], input.strides)
    var result = Reference(zeros: input.dtype, input.shape)
    var lines = input.shape
    lines[place] = min(count, 1)
    forEachIndex(lines) { _, index in
      let first = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
      var (real, integer) = (0.0, Int64(0))
      for step in 0..<count {
        let offset = first + (reverse ? count - 1 - step : step) * strides[place]
        if input.dtype.isFloat {
          let next = real + input.reals[offset]
          result.reals[offset] = exclusive ? real : next
          real = next
        } else {
          let next = wrap(integer &+ input.integers[offset], to: input.dtype)
          result.integers[offset] = exclusive ? integer : next
          integer = next
        }
      }
    }
    return [result]
  }

  /// A tile is one line along the axis.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0], let place = try? normalized(axis, rank: type.rank, for: Self.name) else {
      return .leaf
    }
    let inner = type.shape[(place + 1)...].reduce(Dim(1), *)
    let outer = type.shape[..<place].reduce(Dim(1), *)
    return .loops { context in
      context.tileCount = outer * inner
      let (tile, width, count) = (Expr.axis(context.tileAxis), context.size(inner), context.size(type.shape[place]))
      let first = Expr.floorDiv(tile, width) * count * width + .mod(tile, width)
      let step = context.axis("i")
      let position = reverse ? count - .int(1) - .axis(step) : .axis(step)
      let offset = first + position * width
      let sum = context.local("sum", type.dtype.computeType)
      let add = Statement.assign(sum, .local(sum) + context.load(0, at: offset))
      let store = context.store(0, at: offset, .local(sum))
      return [
        .variable(sum, .constant(0, type.dtype.computeType)),
        .loop(Loop(step, count, .serial, exclusive ? [store, add] : [add, store])),
      ]
    }
  }

  /// Element i is in the sums at and after i: the seed is summed from the other end.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return [nil] }
    return [try context.emit(CumSum(axis: axis, exclusive: exclusive, reverse: !reverse), seed)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    return Sample(
      CumSum(axis: random.int(-shape.count...shape.count - 1), exclusive: random.bool(), reverse: random.bool()),
      [TensorType(random.dtype([.f32, .f64, .f16, .i32, .u64]), shape.map { Dim($0) })])
  }
}
