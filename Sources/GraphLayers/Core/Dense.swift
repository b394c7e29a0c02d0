// SPDX-License-Identifier: Apache-2.0
// A fully connected layer over the last axis.

import GraphIR
import GraphOps
import TensorCore

package struct Dense: Layer {
  package static let name = "Dense"
  package static let summary = "activation(inputs · kernel + bias) over the last axis."
  package static let required = ["units"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("units", \.units, "the number of outputs"),
      Attribute("activation", \.activation, "the activation's name"),
      Attribute("use_bias", \.useBias, "whether a bias is added"),
      Attribute("kernel_initializer", \.kernelInitializer, "how the kernel starts"),
      Attribute("bias_initializer", \.biasInitializer, "how the bias starts"),
    ]
  }
  package var units = 0
  package var activation: String?
  package var useBias = true
  package var kernelInitializer = "glorot_uniform"
  package var biasInitializer = "zeros"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    guard let x = inputs[0] else { throw TypeError("'Dense' needs an input") }
    guard units > 0 else { throw TypeError("'units' of 'Dense' must be at least 1, found \(units)") }
    let kernel = try context.parameter(
      "kernel", [try context.features(x, of: Self.name), Dim(units)], initializer: kernelInitializer)
    var y = try context.emit(MatMul(), x, kernel)
    if useBias {
      let bias = try context.parameter("bias", [Dim(units)], initializer: biasInitializer)
      y = try context.emit(Add(), y, bias)
    }
    return [LayerOutput("output", try context.activate(activation, y))]
  }
}
