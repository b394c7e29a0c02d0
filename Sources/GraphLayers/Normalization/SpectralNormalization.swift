// SPDX-License-Identifier: Apache-2.0
// A layer whose kernel training divides by its largest singular value.

import GraphIR
import GraphOps
import TensorCore

package struct SpectralNormalization: WrapperLayer {
  package static let name = "SpectralNormalization"
  package static let summary =
    "A layer with a kernel, such as SpectralNormalization(Dense(8)); training keeps its spectral norm at 1."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("layer", \.text, "the layer"),
      Attribute("power_iterations", \.iterations, "steps of the estimate of the norm in each step of training"),
    ]
  }
  package var text = ""
  package var iterations = 1
  package var layers: [String: any Layer] = [:]
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    try atLeastOne(iterations, "power_iterations", of: Self.name)
    let x = try operand(inputs)
    let start = context.builder.graph.nodes.count
    let y = try buildInner(&context, x)
    let names = ["\(context.path)/kernel", "\(context.path)/embeddings"]
    let kernel = context.builder.graph.nodes[start...].lazy.compactMap { $0.operation as? Parameter }
      .first { names.contains($0.name) }
    guard let kernel, let columns = kernel.shape.last else {
      throw TypeError(
        "the layer in 'SpectralNormalization' has no kernel and no embeddings: '\(type(of: try inner()).name)'")
    }
    // The estimate's vector: training reads and changes it.
    _ = try context.parameter(
      "vector_u", [1, Dim(columns)], WeightOptions("truncated_normal(stddev = 0.02)"), dtype: kernel.dtype,
      trainable: false)
    return result(y)
  }
}
