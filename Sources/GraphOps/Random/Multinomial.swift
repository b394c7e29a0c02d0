// SPDX-License-Identifier: Apache-2.0
// Random classes.

import GraphIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct Multinomial: RandomOperation {
  package static let name = "Multinomial"
  package static let summary = "Classes drawn with the probabilities softmax(input) for each row of log-probabilities."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("sample_size", \.count, "classes drawn for each row"),
      Attribute("dtype", \.dtype, "i32 or i64"),
      Attribute("seed", \.seed, "where the numbers start; without one the place in the graph decides"),
    ]
  }
  package var count = 1
  package var dtype = DType.i32
  package var seed: Double?
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], x.dtype.isFloat, x.rank == 2, x.shape[1] != 0 else {
      throw TypeError("'Multinomial' takes rows of log-probabilities", operand: 0)
    }
    guard count > 0, dtype == .i32 || dtype == .i64 else {
      throw TypeError("'Multinomial' cannot draw \(count) classes of \(dtype)")
    }
    return [TensorType(dtype, [x.shape[0], Dim(count)])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'Multinomial' needs an operand") }
    _ = try inferTypes([x.type])
    let classes = x.shape[1]
    let generator = Philox(seed: seed)
    var result = Reference(zeros: dtype, [x.shape[0], count])
    for position in result.integers.indices {
      let row = x.reals[position / count * classes..<(position / count + 1) * classes]
      let largest = row.max() ?? 0
      let sum = row.reduce(0) { $0 + exp($1 - largest) }
      let target = generator.uniform(position, .f64)
      var (total, picked) = (0.0, 0)
      for value in row {
        total += exp(value - largest) / sum
        if total <= target { picked += 1 }
      }
      result.integers[position] = Int64(min(picked, classes - 1))
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      guard let input = operands[0] else { throw TypeError("'Multinomial' needs an operand") }
      let probabilities = try builder.emit(Softmax(axis: 1), try builder.narrowed(input, to: .f64))
      let sums = try builder.emit(CumSum(axis: 1), probabilities)
      let targets = try builder.emit(RandomUniform([x.shape[0], Dim(count)], .f64, seed: seed))
      let isBelow = try builder.emit(
        LessOrEqual(), try builder.reshaped(sums, [x.shape[0], 1, x.shape[1]]),
        try builder.reshaped(targets, [x.shape[0], Dim(count), 1]))
      let picked = try builder.emit(
        ReduceSum(axes: [2], keepDims: false), try builder.emit(Cast(to: dtype), isBelow))
      let last = try builder.plus(try builder.size(x.shape[1], dtype), -1)
      return [try builder.emit(Min(), picked, last)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Multinomial()
    operation.count = random.int(1...5)
    operation.dtype = random.dtype([.i32, .i64])
    operation.seed = 11
    return Sample(
      operation, [TensorType(random.dtype([.f32, .f64]), [Dim(random.int(1...3)), Dim(random.int(1...6))])])
  }
}
