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
    ] + weight("kernel", \.kernel) + weight("bias", \.bias)
  }
  package static let keepsMask = true
  package var units = 0
  package var activation: String?
  package var useBias = true
  package var kernel = WeightOptions("glorot_uniform")
  package var bias = WeightOptions("zeros")
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    try atLeastOne(units, "units", of: Self.name)
    let dtype = context.type(x).dtype
    let kernel = try context.parameter(
      "kernel", [try context.features(x, of: Self.name), Dim(units)], kernel, dtype: dtype)
    var y = try context.emit(MatMul(), x, kernel)
    if useBias { y = try context.emit(Add(), y, try context.parameter("bias", [Dim(units)], bias, dtype: dtype)) }
    return result(try context.activate(activation, y))
  }
}
