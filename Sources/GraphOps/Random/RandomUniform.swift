// SPDX-License-Identifier: Apache-2.0
// Random tensors: uniform.

import GraphIR
import KernelIR
import TensorCore

/// The same seed gives the same numbers, interpreted and compiled.
package struct RandomUniform: RandomOperation {
  package static let name = "RandomUniform"
  package static let summary = "Numbers of low ..< high, all alike."
  package static let operands: [Slot] = []
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("shape", \.shape, "the sizes"),
      Attribute("low", \.low, "the smallest number"),
      Attribute("high", \.high, "what all numbers are below"),
      Attribute("dtype", \.dtype, "the element type, a float"),
      Attribute("seed", \.seed, "where the numbers start; without one the place in the graph decides"),
    ]
  }
  package var shape: [Dim] = []
  package var low = 0.0
  package var high = 1.0
  package var dtype = DType.f32
  package var seed: Double?
  package init() {}
  package init(_ shape: [Dim], _ dtype: DType, low: Double = 0, high: Double = 1, seed: Double?) {
    self.shape = shape
    self.dtype = dtype
    self.low = low
    self.high = high
    self.seed = seed
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard dtype.isFloat else { throw TypeError("'RandomUniform' does not make \(dtype)") }
    return [TensorType(dtype, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let sizes = try staticSizes(shape, for: Self.name)
    let generator = Philox(seed: seed)
    let numbers = (0..<sizes.reduce(1, *)).map { low + (high - low) * generator.uniform($0, dtype) }
    return [Reference(dtype, sizes, reals: numbers)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let generator = Philox(seed: seed)
    let wide = dtype.computeType
    return .pointwise { context, index in
      let position = flatPosition(index, shape, context.size)
      return [Expr.constant(low, wide) + (high - low) * generator.uniform(position, dtype)]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape().map { Dim($0) }
    return Sample(RandomUniform(shape, random.dtype([.f32, .f64, .f16]), low: -1, high: 2, seed: 7), [])
  }
}
