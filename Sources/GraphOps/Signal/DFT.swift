// SPDX-License-Identifier: Apache-2.0
// Discrete Fourier transforms.

import GraphIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// Signals are `[…, n, …, 1]` (real) or `[…, n, …, 2]` (complex); longer ones are cut, shorter ones continued by zeros.
package struct DFT: Operation {
  package static let name = "DFT"
  package static let summary =
    "X_k = Σ x_n · exp(-2πi·k·n / N) along an axis, or its inverse; `onesided` leaves out what symmetry gives."
  package static let operands = [Slot("input")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis of the signal, negative from the end, not the last"),
      Attribute("dft_length", \.length, "N; 0: the signal's length (2·(n - 1) for a one-sided inverse)"),
      Attribute("inverse", \.inverse, "whether the signal is computed from its spectrum"),
      Attribute("onesided", \.isOneSided, "whether the spectrum ends at N / 2 + 1, and the signal is real"),
    ]
  }
  package var axis = -2
  package var length = 0
  package var inverse = false
  package var isOneSided = false
  package init() {}
  package init(axis: Int, onesided: Bool) {
    self.axis = axis
    isOneSided = onesided
  }

  /// Larger prime factors would need matrices of their own size.
  private static let factorLimit = 4096

  private func plan(_ x: TensorType) throws(TypeError) -> (axis: Int, count: Int) {
    guard x.dtype.isFloat, x.rank >= 2, x.shape[x.rank - 1] == 1 || x.shape[x.rank - 1] == 2 else {
      throw TypeError("'DFT' takes floats whose last axis is 1 (real) or 2 (complex), found \(x)", operand: 0)
    }
    let place = try normalized(axis, rank: x.rank, for: Self.name)
    guard place != x.rank - 1 else { throw TypeError("the axis of 'DFT' cannot be that of real and imaginary parts") }
    guard let size = x.shape[place].value, size <= 1 << 24 else {
      throw TypeError("axis \(place) of \(x) must be a number below 2^24 for 'DFT'", operand: 0)
    }
    let count = length != 0 ? length : inverse && isOneSided ? 2 * (size - 1) : size
    guard count > 0, count <= 1 << 24, Self.factors(count).allSatisfy({ $0 <= Self.factorLimit }) else {
      throw TypeError(
        "'DFT' cannot have the length \(count)", note: "its prime factors must be at most \(Self.factorLimit)")
    }
    return (place, count)
  }

  /// The prime factors of a number above 0, ascending.
  private static func factors(_ number: Int) -> [Int] {
    var (rest, factor, found) = (number, 2, [Int]())
    while factor * factor <= rest {
      if rest % factor == 0 {
        found.append(factor)
        rest /= factor
      } else {
        factor += 1
      }
    }
    return rest > 1 ? found + [rest] : found
  }

  private var isReal: Bool { inverse && isOneSided }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'DFT' needs an operand") }
    let (place, count) = try plan(x)
    var shape = x.shape
    shape[place] = Dim(isOneSided && !inverse ? count / 2 + 1 : count)
    shape[x.rank - 1] = isReal ? 1 : 2
    return [TensorType(x.dtype, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'DFT' needs an operand") }
    let shape = try staticSizes(inferTypes([x.type])[0].shape, for: Self.name)
    let (place, count) = try plan(x.type)
    let parts = x.shape[x.shape.count - 1]
    let strides = x.strides
    let waves = (0..<count).map { k -> (cos: Double, sin: Double) in
      let angle = 2 * Double.pi * Double(k) / Double(count)
      return (cos(angle), sin(angle))
    }
    var result = Reference(zeros: x.dtype, shape)
    // Of a one-sided spectrum the other half is the first, mirrored and conjugated.
    let given = min(x.shape[place], isReal ? count / 2 + 1 : count)
    forEachIndex(Array(shape.dropLast())) { position, index in
      let base = index.indices.reduce(0) { $0 + ($1 == place ? 0 : index[$1] * strides[$1]) }
      var (real, imaginary) = (0.0, 0.0)
      func add(_ n: Int, _ re: Double, _ im: Double) {
        let wave = waves[n * index[place] % count]
        let sine = inverse ? wave.sin : -wave.sin
        real += re * wave.cos - im * sine
        imaginary += re * sine + im * wave.cos
      }
      for n in 0..<given {
        let offset = base + n * strides[place]
        let (re, im) = (x.reals[offset], parts == 2 ? x.reals[offset + 1] : 0)
        if isReal && (n == 0 || 2 * n == count) {
          add(n, re, 0)
          continue
        }
        add(n, re, im)
        if isReal { add(count - n, re, -im) }
      }
      let scale = inverse ? 1 / Double(count) : 1
      if isReal {
        result.reals[position] = real * scale
      } else {
        result.reals[2 * position] = real * scale
        result.reals[2 * position + 1] = imaginary * scale
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let (place, count) = try? plan(x) else { return .leaf }
    let shape = types.results[0].shape
    return .decompose { builder, operands throws(TypeError) in
      let input = try builder.widened(operands[0])
      // The signal's axis last, everything else merged before it.
      let order = (0..<x.rank - 1).filter { $0 != place } + [place, x.rank - 1]
      let others = order.dropLast(2).map { x.shape[$0] }
      let rows = others.reduce(Dim(1), *)
      let lines = try builder.reshaped(
        try builder.transposed(input, order), [rows, x.shape[place], x.shape[x.rank - 1]])
      func part(_ number: Int) throws(TypeError) -> ValueID {
        let slice = try builder.slice(lines, axis: 2, from: Dim(number), to: Dim(number + 1))
        return try resized(try builder.reshaped(slice, [rows, x.shape[place]]), count, &builder)
      }
      var signal = Signal(real: try part(0), imaginary: x.shape[x.rank - 1] == 2 ? try part(1) : nil)
      if isReal { signal = try mirrored(signal, count, &builder) }
      let spectrum = try transformed(signal, count, &builder)
      var bins = [spectrum.real]
      if let imaginary = spectrum.imaginary, !isReal { bins.append(imaginary) }
      for index in bins.indices {
        if isOneSided && !inverse {
          bins[index] = try builder.slice(bins[index], axis: 1, from: 0, to: Dim(count / 2 + 1))
        }
        if inverse { bins[index] = try builder.scaled(bins[index], by: 1 / Double(count)) }
        bins[index] = try builder.reshaped(bins[index], others + [shape[place], 1])
      }
      let joined = bins.count == 1 ? bins[0] : try builder.emitAny(Concat(axis: x.rank - 1), bins)[0]
      var back = order
      for (position, axis) in order.enumerated() { back[axis] = position }
      return [try builder.narrowed(try builder.transposed(joined, back), to: x.dtype)]
    }
  }

  /// Real and imaginary parts `[rows, N]`; only real signals have no imaginary part, spectra always have one.
  private struct Signal {
    var real: ValueID
    var imaginary: ValueID?
  }

  /// Lines cut or continued by zeros: to N, or to what a one-sided spectrum holds.
  private func resized(_ x: ValueID, _ count: Int, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let wanted = Dim(isReal ? count / 2 + 1 : count)
    let size = builder.type(x).shape[1]
    if size == wanted { return x }
    if let number = size.value, let goal = wanted.value, number > goal {
      return try builder.slice(x, axis: 1, from: 0, to: wanted)
    }
    return try builder.emit(Pad(pads: [0, 0, 0, wanted - size]), x)
  }

  /// The whole spectrum of a real signal from its first half.
  private func mirrored(_ half: Signal, _ count: Int, _ builder: inout GraphBuilder) throws(TypeError) -> Signal {
    let last = (count - 1) / 2
    func turned(_ x: ValueID) throws(TypeError) -> ValueID {
      try builder.emit(Slice(starts: [Dim(last)], ends: [0], axes: [1], steps: [-1]), x)
    }
    func whole(_ x: ValueID, sign: Double) throws(TypeError) -> ValueID {
      let rest = try builder.scaled(try turned(x), by: sign)
      return try builder.emit(Concat(axis: 1), x, rest)
    }
    guard let imaginary = half.imaginary else { return Signal(real: try whole(half.real, sign: 1), imaginary: nil) }
    // The imaginary parts at 0 and N / 2 have no meaning.
    let marks = (0...count / 2).map { Int64($0 == 0 || 2 * $0 == count ? 0 : 1) }
    let mask = try builder.constant(Tensor(.bool, [marks.count], integers: marks).orThrow())
    let kept = try builder.masked(imaginary, where: mask)
    return Signal(real: try whole(half.real, sign: 1), imaginary: try whole(kept, sign: -1))
  }

  /// The transform of lines of N: a product with the matrix of waves, or for a composite N = A · B by A transforms of B
  /// after B transforms of A.
  private func transformed(_ x: Signal, _ count: Int, _ builder: inout GraphBuilder) throws(TypeError) -> Signal {
    let factors = Self.factors(count)
    // The factor nearest to the square root, built from primes.
    var first = 1
    for factor in factors.reversed() where first * factor * first * factor <= count { first *= factor }
    if count <= 128 || first == 1 {
      return try product(x, waves(rows: count, columns: count) { $0 * $1 }, count, &builder)
    }
    let second = count / first
    let rows = builder.type(x.real).shape[0]
    // x[a · second + b], transformed over a.
    func columns(_ part: ValueID) throws(TypeError) -> ValueID {
      let split = try builder.reshaped(part, [rows, Dim(first), Dim(second)])
      return try builder.reshaped(try builder.transposed(split, [0, 2, 1]), [rows * Dim(second), Dim(first)])
    }
    var inner = Signal(real: try columns(x.real), imaginary: nil)
    if let imaginary = x.imaginary { inner.imaginary = try columns(imaginary) }
    inner = try transformed(inner, first, &builder)
    // [rows, b, k] times exp(-2πi·b·k / N)
    let twiddle = waves(rows: second, columns: first) { $0 * $1 }
    let turned = try rotated(inner, twiddle, [Dim(second), Dim(first)], rows, count, &builder)
    func lines(_ part: ValueID) throws(TypeError) -> ValueID {
      try builder.reshaped(try builder.transposed(part, [0, 2, 1]), [rows * Dim(first), Dim(second)])
    }
    var outer = Signal(real: try lines(turned.real), imaginary: nil)
    if let imaginary = turned.imaginary { outer.imaginary = try lines(imaginary) }
    outer = try transformed(outer, second, &builder)
    // [rows, k, l] is the bin k + first · l.
    func ordered(_ part: ValueID) throws(TypeError) -> ValueID {
      let split = try builder.reshaped(part, [rows, Dim(first), Dim(second)])
      return try builder.reshaped(try builder.transposed(split, [0, 2, 1]), [rows, Dim(count)])
    }
    var result = Signal(real: try ordered(outer.real), imaginary: nil)
    if let imaginary = outer.imaginary { result.imaginary = try ordered(imaginary) }
    return result
  }

  /// exp(∓2πi·m / N) for m of each row and column, where N is `rows · columns` at most: the exponents.
  private func waves(rows: Int, columns: Int, _ exponent: (Int, Int) -> Int) -> [Int] {
    (0..<rows * columns).map { exponent($0 / columns, $0 % columns) }
  }

  /// Cosines and signed sines of `exponents / count` turns, as constants.
  private func circle(
    _ exponents: [Int], _ shape: [Int], _ count: Int, _ dtype: DType, _ builder: inout GraphBuilder
  ) throws(TypeError) -> (cosines: ValueID, sines: ValueID) {
    let angles = exponents.map { 2 * Double.pi * Double($0 % count) / Double(count) }
    let sign: Double = inverse ? 1 : -1
    return (
      try builder.constant(Tensor(dtype, shape, doubles: angles.map { cos($0) }).orThrow()),
      try builder.constant(Tensor(dtype, shape, doubles: angles.map { sign * sin($0) }).orThrow())
    )
  }

  private func product(
    _ x: Signal, _ exponents: [Int], _ count: Int, _ builder: inout GraphBuilder
  ) throws(TypeError) -> Signal {
    let (cosines, sines) = try circle(exponents, [count, count], count, builder.type(x.real).dtype, &builder)
    let real = try builder.emit(MatMul(), x.real, cosines)
    let imaginary = try builder.emit(MatMul(), x.real, sines)
    guard let other = x.imaginary else { return Signal(real: real, imaginary: imaginary) }
    return Signal(
      real: try builder.sub(real, try builder.emit(MatMul(), other, sines)),
      imaginary: try builder.add(imaginary, try builder.emit(MatMul(), other, cosines)))
  }

  private func rotated(
    _ x: Signal, _ exponents: [Int], _ shape: [Dim], _ rows: Dim, _ count: Int, _ builder: inout GraphBuilder
  ) throws(TypeError) -> Signal {
    let sizes = shape.compactMap(\.value)
    let (cosines, sines) = try circle(exponents, sizes, count, builder.type(x.real).dtype, &builder)
    let real = try builder.reshaped(x.real, [rows] + shape)
    guard let other = x.imaginary else {
      return Signal(real: try builder.mul(real, cosines), imaginary: try builder.mul(real, sines))
    }
    let imaginary = try builder.reshaped(other, [rows] + shape)
    return Signal(
      real: try builder.sub(try builder.mul(real, cosines), try builder.mul(imaginary, sines)),
      imaginary: try builder.add(try builder.mul(real, sines), try builder.mul(imaginary, cosines)))
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = DFT()
    operation.inverse = random.bool()
    operation.isOneSided = random.bool()
    let size = random.pick([2, 3, 4, 5, 8, 150])
    let shape = random.bool() ? [random.int(1...3), size] : [size, random.int(1...3)]
    operation.axis = shape[0] == size ? 0 : 1
    if size < 10 && random.bool() { operation.length = random.int(1...9) }
    let isComplex = random.bool() || operation.inverse
    return Sample(
      operation, [TensorType(random.dtype([.f32, .f64]), (shape + [isComplex ? 2 : 1]).map { Dim($0) })])
  }
}
