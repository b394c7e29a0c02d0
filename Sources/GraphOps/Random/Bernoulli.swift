// SPDX-License-Identifier: Apache-2.0
// Random ones and zeros.

import GraphIR
import TensorCore

package struct Bernoulli: RandomOperation {
  package static let name = "Bernoulli"
  package static let summary = "1 with the probability that the input gives, else 0."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("dtype", \.dtype, "the element type; without it the input's"),
      Attribute("seed", \.seed, "where the numbers start; without one the place in the graph decides"),
    ]
  }
  package var dtype: DType?
  package var seed: Double?
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let p = operands[0], p.dtype.isFloat else { throw TypeError("'Bernoulli' takes floats", operand: 0) }
    let result = dtype ?? p.dtype
    guard DType.everything.contains(result) else { throw TypeError("'Bernoulli' does not make \(result)") }
    return [TensorType(result, p.shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let p = operands[0] else { throw TypeError("'Bernoulli' needs an operand") }
    let type = try inferTypes([p.type])[0]
    let generator = Philox(seed: seed)
    let hits = p.reals.indices.map { generator.uniform($0, .f32) < p.reals[$0] }
    if type.dtype.isFloat { return [Reference(type.dtype, p.shape, reals: hits.map { $0 ? 1 : 0 })] }
    return [Reference(type.dtype, p.shape, integers: hits.map { $0 ? 1 : 0 })]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let p = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      let numbers = try builder.emit(RandomUniform(p.shape, .f32, seed: seed))
      let limit = try builder.widened(operands[0])
      let hits = try builder.emit(Less(), try builder.narrowed(numbers, to: builder.type(limit).dtype), limit)
      return [try builder.emit(Cast(to: types.results[0].dtype), hits)]
    }
  }

  /// A step has no derivative.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Bernoulli()
    operation.dtype = random.pick([nil, .bool, .i32, .f64])
    operation.seed = 5
    return Sample(
      operation, [TensorType(random.dtype([.f32, .f64]), random.shape().map { Dim($0) })], ranges: [0: 0...1])
  }
}
