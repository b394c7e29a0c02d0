// SPDX-License-Identifier: Apache-2.0
// The window of a convolution or pooling layer in Keras' terms, checked against its input.

import GraphIR
import GraphOps
import TensorCore

/// Operators that move a window over spatial axes.
package protocol WindowAttributes {
  var kernelShape: [Int] { get set }
  var strides: [Int] { get set }
  var dilations: [Int] { get set }
  var autoPad: String { get set }
}

extension Conv: WindowAttributes {}
extension MaxPool: WindowAttributes {}
extension AveragePool: WindowAttributes {}

struct SpatialWindow {
  let layout: SpatialLayout
  let size: [Int]
  let strides: [Int]
  let dilations: [Int]
  let padding: String

  /// - Parameter argument: the name of the argument that gives the sizes.
  init(
    _ layout: SpatialLayout, size: [Int], _ argument: String, strides: [Int], dilations: [Int] = [1], padding: String,
    allowsCausal: Bool = false
  ) throws(TypeError) {
    let allowed = ["valid", "same"] + (allowsCausal && layout.rank == 1 ? ["causal"] : [])
    guard allowed.contains(padding) else {
      let names = allowed.map { "'\($0)'" }
      throw TypeError(
        "'padding' of '\(layout.layer)' must be \(names.dropLast().joined(separator: ", ")) or \(names[names.count - 1]), "
          + "found '\(padding)'")
    }
    self.layout = layout
    self.size = try layout.perAxis(size, argument)
    self.strides = try layout.perAxis(strides, "strides")
    self.dilations = try layout.perAxis(dilations, "dilation_rate")
    self.padding = padding
  }

  /// Sets a window's attributes.
  func apply(to operation: inout some WindowAttributes) {
    operation.kernelShape = size
    operation.strides = strides
    operation.dilations = dilations
    operation.autoPad = padding == "same" ? "SAME_UPPER" : "VALID"
  }

  /// A channels-last input with causal padding in front: an operator of its own, as ONNX has no name for it.
  func padded(_ x: ValueID, _ context: inout LayerContext) throws(TypeError) -> ValueID {
    guard padding == "causal" else { return x }
    var pads = [Dim](repeating: 0, count: 6)
    pads[1] = Dim(dilations[0]) * Dim(size[0] - 1)
    return try context.emit(Pad(pads: pads), x)
  }
}
