// SPDX-License-Identifier: Apache-2.0
// Where the axes of an image, a sequence or a volume are.

import GraphIR
import GraphOps
import TensorCore

/// The axes of an input with a batch, spatial axes and channels.
package struct SpatialLayout {
  let layer: String
  /// The number of spatial axes.
  let rank: Int
  let isChannelsLast: Bool
  let shape: [Dim]

  init(_ layer: String, rank: Int, _ input: TensorType, _ dataFormat: String) throws(TypeError) {
    guard dataFormat == "channels_last" || dataFormat == "channels_first" else {
      throw TypeError("'data_format' of '\(layer)' must be 'channels_last' or 'channels_first', found '\(dataFormat)'")
    }
    isChannelsLast = dataFormat == "channels_last"
    guard input.rank == rank + 2 else {
      let spatial = rank == 1 ? ["steps"] : rank == 2 ? ["height", "width"] : ["depth", "height", "width"]
      let axes = isChannelsLast ? ["N"] + spatial + ["channels"] : ["N", "channels"] + spatial
      throw TypeError("'\(layer)' needs an input [\(axes.joined(separator: ", "))], found \(input)", operand: 0)
    }
    self.layer = layer
    self.rank = rank
    shape = input.shape
  }

  var spatialAxes: [Int] { isChannelsLast ? Array(1...rank) : Array(2..<rank + 2) }
  var channelAxis: Int { isChannelsLast ? rank + 1 : 1 }
  var channels: Dim { shape[channelAxis] }
  var sizes: [Dim] { spatialAxes.map { shape[$0] } }

  /// One number for each spatial axis from an argument that may give one for all.
  func perAxis(_ list: [Int], _ argument: String, atLeast least: Int = 1) throws(TypeError) -> [Int] {
    let full = list.count == 1 ? [Int](repeating: list[0], count: rank) : list
    guard full.count == rank, full.allSatisfy({ (least...1 << 31).contains($0) }) else {
      let kind = least == 1 ? "positive number" : "number from \(least) on"
      throw TypeError(
        "'\(argument)' of '\(layer)' must be \(rank == 1 ? "a \(kind)" : "\(rank) \(kind)s"), "
          + "found \(list.count == 1 ? "\(list[0])" : "\(list)")")
    }
    return full
  }

  /// Channels moved to the end, or back.
  func transposed(_ x: ValueID, toLast: Bool, _ context: inout LayerContext) throws(TypeError) -> ValueID {
    let perm = toLast ? [0] + Array(2..<rank + 2) + [1] : [0, rank + 1] + Array(1...rank)
    return try context.emit(Transpose(perm: perm), x)
  }

  /// What `body` makes of the input with channels last, in the input's own layout.
  func withChannelsLast(
    _ x: ValueID, _ context: inout LayerContext,
    _ body: (inout LayerContext, ValueID) throws(TypeError) -> ValueID
  ) throws(TypeError) -> ValueID {
    if isChannelsLast { return try body(&context, x) }
    return try transposed(body(&context, transposed(x, toLast: true, &context)), toLast: false, &context)
  }
}
