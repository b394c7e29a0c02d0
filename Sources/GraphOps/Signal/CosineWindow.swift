// SPDX-License-Identifier: Apache-2.0
// Windows that are sums of cosines.

import GraphIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// `Σ a_k · cos(2π·k·n / N)`, with N the size, or one less when the window is symmetric.
package protocol CosineWindow: Operation {
  /// a_0, a_1 …
  static var terms: [Double] { get }
  var size: Dim { get set }
  var isPeriodic: Bool { get set }
  var dtype: DType { get set }
}

extension CosineWindow {
  package static var operands: [Slot] { [] }
  package static var accuracy: Accuracy { .accumulation }
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("size", \.size, "the number of elements"),
      Attribute("periodic", \.isPeriodic, "whether the window goes on at its start (else it is symmetric)"),
      Attribute("output_datatype", \.dtype, "the element type"),
    ]
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard DType.numbers.contains(dtype), (size.value ?? 0) >= 0 else {
      throw TypeError("'\(Self.name)' cannot make \(size) elements of \(dtype)")
    }
    return [TensorType(dtype, [size])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let count = try staticSizes([size], for: Self.name)[0]
    let period = Double(max(1, isPeriodic ? count : count - 1))
    let values = (0..<count).map { n in
      Self.terms.enumerated().reduce(0) { $0 + $1.element * cos(2 * .pi * Double($1.offset) * Double(n) / period) }
    }
    if dtype.isFloat { return [Reference(dtype, [count], reals: values)] }
    return [Reference(dtype, [count], integers: values.map { dtype.integer(saturating: $0) })]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, _ throws(TypeError) in
      let places = try builder.range(size, .f64)
      var period = try builder.size(isPeriodic ? size : size - 1, .f64)
      period = try builder.emit(Max(), period, try builder.scalar(1, .f64))
      let turns = try builder.scaled(try builder.div(places, period), by: 2 * .pi)
      var sum = try builder.plus(try builder.scaled(places, by: 0), Self.terms[0])
      for (number, factor) in Self.terms.enumerated().dropFirst() {
        let wave = try builder.emit(Cos(), try builder.scaled(turns, by: Double(number)))
        sum = try builder.add(sum, try builder.scaled(wave, by: factor))
      }
      return [try builder.narrowed(sum, to: dtype)]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var window = Self()
    window.size = Dim(random.size())
    window.isPeriodic = random.bool()
    window.dtype = random.dtype([.f32, .f64])
    return Sample(window, [])
  }
}
