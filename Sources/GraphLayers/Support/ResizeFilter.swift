// SPDX-License-Identifier: Apache-2.0
// Interpolation along one axis, as Keras' image layers do it.

import GraphIR
import GraphOps
import TensorCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Samples an axis at other places. Places are centres of elements, so that sizes m and n cover the same length; what
/// would lie outside of the axis is left out of the weights, which sum to one.
struct ResizeFilter {
  private enum Kernel: String, CaseIterable {
    case nearest, bilinear, bicubic, lanczos3, lanczos5
  }

  private let kernel: Kernel
  private let antialias: Bool
  private let layer: String

  init(_ interpolation: String, antialias: Bool, for layer: String) throws(TypeError) {
    guard let kernel = Kernel(rawValue: interpolation) else {
      throw TypeError(
        "'interpolation' of '\(layer)' is '\(interpolation)'",
        note: "it is \(Kernel.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "))")
    }
    self.kernel = kernel
    self.antialias = antialias
    self.layer = layer
  }

  /// Half of the kernel's width in elements.
  private var radius: Double {
    switch kernel {
    case .nearest: 0.5
    case .bilinear: 1
    case .bicubic: 2
    case .lanczos3: 3
    case .lanczos5: 5
    }
  }

  /// The weight at a distance.
  private func weight(_ x: Double) -> Double {
    switch kernel {
    case .nearest: return x <= 0.5 ? 1 : 0
    case .bilinear: return max(0, 1 - x)
    // Keys' cubic with a = -0.5.
    case .bicubic:
      if x >= 2 { return 0 }
      return x < 1 ? ((1.5 * x - 2.5) * x) * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2
    case .lanczos3, .lanczos5:
      if x > radius { return 0 }
      return x > 1e-3 ? radius * sin(.pi * x) * sin(.pi * x / radius) / (.pi * .pi * x * x) : 1
    }
  }

  /// For each new element the old ones it is made of, with their weights.
  private func taps(_ old: Int, _ new: Int) -> [[(index: Int, weight: Double)]] {
    let step = Double(old) / Double(new)
    let width = antialias ? max(step, 1) : 1
    return (0..<new).map { place in
      let centre = (Double(place) + 0.5) * step - 0.5
      if kernel == .nearest { return [(min(Int(((Double(place) + 0.5) * step).rounded(.down)), old - 1), 1)] }
      let reach = radius * width
      let first = max(0, Int((centre - reach).rounded(.up)))
      let last = min(old - 1, Int((centre + reach).rounded(.down)))
      let weights = first <= last ? (first...last).map { weight((Double($0) - centre).magnitude / width) } : []
      let sum = weights.reduce(0, +)
      return weights.enumerated().map { (first + $0.offset, sum == 0 ? 0 : $0.element / sum) }
    }
  }

  /// A value with another size of one axis. Sizes that are not known need a plain filter.
  func resized(_ context: inout LayerContext, _ x: ValueID, axis: Int, to size: Dim) throws(TypeError) -> ValueID {
    let type = context.type(x)
    if type.shape[axis] == size { return x }
    guard let old = type.shape[axis].value, let new = size.value, old > 0, new > 0 else {
      return try resizedByOperator(&context, x, axis: axis, to: size)
    }
    guard new <= 1 << 16, old <= 1 << 20 else { throw TypeError("'\(layer)' would resize \(old) elements to \(new)") }
    let taps = taps(old, new)
    let count = taps.map(\.count).max() ?? 0
    guard count <= 4096, count * new <= 1 << 22 else {
      throw TypeError("'\(layer)' would need \(count) elements for each of \(new) new ones")
    }
    var sum: ValueID?
    for number in 0..<count {
      let indices = taps.map { Int64(number < $0.count ? $0[number].index : 0) }
      let weights = taps.map { number < $0.count ? $0[number].weight : 0 }
      guard let places = Tensor(.i64, [new], integers: indices),
        let factors = Tensor(type.dtype, [new], doubles: weights)
      else { throw TypeError("out of memory") }
      var part = try context.emit(Gather(axis: axis), x, try context.builder.constant(places))
      if kernel != .nearest {
        let factor = try context.aligned(try context.builder.constant(factors), axis: axis, rank: type.rank)
        part = try context.emit(Mul(), part, factor)
      }
      sum = try sum.map { (s) throws(TypeError) in try context.emit(Add(), s, part) } ?? part
    }
    return sum ?? x
  }

  private func resizedByOperator(
    _ context: inout LayerContext, _ x: ValueID, axis: Int, to size: Dim
  ) throws(TypeError) -> ValueID {
    var resize = Resize()
    resize.axes = [axis]
    resize.sizes = [size]
    switch kernel {
    case .nearest: resize.nearestMode = "round_prefer_ceil"
    case .bilinear: resize.mode = "linear"
    case .bicubic:
      resize.mode = "cubic"
      resize.cubicCoefficient = -0.5
      resize.excludesOutside = true
    case .lanczos3, .lanczos5: break
    }
    guard kernel != .lanczos3, kernel != .lanczos5, !antialias else {
      throw TypeError(
        "'\(layer)' can only interpolate axes of known sizes so, found \(context.type(x))", operand: 0,
        note: "give height and width as numbers, or use interpolation = bilinear without antialias")
    }
    return try context.emit(resize, x)
  }
}
