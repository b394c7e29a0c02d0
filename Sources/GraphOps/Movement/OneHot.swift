// SPDX-License-Identifier: Apache-2.0
// Indices as vectors with one element set.

import GraphIR
import KernelIR
import TensorCore

package struct OneHot: Operation {
  package static let name = "OneHot"
  package static let summary =
    "A new axis that is `on` at the index and `off` elsewhere; negative indices count from the end, outside sets none."
  package static let operands = [Slot("indices")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("depth", \.depth, "the size of the new axis"),
      Attribute("axis", \.axis, "where it is in the result, negative from its end"),
      Attribute("values", \.values, "off and on"),
      Attribute("dtype", \.dtype, "the element type"),
    ]
  }
  package var depth: Dim = 1
  package var axis = -1
  package var values = [0.0, 1.0]
  package var dtype = DType.f32
  package init() {}
  package init(depth: Dim, axis: Int = -1, dtype: DType = .f32) {
    self.depth = depth
    self.axis = axis
    self.dtype = dtype
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let indices = operands[0] else { throw TypeError("'OneHot' needs an operand") }
    guard DType.integers.contains(indices.dtype) else {
      throw TypeError("the indices of 'OneHot' must be integers, found \(indices.dtype)", operand: 0)
    }
    guard DType.everything.contains(dtype) else { throw TypeError("'OneHot' does not make \(dtype)") }
    guard values.count == 2 else {
      throw TypeError("'values' of 'OneHot' has \(values.count) entries", note: "it needs two: off and on")
    }
    let place = try normalized(axis, rank: indices.rank + 1, for: Self.name)
    var shape = indices.shape
    shape.insert(depth, at: place)
    return [TensorType(dtype, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let indices = operands[0] else { throw TypeError("'OneHot' needs an operand") }
    let shape = try staticSizes(inferTypes([indices.type])[0].shape, for: Self.name)
    let place = try normalized(axis, rank: shape.count, for: Self.name)
    let strides = indices.strides
    var result = Reference(zeros: dtype, shape)
    let integers = values.map { dtype.integer(saturating: $0) }
    forEachIndex(shape) { position, index in
      var outer = index
      outer.remove(at: place)
      let wanted = indices.integers[zip(outer, strides).reduce(0) { $0 + $1.0 * $1.1 }]
      let isNegative = indices.dtype.isSigned && wanted < 0
      let isOn = (isNegative ? wanted + Int64(shape[place]) : wanted) == Int64(index[place])
      if dtype.isFloat {
        result.reals[position] = values[isOn ? 1 : 0]
      } else {
        result.integers[position] = integers[isOn ? 1 : 0]
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let indices = types.operands[0], let place = try? normalized(axis, rank: indices.rank + 1, for: Self.name)
    else {
      return .leaf
    }
    let numbers = values.map {
      dtype.isFloat ? Expr.constant($0, dtype) : .integer(dtype.integer(saturating: $0), dtype)
    }
    return .pointwise { context, index in
      var outer = index
      outer.remove(at: place)
      let wanted = context.operand(0, at: outer).cast(to: .i64)
      // u64 beyond i64 looks negative but counts from no end.
      let counted =
        indices.dtype.isSigned
        ? Expr.select(.less(wanted, .int(0)), wanted + context.size(depth), wanted) : wanted
      return [.select(.binary(.eq, counted, index[place]), numbers[1], numbers[0])]
    }
  }

  /// Indices are integers.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(maxRank: 2)
    let depth = random.int(1...7)
    var operation = OneHot(
      depth: Dim(depth), axis: random.int(-shape.count - 1...shape.count),
      dtype: random.dtype([.f32, .f64, .i32, .bool]))
    if random.bool() { operation.values = [1, 0] }
    return Sample(
      operation, [TensorType(random.dtype([.i32, .i64]), shape.map { Dim($0) })],
      ranges: [0: Double(-depth - 2)...Double(depth + 2)])
  }
}
