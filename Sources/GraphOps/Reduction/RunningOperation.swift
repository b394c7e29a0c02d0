// SPDX-License-Identifier: Apache-2.0
// What goes along the lines of an axis, each result made from the elements before it.

import GraphIR
import KernelIR
import TensorCore

/// The elements up to each along an axis combined in order, as CumSum. Integers wrap.
package protocol RunningOperation: Operation {
  var axis: Int { get set }
  /// Whether an element's own value is left out of its result.
  var exclusive: Bool { get set }
  /// Whether to go from the end.
  var reverse: Bool { get set }
  /// What no elements combine to.
  static var identity: Int { get }
  static func combine(_ a: Double, _ b: Double) -> Double
  static func combine(_ a: Int64, _ b: Int64) -> Int64
  static func combine(_ a: Expr, _ b: Expr) -> Expr
}

extension RunningOperation {
  package static var operands: [Slot] { [Slot("x")] }
  package static var results: [Slot] { [Slot("y")] }
  package static var accuracy: Accuracy { .accumulation }
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis to go along, negative from the end"),
      Attribute("exclusive", \.exclusive, "whether an element's own value is left out of its result"),
      Attribute("reverse", \.reverse, "whether to go from the end"),
    ]
  }

  package init(axis: Int, exclusive: Bool = false, reverse: Bool = false) {
    self.init()
    self.axis = axis
    self.exclusive = exclusive
    self.reverse = reverse
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    guard DType.numbers.contains(type.dtype) else {
      throw TypeError("'\(Self.name)' does not take \(type.dtype)", operand: 0)
    }
    _ = try normalized(axis, rank: type.rank, for: Self.name)
    return [type]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    _ = try inferTypes([input.type])
    let place = try normalized(axis, rank: input.shape.count, for: Self.name)
    let count = input.shape[place]
    var result = Reference(zeros: input.dtype, input.shape)
    forEachLine(input.shape, along: place) { base, width in
      var (real, integer) = (Double(Self.identity), Int64(Self.identity))
      for number in 0..<count {
        let offset = base + (reverse ? count - 1 - number : number) * width
        if input.dtype.isFloat {
          let next = Self.combine(real, input.reals[offset])
          result.reals[offset] = exclusive ? real : next
          real = next
        } else {
          let next = wrap(Self.combine(integer, input.integers[offset]), to: input.dtype)
          result.integers[offset] = exclusive ? integer : next
          integer = next
        }
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0], let place = try? normalized(axis, rank: type.rank, for: Self.name) else {
      return .leaf
    }
    return .loops { context in
      let line = context.line(of: type.shape, along: place, fromEnd: reverse)
      let total = context.local("total", type.dtype.computeType)
      let next = Statement.assign(total, Self.combine(.local(total), context.load(0, at: line.offset)))
      let store = context.store(0, at: line.offset, .local(total))
      return [
        .variable(total, .constant(Double(Self.identity), type.dtype.computeType)),
        .loop(Loop(line.step, line.count, .serial, exclusive ? [store, next] : [next, store])),
      ]
    }
  }
}

extension LoopContext {
  /// Makes a tile one line of a shape along an axis. `offset` is that of the line's element after `step` others.
  mutating func line(
    of shape: [Dim], along axis: Int, fromEnd: Bool
  ) -> (step: Axis, count: Expr, offset: Expr) {
    let inner = shape[(axis + 1)...].reduce(Dim(1), *)
    tileCount = shape[..<axis].reduce(Dim(1), *) * inner
    let (tile, width, count) = (Expr.axis(tileAxis), size(inner), size(shape[axis]))
    let step = self.axis("i")
    let first = Expr.floorDiv(tile, width) * count * width + .mod(tile, width)
    return (step, count, first + (fromEnd ? count - .int(1) - .axis(step) : .axis(step)) * width)
  }
}
