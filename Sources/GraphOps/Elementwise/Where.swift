// SPDX-License-Identifier: Apache-2.0
// One of two operands, chosen element by element.

import GraphIR
import KernelIR
import TensorCore

package struct Where: Operation {
  package static let name = "Where"
  package static let summary = "X where the condition is true, else Y, with broadcasting."
  package static let operands = [Slot("condition"), Slot("X"), Slot("Y")]
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let condition = operands[0], let x = operands[1], let y = operands[2] else {
      throw TypeError("'Where' needs three operands")
    }
    guard condition.dtype == .bool else {
      throw TypeError(
        "the condition of 'Where' must be bool, found \(condition.dtype)", operand: 0, note: "compare it with 0")
    }
    guard x.dtype == y.dtype else {
      throw TypeError("'Where' needs X and Y of one element type, found \(x.dtype) and \(y.dtype)", operand: 2)
    }
    return [TensorType(x.dtype, try broadcast([condition, x, y], for: Self.name))]
  }

  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? { MovedAxes(self, .all, order: order) }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let condition = operands[0], let x = operands[1], let y = operands[2] else {
      throw TypeError("'Where' needs three operands")
    }
    let type = try inferTypes([condition.type, x.type, y.type])[0]
    let shape = type.shape.compactMap(\.value)
    let strides = [condition, x, y].map { broadcastStrides($0.shape, to: shape) }
    var result = Reference(zeros: type.dtype, shape)
    forEachIndex(shape) { position, index in
      func offset(_ operand: Int) -> Int { zip(index, strides[operand]).reduce(0) { $0 + $1.0 * $1.1 } }
      let isX = condition.integers[offset(0)] != 0
      if type.dtype.isFloat {
        result.reals[position] = isX ? x.reals[offset(1)] : y.reals[offset(2)]
      } else {
        result.integers[position] = isX ? x.integers[offset(1)] : y.integers[offset(2)]
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .pointwise { context, index in
      [.select(context.broadcast(0, at: index), context.broadcast(1, at: index), context.broadcast(2, at: index))]
    }
  }

  /// The seed goes where the element came from.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let condition = context.operands[0], let x = context.operands[1],
      let y = context.operands[2]
    else { return [nil, nil, nil] }
    let toX = try context.masked(seed, where: condition)
    let toY = try context.emit(Where(), condition, try context.scalar(0, like: seed), seed)
    return [nil, try context.unbroadcast(toX, to: x), try context.unbroadcast(toY, to: y)]
  }

  package static var rules: [Rule] {
    [
      // A constant condition has chosen already; broadcasting stays.
      Rule("where-constant", on: Where.self) { operation, context throws(TypeError) in
        guard let choice = context.splat(0) else { return nil }
        let result = try operation.inferTypes([context.type(0), context.type(1), context.type(2)])[0]
        return [try context.builder.emit(Expand(shape: result.shape), context.operands[choice != 0 ? 1 : 2])]
      },
      // Both sides are the same.
      Rule("where-same", on: Where.self) { operation, context throws(TypeError) in
        guard let x = context.operands[1], context.operands[2] == x else { return nil }
        let result = try operation.inferTypes([context.type(0), context.type(1), context.type(2)])[0]
        return [try context.builder.emit(Expand(shape: result.shape), x)]
      },
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape()
    let dtype = random.dtype([.f32, .f64, .f16, .i32, .u64, .bool])
    var shapes = [shape, random.broadcastable(to: shape), random.broadcastable(to: shape)]
    shapes.shuffle(using: &random)
    return Sample(
      Where(), zip([.bool, dtype, dtype], shapes).map { TensorType($0, $1.map { Dim($0) }) })
  }
}
