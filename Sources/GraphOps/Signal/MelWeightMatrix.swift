// SPDX-License-Identifier: Apache-2.0
// From the bins of a spectrum to bands as wide as the ear hears them.

import GraphIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct MelWeightMatrix: Operation {
  package static let name = "MelWeightMatrix"
  package static let summary =
    "The weights [dft_length / 2 + 1, num_mel_bins] of triangular bands, even on the mel scale."
  package static let operands: [Slot] = []
  package static let accuracy = Accuracy.ulps(1)
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("num_mel_bins", \.bands, "the number of bands"),
      Attribute("dft_length", \.length, "the length of the transform"),
      Attribute("sample_rate", \.rate, "samples a second"),
      Attribute("lower_edge_hertz", \.low, "where the first band starts"),
      Attribute("upper_edge_hertz", \.high, "where the last band ends"),
      Attribute("output_datatype", \.dtype, "the element type"),
    ]
  }
  package var bands = 1
  package var length = 2
  package var rate = 1
  package var low = 0.0
  package var high = 0.0
  package var dtype = DType.f32
  package init() {}

  /// The bins at which bands start, peak and end.
  private func edges() -> [Int] {
    func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
    let step = (mel(high) - mel(low)) / Double(bands + 2)
    return (0..<bands + 2).map { number in
      let hertz = 700 * (pow(10, (Double(number) * step + mel(low)) / 2595) - 1)
      return Int(Int64(saturating: (Double(length + 1) * hertz / Double(rate)).rounded(.down)))
    }
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard bands > 0, length > 0, rate > 0, low >= 0, high > low, high.isFinite, bands <= 1 << 16, length <= 1 << 20
    else {
      throw TypeError("'MelWeightMatrix' cannot make \(bands) bands of \(length) bins from \(low) to \(high) Hz")
    }
    guard DType.numbers.contains(dtype), let last = edges().last, last <= length / 2 + 1 else {
      throw TypeError("the band at \(high) Hz of 'MelWeightMatrix' lies beyond the spectrum")
    }
    return [TensorType(dtype, [Dim(length / 2 + 1), Dim(bands)])]
  }

  /// The weight of a bin in a band.
  private func weight(_ bin: Int, _ band: Int, _ edges: [Int]) -> Double {
    let (start, peak, end) = (edges[band], edges[band + 1], edges[band + 2])
    if bin >= peak && bin < end { return Double(end - bin) / Double(end - peak) }
    if start == peak { return bin == peak ? 1 : 0 }
    return bin >= start && bin <= peak ? Double(bin - start) / Double(peak - start) : 0
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let shape = try staticSizes(inferTypes([])[0].shape, for: Self.name)
    let edges = edges()
    let values = (0..<shape[0] * bands).map { weight($0 / bands, $0 % bands, edges) }
    if dtype.isFloat { return [Reference(dtype, shape, reals: values)] }
    return [Reference(dtype, shape, integers: values.map { dtype.integer(saturating: $0) })]
  }

  /// The matrix is a constant: the weights are written band by band.
  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, _ throws(TypeError) in
      let rows = length / 2 + 1
      var values = [Double](repeating: 0, count: rows * bands)
      let edges = edges()
      for band in 0..<bands {
        let (start, peak, end) = (edges[band], edges[band + 1], edges[band + 2])
        for bin in start..<min(peak, rows) { values[bin * bands + band] = Double(bin - start) / Double(peak - start) }
        if peak < rows { values[peak * bands + band] = 1 }
        for bin in peak..<max(peak, min(end, rows)) {
          values[bin * bands + band] = Double(end - bin) / Double(end - peak)
        }
      }
      return [try builder.constant(try Tensor(dtype, [rows, bands], doubles: values).orThrow())]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = MelWeightMatrix()
    operation.bands = random.int(1...6)
    operation.length = random.pick([16, 20, 64])
    operation.rate = 8192
    operation.high = random.pick([2000, 4096])
    operation.dtype = random.dtype([.f32, .f64])
    return Sample(operation, [])
  }
}
