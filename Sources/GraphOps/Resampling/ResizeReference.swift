// SPDX-License-Identifier: Apache-2.0
// What Resize means: for each output element the input elements that it mixes.

import GraphIR
import TensorCore

extension Resize {
  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var x = operands[0] else { throw TypeError("'Resize' needs an operand") }
    let types = operands.map { $0?.type }
    _ = try inferTypes(types)
    let dtype = x.dtype
    if mode != "nearest" && !dtype.isFloat {
      x = Reference(.f64, x.shape, reals: (0..<x.count).map { x.double($0) })
    }
    let named = axes.isEmpty ? x.shape.count : axes.count
    for span in try spans(of: x.type.shape, computed: types) {
      var span = span
      if let factors = optional(operands, 1) { span.scale = factors.reals[span.place] }
      if let region = optional(operands, 2) {
        span.region = (region.reals[span.place], region.reals[named + span.place])
      }
      guard let input = span.input.value, let output = span.output.value else {
        throw TypeError("'Resize' has unknown sizes")
      }
      let lines = (0..<output).map { taps($0, span, input, output) }
      x = mode == "nearest" ? picked(x, span.axis, lines) : mixed(x, span.axis, lines)
    }
    if x.dtype == dtype { return [x] }
    return [
      Reference(dtype, x.shape, integers: x.reals.map { dtype.integer(saturating: $0.rounded(.toNearestOrEven)) })
    ]
  }

  /// The weighted input positions of an output position; nil where there is nothing but the extrapolation value.
  private func taps(_ y: Int, _ span: Span, _ input: Int, _ output: Int) -> [(position: Int, weight: Double)]? {
    let scale = span.scale ?? Double(output) / Double(input)
    let (size, y) = (Double(input), Double(y))
    let width = span.isSized ? Double(output) : scale * size
    var x: Double
    switch coordinates {
    case "align_corners": x = width == 1 || output <= 1 ? 0 : y * (size - 1) / (width - 1)
    case "asymmetric": x = y / scale
    case "pytorch_half_pixel": x = output > 1 ? (y + 0.5) / scale - 0.5 : 0
    case "half_pixel_symmetric": x = size / 2 * (1 - Double(output) / width) + (y + 0.5) / scale - 0.5
    case "tf_crop_and_resize":
      let (start, end) = span.region
      x =
        width == 1 || output <= 1
        ? 0.5 * (start + end) * (size - 1) : start * (size - 1) + y * (end - start) * (size - 1) / (width - 1)
      if x < 0 || x > size - 1 { return nil }
    default: x = (y + 0.5) / scale - 0.5
    }
    func clamped(_ position: Double) -> Int { Int(min(max(position, 0), size - 1)) }
    if mode == "nearest" {
      switch nearestMode {
      case "floor": x = x.rounded(.down)
      case "ceil": x = x.rounded(.up)
      case "ceil_shrinking": x = Double(Float(x)).rounded(scale < 1 ? .up : .down)
      case "round_prefer_ceil": x = (x + 0.5).rounded(.down)
      default: x = (x - 0.5).rounded(.up)
      }
      return [(clamped(x), 1)]
    }
    let shrink = antialias ? min(scale, 1) : 1
    let reach = (mode == "cubic" ? 2 : 1) / shrink
    let base = x.rounded(.down)
    var taps: [(position: Int, weight: Double)] = []
    var place = (base - reach).rounded(.up)
    while place <= base + 1 + reach {
      let distance = abs(place - x) * shrink
      let isOutside = place < 0 || place > size - 1
      taps.append((clamped(place), excludesOutside && isOutside ? 0 : kernel(distance)))
      place += 1
    }
    let sum = taps.reduce(0) { $0 + $1.weight }
    return (antialias || excludesOutside) && sum != 0 ? taps.map { ($0.position, $0.weight / sum) } : taps
  }

  /// The interpolation kernel at a distance.
  private func kernel(_ d: Double) -> Double {
    if mode == "linear" { return max(0, 1 - d) }
    let a = cubicCoefficient
    if d <= 1 { return (a + 2) * d * d * d - (a + 3) * d * d + 1 }
    return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0
  }

  private func picked(_ x: Reference, _ axis: Int, _ taps: [[(position: Int, weight: Double)]?]) -> Reference {
    var shape = x.shape
    shape[axis] = taps.count
    let strides = x.strides
    return x.gathering(shape, fill: extrapolationValue) { index in
      guard let tap = taps[index[axis]]?.first else { return nil }
      return index.indices.reduce(0) { $0 + ($1 == axis ? tap.position : index[$1]) * strides[$1] }
    }
  }

  private func mixed(_ x: Reference, _ axis: Int, _ taps: [[(position: Int, weight: Double)]?]) -> Reference {
    var shape = x.shape
    shape[axis] = taps.count
    var result = Reference(zeros: x.dtype, shape)
    let strides = x.strides
    forEachIndex(shape) { position, index in
      guard let line = taps[index[axis]] else {
        result.reals[position] = extrapolationValue
        return
      }
      let base = index.indices.reduce(0) { $0 + ($1 == axis ? 0 : index[$1] * strides[$1]) }
      result.reals[position] = line.reduce(0) { $0 + $1.weight * x.reals[base + $1.position * strides[axis]] }
    }
    return result
  }
}
