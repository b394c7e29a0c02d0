// SPDX-License-Identifier: Apache-2.0
// The gradients of pooling: what every window's gradient gives to its elements, gathered element by element.

import GraphIR
import KernelIR
import TensorCore

package struct PoolGradient: PoolOperation {
  package static let name = "PoolGradient"
  package static let summary =
    "For each element of a pooling operator's input the sum of the gradients of the windows that hold it: divided by "
    + "each window's number of elements, or only of those windows whose index names the element."
  package static let operands = [Slot("dY"), Slot("Indices", .optional)]
  package static let results = [Slot("dX")]
  package static var attributes: [Attribute<Self>] {
    windowAttributes() + [
      Attribute("shape", \.shape, "the pooling operator's input's sizes"),
      Attribute("divisor", \.divisor, "none, inside (elements on the axes) or padded (on the padding too)"),
    ]
  }
  package var windowOptions = WindowOptions()
  package var shape: [Dim] = []
  package var divisor = "none"
  package init() {}

  init(_ pool: some PoolOperation, of shape: [Dim]) {
    windowOptions = pool.windowOptions
    self.shape = shape
  }

  package func reference(_ values: [Double], size: Int, padded: Int) -> Double { 0 }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let y = operands[0] else { throw TypeError("'PoolGradient' needs an operand") }
    guard ["none", "inside", "padded"].contains(divisor) else {
      throw TypeError("'divisor' of 'PoolGradient' is '\(divisor)'", note: "it is 'none', 'inside' or 'padded'")
    }
    let x = TensorType(y.dtype, shape)
    let pooled = try pooledShape(x)
    guard y.shape == pooled else {
      throw TypeError("the gradient of 'PoolGradient' is \(y), expected \(TensorType(y.dtype, pooled))", operand: 0)
    }
    if operands.count > 1, let indices = operands[1], indices != TensorType(.i64, pooled) {
      throw TypeError("the indices of 'PoolGradient' are \(indices), expected \(TensorType(.i64, pooled))", operand: 1)
    }
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let y = operands[0] else { throw TypeError("'PoolGradient' needs an operand") }
    let indices = operands.count > 1 ? operands[1] : nil
    let type = try inferTypes([y.type, indices?.type])[0]
    var result = Reference(zeros: y.dtype, type.shape.compactMap(\.value))
    let window = try geometry(type).window
    try forEachWindow(of: result) { place, members, o in
      var count = 1
      if divisor == "inside" { count = max(members.count, 1) }
      if divisor == "padded" {
        count = window.indices.reduce(1) { $0 * window[$1].count(of: o[$1], includingPadding: true) }
      }
      for member in members where indices == nil || indices?.integers[place] == Int64(member) {
        result.reals[member] += y.reals[place] / Double(count)
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let type = types.results[0]
    guard let (format, window) = try? geometry(type) else { return .leaf }
    let hasIndices = types.operands.count > 1 && types.operands[1] != nil
    let divisor = divisor
    return .reduction(
      ReductionLowering(
        extents: window.map { Dim($0.kernel) }, kind: .combine(.sum), accumulator: type.dtype.computeType,
        element: { context, index, reduced in
          var source = index
          var isWindow = Expr.bool(true)
          var count: Expr?
          for (axis, place) in format.spatial(rank: index.count).enumerated() {
            let shape = window[axis]
            let start = index[place] + context.size(shape.before) - reduced[axis] * .int(shape.dilation)
            let o = Expr.floorDiv(start, .int(shape.stride))
            source[place] = o
            isWindow = isWindow && .binary(.eq, .mod(start, .int(shape.stride)), .int(0))
            isWindow = isWindow && .binary(.ge, o, .int(0)) && .less(o, context.size(shape.output))
            if divisor != "none" {
              let n = shape.count(of: o, includingPadding: divisor == "padded", context.size) ?? .int(shape.kernel)
              count = count.map { $0 * n } ?? n
            }
          }
          let value = context.operand(0, at: source, where: isWindow)
          let zero = Expr.constant(0, type.dtype.computeType)
          if hasIndices {
            let flat = index.indices.reduce(Expr.int(0)) { $0 * context.size(type.shape[$1]) + index[$1] }
            let isNamed = Expr.binary(.eq, context.operand(1, at: source, where: isWindow), flat)
            return .select(isWindow && isNamed, value, zero)
          }
          let share = count.map { value / Expr.max($0, .int(1)).cast(to: type.dtype.computeType) } ?? value
          return .select(isWindow, share, zero)
        }))
  }

  /// What it spreads it collects: linear, so the gradient is the pooling sum itself.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    throw TypeError("'PoolGradient' has no gradient")
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let forward = AveragePool.sample(&random)
    guard let pool = forward.operation as? AveragePool, let x = forward.operands[0],
      let shape = try? pool.pooledShape(x)
    else { return forward }
    var operation = PoolGradient(pool, of: x.shape)
    operation.divisor = random.pick(["none", "inside", "padded"])
    return Sample(operation, [TensorType(x.dtype, shape)])
  }
}
