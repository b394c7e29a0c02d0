// SPDX-License-Identifier: Apache-2.0
// Sliding windows over spatial axes: what convolutions and pooling share.

import GraphIR
import KernelIR
import TensorCore

/// Where the channels of an image tensor are.
package enum DataFormat: String, Sendable {
  /// `[N, C, spatial…]`, as ONNX.
  case channelsFirst = "channels_first"
  /// `[N, spatial…, C]`, as Keras.
  case channelsLast = "channels_last"

  init(_ text: String, for name: String) throws(TypeError) {
    guard let format = DataFormat(rawValue: text) else {
      throw TypeError(
        "'data_format' of '\(name)' is '\(text)'", note: "it is 'channels_first' or 'channels_last'")
    }
    self = format
  }

  func spatial(rank: Int) -> Range<Int> { self == .channelsFirst ? 2..<rank : 1..<rank - 1 }
  func channel(rank: Int) -> Int { self == .channelsFirst ? 1 : rank - 1 }

  /// A shape from its parts.
  func shape(_ batch: Dim, _ channels: Dim, _ spatial: [Dim]) -> [Dim] {
    self == .channelsFirst ? [batch, channels] + spatial : [batch] + spatial + [channels]
  }

  /// The order of axes that turns `[N, C, spatial…]` into `[N, spatial…, C]`.
  static func toLast(rank: Int) -> [Int] { [0] + Array(2..<rank) + [1] }
  /// The order of axes that turns `[N, spatial…, C]` into `[N, C, spatial…]`.
  static func toFirst(rank: Int) -> [Int] { [0, rank - 1] + Array(1..<rank - 1) }
}

/// A sliding window along one axis.
package struct WindowAxis: Sendable, Hashable {
  /// The size of the axis.
  var input: Dim
  /// Elements of the window.
  var kernel: Int
  /// Between starts of windows.
  var stride: Int
  /// Between elements of a window.
  var dilation: Int
  /// Padding before the first element and after the last.
  var before: Dim
  var after: Dim
  /// The number of windows.
  var output: Dim

  /// From the first to the last element of a window.
  var extent: Dim { Dim(kernel - 1) * Dim(dilation) + 1 }

  /// Whether windows stay inside the axis itself, whatever its size.
  var staysInside: Bool {
    guard before == 0 else { return false }
    if let slack = (input - extent - (output - 1) * Dim(stride)).value { return slack >= 0 }
    return after == 0 && output == Dim.floorDiv(input - extent, Dim(stride)) + 1
  }

  /// The element of window `o` at `k`, and whether it lies on the axis (nil: always).
  func position(_ o: Expr, _ k: Expr, _ size: (Dim) -> Expr) -> (index: Expr, isInside: Expr?) {
    let index = o * .int(stride) + k * .int(dilation) - size(before)
    if staysInside { return (index, nil) }
    return (index, .binary(.ge, index, .int(0)) && .less(index, size(input)))
  }
}

/// How an operator's window slides, as its attributes say.
package struct WindowOptions: Sendable {
  /// The window's sizes; empty where they follow from an operand.
  package var kernelShape: [Int] = []
  package var strides: [Int] = []
  package var dilations: [Int] = []
  /// Starts of all axes, then ends.
  package var pads: [Dim] = []
  package var autoPad = "NOTSET"
  package var dataFormat = DataFormat.channelsFirst.rawValue
  /// Whether a last, incomplete window counts.
  package var ceilMode = false
}

/// An operator that slides a window.
package protocol WindowOperation: Operation {
  var windowOptions: WindowOptions { get set }
}

extension WindowOperation {
  package var kernelShape: [Int] {
    get { windowOptions.kernelShape }
    set { windowOptions.kernelShape = newValue }
  }
  package var strides: [Int] {
    get { windowOptions.strides }
    set { windowOptions.strides = newValue }
  }
  package var dilations: [Int] {
    get { windowOptions.dilations }
    set { windowOptions.dilations = newValue }
  }
  package var pads: [Dim] {
    get { windowOptions.pads }
    set { windowOptions.pads = newValue }
  }
  package var autoPad: String {
    get { windowOptions.autoPad }
    set { windowOptions.autoPad = newValue }
  }
  package var dataFormat: String {
    get { windowOptions.dataFormat }
    set { windowOptions.dataFormat = newValue }
  }
  package var ceilMode: Bool {
    get { windowOptions.ceilMode }
    set { windowOptions.ceilMode = newValue }
  }

  /// The attributes of all of them, without those an operator does not have.
  package static func windowAttributes(except missing: Set<String> = []) -> [Attribute<Self>] {
    let all: [Attribute<Self>] = [
      Attribute("kernel_shape", \.kernelShape, "the window's size along each spatial axis"),
      Attribute("strides", \.strides, "the step between windows along each spatial axis; empty means 1"),
      Attribute(
        "dilations", \.dilations, "the step between a window's elements along each spatial axis; empty means 1"),
      Attribute("pads", \.pads, "padding: the starts of all spatial axes, then the ends; empty means 0"),
      Attribute("auto_pad", \.autoPad, "NOTSET (use `pads`), SAME_UPPER, SAME_LOWER or VALID"),
      Attribute("data_format", \.dataFormat, "channels_first (N, C, spatial…) or channels_last (N, spatial…, C)"),
      Attribute("ceil_mode", \.ceilMode, "whether a last, incomplete window counts"),
    ]
    return all.filter { !missing.contains($0.name) }
  }

  func format() throws(TypeError) -> DataFormat { try DataFormat(dataFormat, for: Self.name) }

  /// The numbers of an attribute that has one for each spatial axis.
  func perAxis(_ values: [Int], _ name: String, count: Int) throws(TypeError) -> [Int] {
    if values.isEmpty { return [Int](repeating: 1, count: count) }
    guard values.count == count else {
      throw TypeError("'\(name)' of '\(Self.name)' is \(values), expected \(count) numbers, one for each spatial axis")
    }
    guard values.allSatisfy({ $0 > 0 }) else {
      throw TypeError("'\(name)' of '\(Self.name)' is \(values), expected numbers above 0")
    }
    return values
  }

  /// The windows over spatial axes of these sizes.
  func window(_ sizes: [Dim], kernel: [Int]) throws(TypeError) -> [WindowAxis] {
    let count = sizes.count
    let kernel = try perAxis(kernel, "kernel_shape", count: count)
    let strides = try perAxis(self.strides, "strides", count: count)
    let dilations = try perAxis(self.dilations, "dilations", count: count)
    guard pads.isEmpty || pads.count == 2 * count else {
      throw TypeError(
        "'pads' of '\(Self.name)' has \(pads.count) numbers, expected \(2 * count): the starts of the \(count) spatial "
          + "axes, then the ends")
    }
    var axes: [WindowAxis] = []
    for axis in 0..<count {
      var window = WindowAxis(
        input: sizes[axis], kernel: kernel[axis], stride: strides[axis], dilation: dilations[axis],
        before: pads.isEmpty ? 0 : pads[axis], after: pads.isEmpty ? 0 : pads[count + axis], output: 0)
      try place(&window, axis)
      axes.append(window)
    }
    return axes
  }

  /// Finds the padding and the number of windows.
  private func place(_ window: inout WindowAxis, _ axis: Int) throws(TypeError) {
    let stride = Dim(window.stride)
    switch autoPad {
    case "SAME_UPPER", "SAME_LOWER":
      window.output = Dim.ceilDiv(window.input, stride)
      let total = Dim.max((window.output - 1) * stride + window.extent - window.input, 0)
      let half = Dim.floorDiv(total, 2)
      (window.before, window.after) = autoPad == "SAME_UPPER" ? (half, total - half) : (total - half, half)
    case "NOTSET", "VALID", "":
      if autoPad == "VALID" { (window.before, window.after) = (0, 0) }
      if (window.before.value ?? 0) < 0 || (window.after.value ?? 0) < 0 {
        throw TypeError("'pads' of '\(Self.name)' has a negative number")
      }
      let room = window.input + window.before + window.after - window.extent
      if let room = room.value, room < 0 {
        throw TypeError(
          "the window of '\(Self.name)' reaches over \(window.extent) elements, spatial axis \(axis) has "
            + "\(window.input) (\(window.input + window.before + window.after) padded)", operand: 0)
      }
      window.output = Dim.floorDiv(room, stride) + 1
      if ceilMode {
        // A window must start on the axis or the padding before it.
        window.output = Dim.min(
          Dim.ceilDiv(room, stride) + 1, Dim.floorDiv(window.input + window.before - 1, stride) + 1)
      }
    default:
      throw TypeError(
        "'auto_pad' of '\(Self.name)' is '\(autoPad)'", note: "it is NOTSET, SAME_UPPER, SAME_LOWER or VALID")
    }
    guard window.output.isValid, window.extent.isValid else {
      throw TypeError("the sizes of '\(Self.name)' are out of range")
    }
  }
}

/// A window in numbers, for evaluation.
struct BoundWindow {
  let input, kernel, stride, dilation, before, output: [Int]

  /// Nil when a size is still a name.
  init?(_ axes: [WindowAxis]) {
    let before = axes.compactMap(\.before.value)
    let input = axes.compactMap(\.input.value)
    let output = axes.compactMap(\.output.value)
    guard before.count == axes.count, input.count == axes.count, output.count == axes.count else { return nil }
    self.before = before
    self.input = input
    self.output = output
    kernel = axes.map(\.kernel)
    stride = axes.map(\.stride)
    dilation = axes.map(\.dilation)
  }

  /// The row-major position on the spatial axes of window `o`'s element `k`; nil on the padding.
  func position(_ o: [Int], _ k: [Int]) -> Int? {
    var position = 0
    for axis in o.indices {
      let index = o[axis] * stride[axis] + k[axis] * dilation[axis] - before[axis]
      if index < 0 || index >= input[axis] { return nil }
      position = position * input[axis] + index
    }
    return position
  }
}

extension Reference {
  /// The axes in another order, for evaluation.
  func permuted(_ order: [Int]) -> Reference {
    let from = strides
    let steps = order.map { from[$0] }
    return gathering(order.map { shape[$0] }) { index in
      var offset = 0
      for axis in index.indices { offset += index[axis] * steps[axis] }
      return offset
    }
  }
}
