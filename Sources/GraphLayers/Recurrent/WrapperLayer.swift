// SPDX-License-Identifier: Apache-2.0
// Layers around other layers.

import GraphIR
import TensorCore

/// A layer whose first arguments are layers: `TimeDistributed(Dense(8))`.
package protocol WrapperLayer: Layer {
  /// The arguments that are layers.
  static var layerArguments: [String] { get }
  /// The layers of those arguments, by name; those of a list by the name and their number.
  var layers: [String: any Layer] { get set }
}

extension WrapperLayer {
  package static var layerArguments: [String] { ["layer"] }
  package static var required: [String] { ["layer"] }

  /// The layer inside.
  func inner() throws(TypeError) -> any Layer {
    guard let layer = layers["layer"] else {
      throw TypeError("'\(Self.name)' needs a layer, such as \(Self.name)(Dense(8))")
    }
    return layer
  }

  /// Builds the layer inside on one value.
  func buildInner(_ context: inout LayerContext, _ x: ValueID) throws(TypeError) -> ValueID {
    let layer = try inner()
    let slots = type(of: layer).inputs
    let operands = [x] + [ValueID?](repeating: nil, count: max(slots.count - 1, 0))
    guard let y = try layer.build(&context, operands).first else {
      throw TypeError("'\(type(of: layer).name)' has no result")
    }
    return y.value
  }
}
