// SPDX-License-Identifier: Apache-2.0
// Local response normalization across neighbouring channels.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct LRN: Operation {
  package static let name = "LRN"
  package static let summary = "x / (bias + alpha / size · Σ x²)^beta, the sum over `size` neighbouring channels."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("size", \.size, "the number of channels in a sum"),
      Attribute("alpha", \.alpha, "the sum's factor"),
      Attribute("beta", \.beta, "the divisor's power"),
      Attribute("bias", \.bias, "added to the sum"),
      Attribute("data_format", \.dataFormat, "channels_first (N, C, spatial…) or channels_last (N, spatial…, C)"),
    ]
  }
  package static let accuracy = Accuracy.accumulation
  package var size = 1
  package var alpha = 1e-4
  package var beta = 0.75
  package var bias = 1.0
  package var dataFormat = DataFormat.channelsFirst.rawValue
  package init() {}

  private var before: Int { (size - 1) / 2 }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'LRN' needs an operand") }
    guard size > 0 else { throw TypeError("'size' of 'LRN' is \(size), expected 1 or more") }
    _ = try channelAxis(x, dataFormat, for: Self.name)
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'LRN' needs an operand") }
    let channel = try channelAxis(x.type, dataFormat, for: Self.name)
    var result = x
    let count = x.shape[channel]
    forEachLine(x.shape, along: channel) { base, step in
      for c in 0..<count {
        var sum = 0.0
        for other in max(0, c - before)..<max(0, min(count, c - before + size)) {
          sum += x.reals[base + other * step] * x.reals[base + other * step]
        }
        result.reals[base + c * step] /= pow(bias + alpha / Double(size) * sum, beta)
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let channel = try? channelAxis(x, dataFormat, for: Self.name) else { return .leaf }
    // The channels as the spatial axis of a pooling operator, which divides by `size`.
    let outer = x.shape[..<channel].reduce(Dim(1), *)
    let inner = x.shape[(channel + 1)...].reduce(Dim(1), *)
    var pool = AveragePool()
    pool.kernelShape = [size]
    pool.pads = [Dim(before), Dim(size - 1 - before)]
    pool.countIncludePad = true
    pool.dataFormat = DataFormat.channelsLast.rawValue
    return .decompose { [pool] builder, operands throws(TypeError) in
      let value = try builder.widened(operands[0])
      let squares = try builder.emit(Mul(), value, value)
      let lines = try builder.emit(Reshape(exactly: [outer, x.shape[channel], inner]), squares)
      let means = try builder.emit(Reshape(exactly: x.shape), try builder.emit(pool, lines))
      let scaled = try builder.emit(Mul(), means, try builder.scalar(alpha, like: value))
      let base = try builder.emit(Add(), scaled, try builder.scalar(bias, like: value))
      let divisor = try builder.emit(Pow(), base, try builder.scalar(beta, like: value))
      return [try builder.narrowed(try builder.emit(Div(), value, divisor), to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = LRN()
    operation.size = random.int(1...5)
    operation.alpha = random.double(0.1...1)
    if random.bool() { operation.dataFormat = DataFormat.channelsLast.rawValue }
    let shape = (0..<random.int(2...4)).map { _ in random.int(1...6) }
    return Sample(operation, [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }
}
