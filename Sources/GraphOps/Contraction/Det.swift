// SPDX-License-Identifier: Apache-2.0
// Determinants.

import GraphIR
import KernelIR
import TensorCore

package struct Det: Operation {
  package static let name = "Det"
  package static let summary = "The determinant of each square matrix of the last two axes."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'Det' needs an operand") }
    _ = try matrixSide(x, for: Self.name)
    return [TensorType(x.dtype, Array(x.shape.dropLast(2)))]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'Det' needs an operand") }
    let shape = try staticSizes(inferTypes([x.type])[0].shape, for: Self.name)
    let side = try matrixSide(x.type, for: Self.name)
    return [
      Reference(
        x.dtype, shape,
        reals: (0..<shape.reduce(1, *)).map { number in
          var matrix = (0..<side).map { row in
            (0..<side).map { x.reals[(number * side + row) * side + $0] }
          }
          return rowReduced(&matrix)
        })
    ]
  }

  /// A tile is one matrix.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let side = try? matrixSide(x, for: Self.name) else { return .leaf }
    let dtype = x.dtype.computeType
    return .loops { context in
      context.tileCount = types.results[0].elementCount
      let matrix = Elimination(
        buffer: context.scratch("matrix", dtype, count: max(1, side * side)), dtype: dtype, rows: side, columns: side,
        isComplete: false)
      let tile = Expr.axis(context.tileAxis)
      let (copy, determinant) = (context.axis("i"), context.local("determinant", dtype))
      let value = context.load(0, at: tile * .int(side * side) + .axis(copy))
      let fill = Statement.store(buffer: matrix.buffer, offset: .axis(copy), value: value, guard: nil)
      return [
        .loop(Loop(copy, .int(side * side), .serial, [fill])), .variable(determinant, .constant(1, dtype)),
      ] + matrix.statements(&context, determinant: determinant) + [context.store(0, at: tile, .local(determinant))]
    }
  }

  /// dX = g · det(X) · (X⁻¹)ᵀ
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let inverse = try context.swapLastAxes(try context.emit(Inverse(), x))
    let factor = try context.mul(seed, context.results[0])
    let shape = context.type(factor).shape + [1, 1]
    return [try context.mul(inverse, try context.emit(Reshape(exactly: shape), factor))]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let side = random.int(1...4)
    return Sample(
      Det(), [TensorType(random.dtype([.f32, .f64]), (random.shape(maxRank: 2) + [side, side]).map { Dim($0) })])
  }
}
