// SPDX-License-Identifier: Apache-2.0
// Borders that Keras' padding and cropping layers add or cut.

import GraphIR
import GraphOps
import TensorCore

/// Adds zeros around the spatial axes, or cuts.
package protocol BorderLayer: Layer {
  /// The number of spatial axes.
  static var spatialRank: Int { get }
  /// 'padding' adds, 'cropping' cuts.
  static var argument: String { get }
  /// One number, one for each axis, or before and after each axis.
  var border: [Int] { get set }
  var dataFormat: String { get set }
}

extension BorderLayer {
  package static var arguments: [Attribute<Self>] { [countArgument, formatArgument] }
  static var countArgument: Attribute<Self> {
    let each = spatialRank > 1 ? "one for each axis, or before and after each axis" : "or before and after"
    return Attribute(argument, \.border, "how many: one number, \(each)")
  }
  static var formatArgument: Attribute<Self> {
    Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'")
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    let layout = try SpatialLayout(Self.name, rank: Self.spatialRank, context.type(x), dataFormat)
    let pad = try layout.border(border, Self.argument, sign: Self.argument == "padding" ? 1 : -1)
    return result(try context.emit(pad, x))
  }
}

extension SpatialLayout {
  /// Numbers given as one for all, one for each axis, or two for each axis, as padding of the spatial axes; a sign of
  /// -1 cuts instead.
  fileprivate func border(_ numbers: [Int], _ argument: String, sign: Int) throws(TypeError) -> Pad {
    let pairs: [Int]
    switch numbers.count {
    case 1: pairs = [Int](repeating: numbers[0], count: 2 * rank)
    case rank where rank > 1: pairs = numbers.flatMap { [$0, $0] }
    case 2 * rank: pairs = numbers
    default: pairs = []
    }
    guard !pairs.isEmpty, pairs.allSatisfy({ (0...1 << 31).contains($0) }) else {
      throw TypeError(
        "'\(argument)' of '\(layer)' must be one number, "
          + (rank > 1 ? "\(rank) numbers or \(rank) pairs" : "or a pair") + ", none of them negative, found \(numbers)")
    }
    for (place, axis) in spatialAxes.enumerated() where sign < 0 {
      if let size = shape[axis].value, pairs[2 * place] + pairs[2 * place + 1] >= size {
        throw TypeError(
          "'\(argument)' of '\(layer)' leaves nothing of an axis of \(size): \(pairs[2 * place]) and "
            + "\(pairs[2 * place + 1])", operand: 0)
      }
    }
    let starts = (0..<rank).map { Dim(sign * pairs[2 * $0]) }
    let ends = (0..<rank).map { Dim(sign * pairs[2 * $0 + 1]) }
    return Pad(pads: starts + ends, axes: spatialAxes)
  }
}
