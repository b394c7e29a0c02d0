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
  let rank: Int
  let size: [Int]
  let strides: [Int]
  let dilations: [Int]
  let padding: String
  let isChannelsLast: Bool
  let channels: Dim

  init(
    _ name: String, rank: Int, _ input: TensorType, size: [Int], strides: [Int], dilations: [Int] = [], padding: String,
    dataFormat: String
  ) throws(TypeError) {
    guard input.rank == rank + 2 else {
      let axes = ["N", "width", "channels"]
      let wanted = rank == 1 ? axes.joined(separator: ", ") : rank == 2 ? "N, height, width, channels" : "N, depth, height, width, channels"
      throw TypeError("'\(name)' needs an input [\(wanted)], found \(input)", operand: 0)
    }
    guard dataFormat == "channels_last" || dataFormat == "channels_first" else {
      throw TypeError("'data_format' of '\(name)' must be 'channels_last' or 'channels_first', found '\(dataFormat)'")
    }
    isChannelsLast = dataFormat == "channels_last"
    guard padding == "valid" || padding == "same" || (padding == "causal" && rank == 1) else {
      throw TypeError(
        "'padding' of '\(name)' must be 'valid'\(rank == 1 ? ", 'same' or 'causal'" : " or 'same'"), found '\(padding)'")
    }
    func filled(_ list: [Int], _ argument: String, _ standard: Int) throws(TypeError) -> [Int] {
      let full = list.isEmpty ? [Int](repeating: standard, count: rank) : list.count == 1 ? [Int](repeating: list[0], count: rank) : list
      guard full.count == rank, full.allSatisfy({ $0 > 0 }) else {
        throw TypeError("'\(argument)' of '\(name)' must be \(rank == 1 ? "a positive number" : "\(rank) positive numbers"), found \(list)")
      }
      return full
    }
    self.rank = rank
    self.size = try filled(size, "kernel_size", 1)
    self.strides = try filled(strides, "strides", 1)
    self.dilations = try filled(dilations, "dilation_rate", 1)
    self.padding = padding
    channels = input.shape[isChannelsLast ? rank + 1 : 1]
  }

  /// Sets a window's attributes.
  func apply(to operation: inout some WindowAttributes) {
    operation.kernelShape = size
    operation.strides = strides
    operation.dilations = dilations
    operation.autoPad = padding == "same" ? "SAME_UPPER" : "VALID"
  }

  /// The input with causal padding in front: an operator of its own, as ONNX has no name for it.
  func padded(_ x: ValueID, _ context: inout LayerContext) throws(TypeError) -> ValueID {
    guard padding == "causal" else { return x }
    let before = dilations[0] * (size[0] - 1)
    let axis = isChannelsLast ? 1 : 2
    var pads = [Dim](repeating: 0, count: 6)
    pads[axis] = Dim(before)
    return try context.emit(Pad(pads: pads), x)
  }

  /// Channels moved to the end, or back.
  func transposed(_ x: ValueID, toLast: Bool, _ context: inout LayerContext) throws(TypeError) -> ValueID {
    let perm = toLast ? [0] + Array(2..<rank + 2) + [1] : [0, rank + 1] + Array(1...rank)
    return try context.emit(Transpose(perm: perm), x)
  }
}
