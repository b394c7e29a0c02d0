// SPDX-License-Identifier: Apache-2.0
// Random tensors: normal.

import GraphIR
import KernelIR
import TensorCore

/// The same seed gives the same numbers, interpreted and compiled.
package struct RandomNormal: RandomOperation {
  package static let name = "RandomNormal"
  package static let summary = "Numbers of the normal distribution."
  package static let operands: [Slot] = []
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("shape", \.shape, "the sizes"),
      Attribute("mean", \.mean, "their mean"),
      Attribute("scale", \.scale, "their standard deviation"),
      Attribute("dtype", \.dtype, "the element type, a float"),
      Attribute("seed", \.seed, "where the numbers start; without one the place in the graph decides"),
    ]
  }
  package var shape: [Dim] = []
  package var mean = 0.0
  package var scale = 1.0
  package var dtype = DType.f32
  package var seed: Double?
  package init() {}
  package init(_ shape: [Dim], _ dtype: DType, mean: Double = 0, scale: Double = 1, seed: Double?) {
    self.shape = shape
    self.dtype = dtype
    self.mean = mean
    self.scale = scale
    self.seed = seed
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard dtype.isFloat else { throw TypeError("'RandomNormal' does not make \(dtype)") }
    return [TensorType(dtype, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let sizes = try staticSizes(shape, for: Self.name)
    let generator = Philox(seed: seed)
    return [Reference(dtype, sizes, reals: (0..<sizes.reduce(1, *)).map { mean + scale * generator.normal($0) })]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let generator = Philox(seed: seed)
    let wide = dtype.computeType
    return .pointwise { context, index in
      let position = flatPosition(index, shape, context.size)
      return [(mean + scale * generator.normal(position)).cast(to: wide)]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape().map { Dim($0) }
    return Sample(RandomNormal(shape, random.dtype([.f32, .f64, .f16]), mean: -1, scale: 2, seed: 7), [])
  }
}
