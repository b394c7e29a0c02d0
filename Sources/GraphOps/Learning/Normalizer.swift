// SPDX-License-Identifier: Apache-2.0
// Rows divided by their norm.

import GraphIR
import TensorCore

package struct Normalizer: Operation {
  package static let name = "Normalizer"
  package static let summary =
    "Each row divided by its largest magnitude, the sum of magnitudes or its length; zeros stay."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] { [Attribute("norm", \.norm, "'MAX', 'L1' or 'L2'")] }
  package var norm = "MAX"
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard ["MAX", "L1", "L2"].contains(norm) else {
      throw TypeError("'norm' of 'Normalizer' is '\(norm)'", note: "it is 'MAX', 'L1' or 'L2'")
    }
    guard let x = operands[0], DType.numbers.contains(x.dtype), x.rank == 1 || x.rank == 2 else {
      throw TypeError("'Normalizer' takes rows of numbers", operand: 0)
    }
    if norm == "MAX" && x.shape[x.rank - 1] == 0 { throw TypeError("the rows of \(x) are empty", operand: 0) }
    return [TensorType(.f32, x.shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'Normalizer' needs an operand") }
    _ = try inferTypes([x.type])
    var result = Reference(.f32, x.shape, reals: (0..<x.count).map { x.double($0) })
    let width = x.shape[x.shape.count - 1]
    for start in stride(from: 0, to: x.count, by: max(1, width)) {
      let row = result.reals[start..<start + width]
      let size: Double =
        switch norm {
        case "MAX": row.reduce(0) { maximum($0, abs($1)) }
        case "L1": row.reduce(0) { $0 + abs($1) }
        default: row.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
      if size != 0 { for place in row.indices { result.reals[place] /= size } }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      guard let input = operands[0] else { throw TypeError("'Normalizer' needs an operand") }
      let value = try builder.narrowed(input, to: x.dtype.isFloat && x.dtype != .f64 ? .f32 : .f64)
      let size: ValueID
      switch norm {
      case "MAX": size = try builder.emit(ReduceMax(axes: [x.rank - 1]), try builder.emit(Abs(), value))
      case "L1": size = try builder.emit(ReduceSum(axes: [x.rank - 1]), try builder.emit(Abs(), value))
      default:
        let sum = try builder.emit(ReduceSum(axes: [x.rank - 1]), try builder.mul(value, value))
        size = try builder.emit(Sqrt(), sum)
      }
      let isZero = try builder.emit(Equal(), size, try builder.scalar(0, like: size))
      let divisor = try builder.emit(Where(), isZero, try builder.scalar(1, like: size), size)
      return [try builder.narrowed(try builder.div(value, divisor), to: .f32)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Normalizer()
    operation.norm = random.pick(["MAX", "L1", "L2"])
    let shape = random.shape(minRank: 1, maxRank: 2)
    return Sample(operation, [TensorType(random.dtype([.f32, .f64, .i32]), shape.map { Dim($0) })])
  }
}
