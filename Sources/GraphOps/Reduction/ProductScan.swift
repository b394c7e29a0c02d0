// SPDX-License-Identifier: Apache-2.0
// The recurrence that the gradient of running products needs. Not an operator of ONNX.

import GraphIR
import KernelIR
import TensorCore

/// `q_k = g_k + x_(k+1) · q_(k+1)`, from the end (from the start when the products ran in reverse); exclusive products
/// leave out g_k: `q_k = g_(k+1) + x_(k+1) · q_(k+1)`.
package struct ProductScan: Operation {
  package static let name = "ProductScan"
  package static let summary = "q with q_k = g_k + x_(k+1) · q_(k+1) along an axis: part of the gradient of CumProd."
  package static let operands = [Slot("x"), Slot("g")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis to go along"),
      Attribute("exclusive", \.exclusive, "whether q_k starts with g_(k+1)"),
      Attribute("reverse", \.reverse, "whether to go from the start to the end"),
    ]
  }
  package var axis = 0
  package var exclusive = false
  package var reverse = false
  package init() {}
  package init(axis: Int, exclusive: Bool, reverse: Bool) {
    self.axis = axis
    self.exclusive = exclusive
    self.reverse = reverse
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let g = operands[1], x == g, x.dtype.isFloat else {
      throw TypeError("'ProductScan' needs two float operands of one type")
    }
    _ = try normalized(axis, rank: x.rank, for: Self.name)
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let g = operands[1] else { throw TypeError("'ProductScan' needs two operands") }
    _ = try inferTypes([x.type, g.type])
    let place = try normalized(axis, rank: x.shape.count, for: Self.name)
    let count = x.shape[place]
    var result = Reference(zeros: x.dtype, x.shape)
    forEachLine(x.shape, along: place) { base, width in
      for k in 0..<count {
        // The sum as it is defined: over every product that element k is in.
        var (sum, product) = (0.0, 1.0)
        for distance in 0..<count - k {
          let offset = base + (reverse ? count - 1 - k - distance : k + distance) * width
          if distance > 0 {
            if exclusive { sum += g.reals[offset] * product }
            product *= x.reals[offset]
          }
          if !exclusive { sum += g.reals[offset] * product }
        }
        result.reals[base + (reverse ? count - 1 - k : k) * width] = sum
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0], let place = try? normalized(axis, rank: type.rank, for: Self.name) else {
      return .leaf
    }
    let dtype = type.dtype.computeType
    return .loops { context in
      let line = context.line(of: type.shape, along: place, fromEnd: !reverse)
      let carried = context.local("carried", dtype)
      let value = context.local("value", dtype)
      let (x, g) = (context.load(0, at: line.offset), context.load(1, at: line.offset))
      let own = exclusive ? Expr.local(carried) : g + .local(carried)
      let next = exclusive ? g + x * .local(value) : x * .local(value)
      let body: [Statement] = [
        .define(value, own), context.store(0, at: line.offset, .local(value)), .assign(carried, next),
      ]
      return [.variable(carried, .constant(0, dtype)), .loop(Loop(line.step, line.count, .serial, body))]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1, maxRank: 3)
    let type = TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })
    let axis = random.int(0...shape.count - 1)
    return Sample(
      ProductScan(axis: axis, exclusive: random.bool(), reverse: random.bool()), [type, type],
      ranges: [0: -1.25...1.25])
  }
}
