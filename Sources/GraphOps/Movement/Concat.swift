// SPDX-License-Identifier: Apache-2.0
// Tensors joined along an axis.

import GraphIR
import KernelIR
import TensorCore

package struct Concat: Operation {
  package static let name = "Concat"
  package static let summary = "The operands one after the other along an axis."
  package static let operands = [Slot("inputs"), Slot("inputs", .variadic)]
  package static let results = [Slot("concat_result")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("axis", \.axis, "the axis to join, negative from the end")]
  }
  package var axis = 0
  package init() {}
  package init(axis: Int) { self.axis = axis }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let types = operands.compactMap { $0 }
    guard let first = types.first else { throw TypeError("'Concat' needs an operand") }
    let place = try normalized(axis, rank: first.rank, for: Self.name)
    var shape = first.shape
    for (number, type) in types.enumerated().dropFirst() {
      guard type.dtype == first.dtype else {
        throw TypeError(
          "'Concat' needs operands of one element type, found \(first.dtype) and \(type.dtype)", operand: number,
          note: "convert one with Cast")
      }
      guard type.rank == first.rank else {
        throw TypeError("'Concat' needs operands of one rank, found \(first) and \(type)", operand: number)
      }
      for other in shape.indices where other != place && type.shape[other] != shape[other] {
        throw TypeError(
          "\(first) and \(type) differ in axis \(other) (\(shape[other]) and \(type.shape[other])): "
            + "'Concat' joins axis \(place)", operand: number)
      }
      shape[place] = shape[place] + type.shape[place]
    }
    return [TensorType(first.dtype, shape)]
  }

  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? {
    guard let place = try? normalized(axis, rank: order.count, for: Self.name) else { return nil }
    return MovedAxes(Concat(axis: order[place]), .all, order: order)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let values = operands.compactMap { $0 }
    let type = try inferTypes(values.map(\.type))[0]
    let shape = type.shape.compactMap(\.value)
    let place = try normalized(axis, rank: shape.count, for: Self.name)
    let outer = shape.prefix(place).reduce(1, *)
    var result = Reference(type.dtype, shape, reals: [])
    for row in 0..<outer {
      for value in values {
        let run = value.shape.dropFirst(place).reduce(1, *)
        if type.dtype.isFloat {
          result.reals += value.reals[row * run..<(row + 1) * run]
        } else {
          result.integers += value.integers[row * run..<(row + 1) * run]
        }
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let shapes = types.operands.compactMap { $0?.shape }
    guard let rank = shapes.first?.count, let place = try? normalized(axis, rank: rank, for: Self.name) else {
      return .leaf
    }
    // starts[k] is where operand k begins along the axis.
    let starts = shapes.reduce(into: [Dim(0)]) { $0.append($0[$0.count - 1] + $1[place]) }
    return .pointwise { context, index in
      var result: Expr?
      for number in shapes.indices.reversed() {
        let start = context.size(starts[number])
        var local = index
        local[place] = index[place] - start
        let isBefore = Expr.less(index[place], context.size(starts[number + 1]))
        // The first and the last operand need one side of the guard only.
        let isAfter = number == 0 ? Expr.bool(true) : Expr.binary(.ge, index[place], start)
        guard let rest = result else {
          result = context.operand(number, at: local, where: isAfter)
          continue
        }
        result = .select(isBefore, context.operand(number, at: local, where: isAfter && isBefore), rest)
      }
      return [result ?? .int(0)]
    }
  }

  package func assembly(_ types: NodeTypes) -> Assembly? {
    guard let result = types.results.first, let place = try? normalized(axis, rank: result.rank, for: Self.name) else {
      return nil
    }
    var start = result.shape.map { _ in Dim(0) }
    var parts: [Assembly.Part] = []
    for (number, type) in types.operands.enumerated() {
      guard let type else { continue }
      parts.append(Assembly.Part(operand: number, start: start))
      start[place] = start[place] + type.shape[place]
    }
    return Assembly(parts)
  }

  /// Each operand gets its part of the seed.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return context.operands.map { _ in nil } }
    let place = try normalized(axis, rank: context.type(seed).rank, for: Self.name)
    var start: Dim = 0
    var gradients: [ValueID?] = []
    for operand in context.operands {
      guard let operand else { continue }
      let end = start + context.type(operand).shape[place]
      gradients.append(try context.emit(Slice(axis: place, from: start, to: end), seed))
      start = end
    }
    return gradients
  }

  package static var rules: [Rule] {
    [
      // One operand is the whole.
      Rule("concat-of-one", on: Concat.self) { _, context throws(TypeError) in
        guard context.operands.count == 1, let x = context.operands[0] else { return nil }
        return [x]
      },
      // Empty operands add nothing.
      Rule("concat-empty", on: Concat.self) { concat, context throws(TypeError) in
        guard let rank = context.type(0)?.rank else { return nil }
        let place = try normalized(concat.axis, rank: rank, for: name)
        let kept = context.operands.indices.filter { context.type($0)?.shape[place] != 0 }
        guard !kept.isEmpty, kept.count < context.operands.count else { return nil }
        return try context.builder.emitAll(concat, kept.map { context.operands[$0] })
      },
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    let axis = random.int(0...shape.count - 1)
    let dtype = random.dtype([.f32, .f16, .i32, .bool])
    let types = (0..<random.int(1...4)).map { _ in
      TensorType(dtype, shape.indices.map { Dim($0 == axis ? random.int(1...5) : shape[$0]) })
    }
    return Sample(Concat(axis: random.bool() ? axis : axis - shape.count), types)
  }
}
