// SPDX-License-Identifier: Apache-2.0
// The first elements of an axis, as many as a run-time size says.

import GraphIR
import KernelIR
import TensorCore

/// A Slice from 0 whose end is known not to be beyond the axis, by the bound of a run-time size. Not an operator of ONNX.
package struct Prefix: Operation {
  package static let name = "Prefix"
  package static let summary = "The first `size` elements along an axis."
  package static let operands = [Slot("data")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis, negative from the end"),
      Attribute("size", \.size, "how many elements stay, at most as many as there are"),
    ]
  }
  package var axis = 0
  package var size: Dim = 0
  package init() {}
  package init(axis: Int = 0, _ size: Dim) {
    self.axis = axis
    self.size = size
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard var type = operands[0] else { throw TypeError("'Prefix' needs an operand") }
    let place = try normalized(axis, rank: type.rank, for: Self.name)
    guard !Dim.isKnown(type.shape[place] + 1, atMost: size) else {
      throw TypeError("'Prefix' takes \(size) of \(type.shape[place]) elements", operand: 0)
    }
    type.shape[place] = size
    return [type]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let data = operands[0] else { throw TypeError("'Prefix' needs an operand") }
    let strides = data.strides
    return [
      data.gathering(try staticSizes(inferTypes([data.type])[0].shape, for: Self.name)) { index in
        zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering { .pointwise { context, index in [context.operand(0, at: index)] } }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let shape = context.type(x).shape
    let place = try normalized(axis, rank: shape.count, for: Self.name)
    let indices = try context.emit(NumberRange(count: size, .i64))
    return [try context.emit(ScatterAdd(axis: place, size: shape[place]), indices, seed)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    let axis = random.int(0...shape.count - 1)
    return Sample(
      Prefix(axis: axis, Dim(random.int(1...shape[axis]))),
      [TensorType(random.dtype([.f32, .f64, .i32, .bool]), shape.map { Dim($0) })])
  }
}

extension GraphBuilder {
  /// Makes a scalar the size `count` and keeps so many of the first slices of tensors.
  mutating func prefixes(
    _ values: [ValueID], of count: ValueID, _ size: Dim, axis: Int = 0
  ) throws(TypeError) -> [ValueID] {
    _ = try emit(RuntimeSize(size), count)
    var kept: [ValueID] = []
    for value in values { kept.append(try emit(Prefix(axis: axis, size), value)) }
    return kept
  }
}
