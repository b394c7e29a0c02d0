// SPDX-License-Identifier: Apache-2.0
// A tensor repeated along its axes.

import GraphIR
import KernelIR
import TensorCore

package struct Tile: Operation {
  package static let name = "Tile"
  package static let summary = "The input repeated along each axis as often as `repeats` says."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("repeats", \.repeats, "for each axis how often")]
  }
  package var repeats: [Dim] = []
  package init() {}
  package init(repeats: [Dim]) { self.repeats = repeats }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Tile' needs an operand") }
    guard repeats.count == type.rank else {
      throw TypeError("'repeats' of 'Tile' has \(repeats.count) entries for \(type.rank) axes", operand: 0)
    }
    if let negative = repeats.first(where: { ($0.value ?? 0) < 0 }) {
      throw TypeError("'Tile' cannot repeat \(negative) times")
    }
    return [TensorType(type.dtype, zip(type.shape, repeats).map { $0 * $1 })]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'Tile' needs an operand") }
    let strides = input.strides
    return [
      input.gathering(try staticSizes(inferTypes([input.type])[0].shape, for: Self.name)) { index in
        index.indices.reduce(0) { $0 + index[$1] % input.shape[$1] * strides[$1] }
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let type = types.operands[0] else { return .leaf }
    return .pointwise { context, index in
      let source = index.indices.map { axis -> Expr in
        if repeats[axis] == 1 { return index[axis] }
        return type.shape[axis] == 1 ? .int(0) : .mod(index[axis], context.size(type.shape[axis]))
      }
      return [context.operand(0, at: source)]
    }
  }

  /// The sum over the copies.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let shape = context.type(x).shape
    let copies = try context.emit(Reshape(exactly: zip(repeats, shape).flatMap { [$0, $1] }), seed)
    return [try context.emit(ReduceSum(axes: shape.indices.map { 2 * $0 }, keepDims: false), copies)]
  }

  package static var rules: [Rule] {
    [
      // One copy is the input.
      Rule("tile-once", on: Tile.self) { tile, context throws(TypeError) in
        guard tile.repeats.allSatisfy({ $0 == 1 }), let x = context.operands[0] else { return nil }
        return [x]
      },
      // Copies of single elements are a broadcast.
      Rule("tile-as-expand", on: Tile.self) { tile, context throws(TypeError) in
        guard let type = context.type(0), zip(type.shape, tile.repeats).allSatisfy({ $0 == 1 || $1 == 1 }) else {
          return nil
        }
        let shape = try tile.inferTypes([type])[0].shape
        return [try context.builder.emit(Expand(shape: shape), context.operands[0])]
      },
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(maxRank: 3)
    return Sample(
      Tile(repeats: shape.map { _ in Dim(random.int(1...3)) }),
      [TensorType(random.dtype([.f32, .f64, .u8]), shape.map { Dim($0) })])
  }
}
