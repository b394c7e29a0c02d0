// SPDX-License-Identifier: Apache-2.0
// The norm of each channel.

import GraphIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct GlobalLpPool: Operation {
  package static let name = "GlobalLpPool"
  package static let summary = "(Σ |x|^p)^(1/p) over the spatial axes of each channel."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] { [Attribute("p", \.p, "1 or more")] }
  package var p = 2
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], x.dtype.isFloat, x.rank >= 3 else {
      throw TypeError(
        "'GlobalLpPool' takes floats [N, C, spatial…], found \(operands[0]?.description ?? "none")", operand: 0)
    }
    guard p > 0 else { throw TypeError("'p' of 'GlobalLpPool' is \(p), expected 1 or more") }
    return [TensorType(x.dtype, x.shape.prefix(2) + x.shape.dropFirst(2).map { _ in 1 })]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'GlobalLpPool' needs an operand") }
    let shape = try staticSizes(inferTypes([x.type])[0].shape, for: Self.name)
    let area = x.shape.dropFirst(2).reduce(1, *)
    let exponent = Double(p)
    return [
      Reference(
        x.dtype, shape,
        reals: (0..<shape[0] * shape[1]).map { channel in
          let sum = x.reals[channel * area..<(channel + 1) * area].reduce(0) { $0 + pow(abs($1), exponent) }
          return pow(sum, 1 / exponent)
        })
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    let axes = Array(x.shape.indices.dropFirst(2))
    return .decompose { builder, operands throws(TypeError) in
      let size = try builder.emit(Abs(), try builder.widened(operands[0]))
      let terms = p == 1 ? size : try builder.emit(Pow(), size, try builder.scalar(Double(p), like: size))
      let sum = try builder.emit(ReduceSum(axes: axes), terms)
      let root = p == 1 ? sum : try builder.emit(Pow(), sum, try builder.scalar(1 / Double(p), like: sum))
      return [try builder.narrowed(root, to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = GlobalLpPool()
    operation.p = random.int(1...3)
    let shape = random.shape(minRank: 1, maxRank: 2)
    return Sample(
      operation, [TensorType(random.dtype([.f32, .f64]), ([2, 3] + shape).map { Dim($0) })], ranges: [0: 0.25...2])
  }
}
