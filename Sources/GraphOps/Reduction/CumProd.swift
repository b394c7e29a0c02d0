// SPDX-License-Identifier: Apache-2.0
// Running products along an axis.

import GraphIR
import KernelIR
import TensorCore

package struct CumProd: Operation {
  package static let name = "CumProd"
  package static let summary = "The product of the elements up to each along an axis, in order; integers wrap."
  package static let operands = [Slot("x")]
  package static let results = [Slot("y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis to multiply along, negative from the end"),
      Attribute("exclusive", \.exclusive, "whether an element's own value is left out of its product"),
      Attribute("reverse", \.reverse, "whether to multiply from the end"),
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
    guard let type = operands[0] else { throw TypeError("'CumProd' needs an operand") }
    guard DType.numbers.contains(type.dtype) else {
      throw TypeError("'CumProd' does not take \(type.dtype)", operand: 0)
    }
    _ = try normalized(axis, rank: type.rank, for: Self.name)
    return [type]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'CumProd' needs an operand") }
    _ = try inferTypes([input.type])
    let place = try normalized(axis, rank: input.shape.count, for: Self.name)
    let count = input.shape[place]
    var result = Reference(zeros: input.dtype, input.shape)
    forEachLine(input.shape, along: place) { base, width in
      var (real, integer) = (1.0, Int64(1))
      for number in 0..<count {
        let offset = base + (reverse ? count - 1 - number : number) * width
        if input.dtype.isFloat {
          let next = real * input.reals[offset]
          result.reals[offset] = exclusive ? real : next
          real = next
        } else {
          let next = wrap(integer &* input.integers[offset], to: input.dtype)
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
      let offset = first + (reverse ? count - .int(1) - .axis(step) : .axis(step)) * width
      let product = context.local("product", type.dtype.computeType)
      let multiply = Statement.assign(product, .local(product) * context.load(0, at: offset))
      let store = context.store(0, at: offset, .local(product))
      return [
        .variable(product, .constant(1, type.dtype.computeType)),
        .loop(Loop(step, count, .serial, exclusive ? [store, multiply] : [multiply, store])),
      ]
    }
  }

  /// dx_k = P_k · Q_k with the product P_k of what comes before, and Q_k = Σ over i from k of g_i times the product of
  /// what lies between: no division, so that zeros are no special case.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else { return [nil] }
    let type = context.type(x)
    let place = try normalized(axis, rank: type.rank, for: Self.name)
    let before = try context.emit(CumProd(axis: axis, exclusive: true, reverse: reverse), x)
    let rest = try context.emit(ProductScan(axis: place, exclusive: exclusive, reverse: reverse), x, seed)
    return [try context.mul(before, rest)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    return Sample(
      CumProd(axis: random.int(-shape.count...shape.count - 1), exclusive: random.bool(), reverse: random.bool()),
      [TensorType(random.dtype([.f32, .f64, .i32, .u64]), shape.map { Dim($0) })], ranges: [0: -1.25...1.25])
  }
}
