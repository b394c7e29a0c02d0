// SPDX-License-Identifier: Apache-2.0
// Zeros after the elements of an axis, up to a size that is known before a run.

import GraphIR
import KernelIR
import TensorCore

/// The opposite of Prefix: room for as many elements as there can be. Not an operator of ONNX.
package struct Extend: Operation {
  package static let name = "Extend"
  package static let summary = "The elements along an axis, and zeros after them up to `size`."
  package static let operands = [Slot("data")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis, negative from the end"),
      Attribute("size", \.size, "how many elements there are then, at least as many as before"),
    ]
  }
  package var axis = 0
  package var size: Dim = 0
  package init() {}
  package init(axis: Int, _ size: Dim) {
    self.axis = axis
    self.size = size
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard var type = operands[0] else { throw TypeError("'Extend' needs an operand") }
    let place = try normalized(axis, rank: type.rank, for: Self.name)
    guard !Dim.isKnown(size + 1, atMost: type.shape[place]) else {
      throw TypeError("'Extend' makes \(size) of \(type.shape[place]) elements", operand: 0)
    }
    type.shape[place] = size
    return [type]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let data = operands[0] else { throw TypeError("'Extend' needs an operand") }
    let shape = try staticSizes(inferTypes([data.type])[0].shape, for: Self.name)
    let place = try normalized(axis, rank: shape.count, for: Self.name)
    let (count, strides) = (data.shape[place], data.strides)
    return [
      data.gathering(shape, fill: 0) { index in
        index[place] < count ? zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 } : nil
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0], let place = try? normalized(axis, rank: type.rank, for: Self.name) else {
      return .leaf
    }
    let zero = Expr.constant(0, type.dtype.computeType)
    return .pointwise { context, index in
      let isInside = Expr.less(index[place], context.size(type.shape[place]))
      return [.select(isInside, context.operand(0, at: index, where: isInside), zero)]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let shape = context.type(x).shape
    return [try context.emit(Prefix(axis: axis, shape[try normalized(axis, rank: shape.count, for: Self.name)]), seed)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    let axis = random.int(0...shape.count - 1)
    return Sample(
      Extend(axis: axis, Dim(shape[axis] + random.int(0...3))),
      [TensorType(random.dtype([.f32, .f64, .i32, .bool]), shape.map { Dim($0) })])
  }
}
