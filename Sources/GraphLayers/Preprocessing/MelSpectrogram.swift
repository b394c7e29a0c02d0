// SPDX-License-Identifier: Apache-2.0
// Sounds as the loudness of bands that the ear tells apart.

import GraphIR
import GraphOps
import TensorCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

package struct MelSpectrogram: Layer {
  package static let name = "MelSpectrogram"
  package static let summary = "[N, samples] as [N, num_mel_bins, frames]: the loudness of frequency bands over time."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("fft_length", \.length, "samples of a frame, with padding"),
      Attribute("sequence_stride", \.stride, "samples from frame to frame"),
      Attribute("sequence_length", \.windowLength, "samples of the window; fft_length when not given"),
      Attribute("window", \.window, "'hann', 'hamming', 'blackman' or none"),
      Attribute("sampling_rate", \.rate, "samples of a second"),
      Attribute("num_mel_bins", \.bandCount, "the number of bands"),
      Attribute("min_freq", \.lowest, "the lowest frequency in hertz"),
      Attribute("max_freq", \.highest, "the highest frequency; half of the sampling rate when not given"),
      Attribute("power_to_db", \.isDecibel, "whether the result is in decibels"),
      Attribute("top_db", \.range, "decibels below the loudest that are kept"),
      Attribute("mag_exp", \.exponent, "the power of magnitudes that is summed"),
      Attribute("min_power", \.leastPower, "what smaller powers count as"),
      Attribute("ref_power", \.reference, "the power of 0 dB"),
    ]
  }
  package var length = 2048
  package var stride = 512
  package var windowLength: Int?
  package var window: String? = "hann"
  package var rate = 16000.0
  package var bandCount = 128
  package var lowest = 20.0
  package var highest: Double?
  package var isDecibel = true
  package var range = 80.0
  package var exponent = 2.0
  package var leastPower = 1e-10
  package var reference = 1.0
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let type = context.type(x)
    let windowLength = windowLength ?? length
    guard type.rank == 2 else {
      throw TypeError("'MelSpectrogram' needs an input [N, samples], found \(type)", operand: 0)
    }
    guard (1...4096).contains(length), (1...length).contains(windowLength), stride > 0, (1...4096).contains(bandCount)
    else {
      throw TypeError(
        "'MelSpectrogram' needs 1 ≤ sequence_length ≤ fft_length ≤ 4096, a positive stride and at most 4096 bands, "
          + "found "
          + "\(windowLength), \(length), \(stride) and \(bandCount)")
    }
    guard rate > 0, leastPower > 0, lowest >= 0, lowest < highest ?? rate / 2 else {
      throw TypeError(
        "'sampling_rate', 'min_power' and the frequencies of 'MelSpectrogram' must be positive and ascending")
    }
    // Frames as windows of a convolution whose kernels are the cosines and sines of all frequencies.
    let bins = length / 2 + 1
    let half = Dim(length / 2)
    let padded = try context.emit(Pad(pads: [half, half], mode: .reflect, axes: [1]), x)
    var conv = Conv()
    conv.strides = [stride]
    conv.dataFormat = "channels_last"
    let column = try context.emit(Unsqueeze(axes: [2]), padded)
    let kernel = try context.builder.constant(try transform(windowLength, bins, type.dtype))
    let parts = try context.builder.emitAll(
      Split(axis: 2, into: 2), [try context.emit(conv, column, kernel)])
    let square = try context.emit(
      Add(), try context.emit(Mul(), parts[0], parts[0]), try context.emit(Mul(), parts[1], parts[1]))
    let power =
      exponent == 2
      ? square
      : try context.emit(Pow(), try context.emit(Sqrt(), square), try context.scalar(exponent, like: square))
    let bands = try context.builder.constant(try filters(bins, type.dtype))
    var y = try context.emit(MatMul(), power, bands)
    if isDecibel { y = try decibels(&context, y) }
    return result(try context.emit(Transpose(perm: [0, 2, 1]), y))
  }

  /// [length, 1, 2 · bins]: the windowed cosines of each frequency, then the sines.
  private func transform(_ windowLength: Int, _ bins: Int, _ dtype: DType) throws(TypeError) -> Tensor {
    let samples = try SpectrumWindow.samples(window, windowLength, isPeriodic: true, of: Self.name)
    let start = (length - windowLength) / 2
    var values = [Double](repeating: 0, count: length * 2 * bins)
    for (place, weight) in samples.enumerated() {
      for bin in 0..<bins {
        let angle = turn(start + place, bin, length)
        values[(start + place) * 2 * bins + bin] = weight * cos(angle)
        values[(start + place) * 2 * bins + bins + bin] = -weight * sin(angle)
      }
    }
    guard let tensor = Tensor(dtype, [length, 1, 2 * bins], doubles: values) else { throw TypeError("out of memory") }
    return tensor
  }

  /// [bins, bands]: triangles over the mel scale, 1127 · ln(1 + f / 700).
  private func filters(_ bins: Int, _ dtype: DType) throws(TypeError) -> Tensor {
    func mel(_ hertz: Double) -> Double { 1127 * log(1 + hertz / 700) }
    // Whole hertz, as Keras halves the rate.
    let (low, high) = (mel(lowest), mel(highest ?? (rate / 2).rounded(.down)))
    let step = (high - low) / Double(bandCount + 1)
    var values = [Double](repeating: 0, count: bins * bandCount)
    for bin in 1..<max(bins, 2) where bin < bins {
      let place = mel(rate / 2 * Double(bin) / Double(bins - 1))
      for band in 0..<bandCount {
        let lower = low + step * Double(band)
        values[bin * bandCount + band] = max(0, min((place - lower) / step, (lower + 2 * step - place) / step))
      }
    }
    guard let tensor = Tensor(dtype, [bins, bandCount], doubles: values) else { throw TypeError("out of memory") }
    return tensor
  }

  /// 10 · log₁₀ of the powers over the reference, none further below the largest than the range.
  private func decibels(_ context: inout LayerContext, _ power: ValueID) throws(TypeError) -> ValueID {
    let factor = 10 / log(10.0)
    let least = try context.scalar(leastPower, like: power)
    var y = try context.emit(Log(), try context.emit(Max(), power, least))
    y = try context.emit(Mul(), y, try context.scalar(factor, like: y))
    let zero = factor * log(max(abs(reference), leastPower))
    if zero != 0 { y = try context.emit(Sub(), y, try context.scalar(zero, like: y)) }
    let largest = try context.emit(ReduceMax(axes: [0, 1, 2]), y)
    return try context.emit(Max(), y, try context.emit(Sub(), largest, try context.scalar(range, like: y)))
  }
}
