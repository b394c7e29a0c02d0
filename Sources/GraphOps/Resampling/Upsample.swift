// SPDX-License-Identifier: Apache-2.0
// Resizing as ONNX had it before Resize.

import GraphIR
import TensorCore

package struct Upsample: Operation {
  package static let name = "Upsample"
  package static let summary = "Resize with coordinates y / scale, rounded down with 'nearest'."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("scales", \.scales, "output size over input size for each axis"),
      Attribute("mode", \.mode, "'nearest' or 'linear'"),
    ]
  }
  package var scales: [Double] = []
  package var mode = "nearest"
  package init() {}

  private func resize() throws(TypeError) -> Resize {
    guard mode == "nearest" || mode == "linear" else {
      throw TypeError("'mode' of 'Upsample' is '\(mode)'", note: "it is 'nearest' or 'linear'")
    }
    var resize = Resize()
    resize.scales = scales
    resize.mode = mode
    resize.coordinates = "asymmetric"
    resize.nearestMode = "floor"
    return resize
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    try resize().inferTypes(operands)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] { try resize().evaluate(operands) }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in [try builder.emit(try resize(), operands[0])] }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var upsample = Upsample()
    upsample.mode = random.pick(["nearest", "linear"])
    let shape = random.shape(minRank: 2, maxRank: 3)
    upsample.scales = shape.indices.map { $0 == 0 ? 1 : random.pick([1, 2, 3]) }
    return Sample(upsample, [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }
}
