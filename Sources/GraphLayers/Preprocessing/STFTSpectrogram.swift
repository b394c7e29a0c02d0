// SPDX-License-Identifier: Apache-2.0
// Signals as the strength of frequencies over time, by a transform that can be trained.

import GraphIR
import GraphOps
import TensorCore

package struct STFTSpectrogram: Layer {
  package static let name = "STFTSpectrogram"
  package static let summary = "The short-time Fourier transform of [N, steps, channels], with frequencies as channels."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("mode", \.mode, "'log', 'magnitude', 'psd', 'real', 'imag', 'angle' or 'stft' (real, then imaginary)"),
      Attribute("frame_length", \.frameLength, "steps of a frame"),
      Attribute("frame_step", \.frameStep, "steps from frame to frame; half a frame when not given"),
      Attribute("fft_length", \.fftLength, "steps of the transform; the next power of two when not given"),
      Attribute("window", \.window, "'hann', 'hamming', 'blackman' or none"),
      Attribute("periodic", \.isPeriodic, "whether the window goes on into the next frame"),
      Attribute("scaling", \.scaling, "'density', 'spectrum' or none"),
      Attribute("padding", \.padding, "'valid' or 'same'"),
      Attribute("expand_dims", \.expands, "whether frequencies are an axis of their own"),
      Attribute("data_format", \.dataFormat, "'channels_last' or 'channels_first'"),
    ]
  }
  package var mode = "log"
  package var frameLength = 256
  package var frameStep: Int?
  package var fftLength: Int?
  package var window: String? = "hann"
  package var isPeriodic = false
  package var scaling: String? = "density"
  package var padding = "valid"
  package var expands = false
  package var dataFormat = "channels_last"
  package init() {}

  private static let modes = ["log", "magnitude", "psd", "real", "imag", "angle", "stft"]

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let layout = try SpatialLayout(Self.name, rank: 1, context.type(x), dataFormat)
    guard Self.modes.contains(mode) else {
      throw TypeError(
        "'mode' of '\(Self.name)' is '\(mode)'", note: "it is \(Self.modes.map { "'\($0)'" }.joined(separator: ", "))")
    }
    guard (2...16384).contains(frameLength) else {
      throw TypeError("'frame_length' of '\(Self.name)' must be in 2...16384, found \(frameLength)")
    }
    var power = 2
    while power < frameLength { power *= 2 }
    let length = fftLength ?? power
    let step = frameStep ?? frameLength / 2
    guard (frameLength...16384).contains(length), (1...frameLength).contains(step) else {
      throw TypeError(
        "'\(Self.name)' needs 1 ≤ frame_step ≤ frame_length ≤ fft_length ≤ 16384, "
          + "found \(step), \(frameLength) and \(length)"
      )
    }
    // Channels one after the other, as [N · channels, steps, 1].
    let shape = context.type(x).shape
    let (batch, channels, steps) = (shape[0], layout.channels, shape[layout.spatialAxes[0]])
    let first = layout.isChannelsLast ? try context.emit(Transpose(perm: [0, 2, 1]), x) : x
    let flat = try context.emit(Reshape(exactly: [batch * channels, steps, 1]), first)
    let line = try SpatialLayout(Self.name, rank: 1, context.type(flat), "channels_last")
    let frame = try SpatialWindow(line, size: [frameLength], "frame_length", strides: [step], padding: padding)
    let bins = Dim(length / 2 + 1)
    func part(_ side: String, _ context: inout LayerContext) throws(TypeError) -> ValueID {
      let start = "stft(\(side), \(window ?? "none"), \(scaling ?? "none"), \(isPeriodic))"
      let kernel = try context.parameter(
        "\(side)_kernel", [Dim(frameLength), 1, bins], WeightOptions(start), dtype: context.type(x).dtype)
      return try context.convolve(flat, kernel, nil, frame, groups: 1)
    }
    var y: ValueID
    switch mode {
    case "real", "imag": y = try part(mode, &context)
    case "angle": y = try angle(try part("real", &context), try part("imag", &context), &context)
    case "stft":
      let both = [try part("real", &context), try part("imag", &context)]
      y = try context.builder.emitAny(Concat(axis: 2), both)[0]
    default:
      let (real, imaginary) = (try part("real", &context), try part("imag", &context))
      y = try context.emit(Add(), try context.emit(Mul(), real, real), try context.emit(Mul(), imaginary, imaginary))
      let least = try context.scalar(1e-7, like: y)
      if mode == "psd" {
        // Every frequency but the first and last stands for its mirror image too.
        let inner = try context.emit(Slice(axis: 2, from: 1, to: bins - 1), y)
        y = try context.emit(Add(), y, try context.emit(Pad(pads: [1, 1], axes: [2]), inner))
      } else {
        y = try context.emit(Sqrt(), try context.emit(Max(), y, least))
        if mode == "log" { y = try context.emit(Log(), try context.emit(Max(), y, least)) }
      }
    }
    let (frames, found) = (context.type(y).shape[1], context.type(y).shape[2])
    y = try context.emit(Reshape(exactly: [batch, channels, frames, found]), y)
    if expands {
      return result(layout.isChannelsLast ? try context.emit(Transpose(perm: [0, 2, 3, 1]), y) : y)
    }
    if layout.isChannelsLast {
      y = try context.emit(Transpose(perm: [0, 2, 1, 3]), y)
      return result(try context.emit(Reshape(exactly: [batch, frames, channels * found]), y))
    }
    y = try context.emit(Transpose(perm: [0, 1, 3, 2]), y)
    return result(try context.emit(Reshape(exactly: [batch, channels * found, frames]), y))
  }

  /// The angle of points, in -π...π: that of the nearer axis and a quotient of at most 1.
  private func angle(_ x: ValueID, _ y: ValueID, _ context: inout LayerContext) throws(TypeError) -> ValueID {
    let zero = try context.scalar(0, like: x)
    let (width, height) = (try context.emit(Abs(), x), try context.emit(Abs(), y))
    let larger = try context.emit(Max(), width, height)
    let isOrigin = try context.emit(Equal(), larger, zero)
    let divisor = try context.emit(Where(), isOrigin, try context.scalar(1, like: x), larger)
    var angle = try context.emit(Atan(), try context.emit(Div(), try context.emit(Min(), width, height), divisor))
    let quarter = try context.scalar(.pi / 2, like: x)
    let isSteep = try context.emit(Greater(), height, width)
    angle = try context.emit(Where(), isSteep, try context.emit(Sub(), quarter, angle), angle)
    let half = try context.scalar(.pi, like: x)
    angle = try context.emit(Where(), try context.emit(Less(), x, zero), try context.emit(Sub(), half, angle), angle)
    return try context.emit(Where(), try context.emit(Less(), y, zero), try context.emit(Neg(), angle), angle)
  }
}
