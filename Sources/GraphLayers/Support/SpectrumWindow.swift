// SPDX-License-Identifier: Apache-2.0
// Windows of short-time Fourier transforms.

import GraphIR

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the samples of a frame are multiplied with.
enum SpectrumWindow {
  /// - Parameter isPeriodic: whether the window would go on into the next frame, rather than end where it begins.
  static func samples(_ name: String?, _ count: Int, isPeriodic: Bool, of layer: String) throws(TypeError) -> [Double] {
    let weights: [Double]
    switch name {
    case nil, "boxcar": weights = [1]
    case "hann": weights = [0.5, -0.5]
    case "hamming": weights = [0.54, -0.46]
    case "blackman": weights = [0.42, -0.5, 0.08]
    case let other?:
      throw TypeError(
        "'window' of '\(layer)' is '\(other)'", note: "it is 'hann', 'hamming', 'blackman', 'boxcar' or none")
    }
    let period = Double(max(isPeriodic ? count : count - 1, 1))
    return (0..<count).map { place in
      weights.enumerated().reduce(0) { $0 + $1.element * cos(2 * .pi * Double($1.offset * place) / period) }
    }
  }
}

/// The angle 2π · time · frequency / length, of whole numbers, without the loss of large products.
func turn(_ time: Int, _ frequency: Int, _ length: Int) -> Double {
  2 * .pi * Double((time % length) * (frequency % length) % length) / Double(length)
}
