// SPDX-License-Identifier: Apache-2.0
// Convolutions over the past, one channel at a time.

import GraphIR
import TensorCore

package struct CausalConvWithState: Operation {
  package static let name = "CausalConvWithState"
  package static let summary =
    "Each channel's convolution over its past: y[t] = Σ w[j] · x[t - k + 1 + j] + bias, and the last k - 1 inputs."
  package static let operands = [
    Slot("input"), Slot("weight"), Slot("bias", .optional), Slot("past_state", .optional),
  ]
  package static let results = [Slot("output"), Slot("present_state")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [Attribute("activation", \.activation, "'none', 'silu' or 'swish'")]
  }
  package var activation = "none"
  package init() {}

  /// The elements of the window.
  private func taps(_ operands: [TensorType?]) throws(TypeError) -> Int {
    guard let x = operands[0], let w = operands[1] else { throw TypeError("'CausalConvWithState' needs two operands") }
    guard ["none", "silu", "swish"].contains(activation) else {
      throw TypeError(
        "'activation' of 'CausalConvWithState' is '\(activation)'", note: "it is 'none', 'silu' or 'swish'")
    }
    guard x.rank == 3, x.dtype.isFloat, w.dtype == x.dtype, w.rank == 3, let taps = w.shape[2].value, taps > 0,
      taps <= 4096, w.shape == [x.shape[1], 1, Dim(taps)]
    else {
      throw TypeError("'CausalConvWithState' takes [B, C, L] and weights [C, 1, k], found \(x) and \(w)", operand: 1)
    }
    if let bias = optional(operands, 2), bias != TensorType(x.dtype, [x.shape[1]]) {
      throw TypeError("the bias of 'CausalConvWithState' is \(bias), expected [\(x.shape[1])]", operand: 2)
    }
    let state = TensorType(x.dtype, [x.shape[0], x.shape[1], Dim(taps - 1)])
    if let past = optional(operands, 3), past != state {
      throw TypeError("the past state of 'CausalConvWithState' is \(past), expected \(state)", operand: 3)
    }
    return taps
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let taps = try taps(operands)
    guard let x = operands[0] else { throw TypeError("'CausalConvWithState' needs two operands") }
    return [x, TensorType(x.dtype, [x.shape[0], x.shape[1], Dim(taps - 1)])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let w = operands[1] else { throw TypeError("'CausalConvWithState' needs two operands") }
    let types = try inferTypes(operands.map { $0?.type })
    let past = optional(operands, 3)
    let (channels, length, taps) = (x.shape[1], x.shape[2], w.shape[2])
    /// The input of a line at a time, which is negative in the past.
    func input(_ line: Int, _ time: Int) -> Double {
      time >= 0 ? x.reals[line * length + time] : past?.reals[line * (taps - 1) + taps - 1 + time] ?? 0
    }
    var result = x
    var state = Reference(zeros: x.dtype, try staticSizes(types[1].shape, for: Self.name))
    for line in 0..<x.shape[0] * channels {
      for time in 0..<length {
        var sum = optional(operands, 2)?.reals[line % channels] ?? 0
        for tap in 0..<taps { sum += w.reals[line % channels * taps + tap] * input(line, time - taps + 1 + tap) }
        result.reals[line * length + time] = activation == "none" ? sum : sum * sigmoid(sum)
      }
      for place in 0..<taps - 1 { state.reals[line * (taps - 1) + place] = input(line, length - taps + 1 + place) }
    }
    return [result, state]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let taps = try? taps(types.operands) else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      guard let input = operands[0], let weights = operands[1] else {
        throw TypeError("'CausalConvWithState' needs two operands")
      }
      let padded: ValueID
      if let past = optional(operands, 3) {
        padded = try builder.emit(Concat(axis: 2), past, input)
      } else {
        padded = try builder.emit(Pad(pads: [0, 0, Dim(taps - 1), 0, 0, 0]), input)
      }
      let (wide, factors) = (try builder.widened(padded), try builder.widened(weights))
      var sum: ValueID?
      for tap in 0..<taps {
        let line = try builder.slice(wide, axis: 2, from: Dim(tap), to: Dim(tap) + x.shape[2])
        let factor = try builder.slice(factors, axis: 2, from: Dim(tap), to: Dim(tap + 1))
        let term = try builder.mul(line, try builder.reshaped(factor, [1, x.shape[1], 1]))
        sum = try builder.added(term, to: sum)
      }
      guard var y = sum else { throw TypeError("'CausalConvWithState' has an empty window") }
      if let bias = optional(operands, 2) {
        y = try builder.add(y, try builder.along(1, rank: 3, try builder.widened(bias)))
      }
      if activation != "none" { y = try builder.mul(y, try builder.emit(Sigmoid(), y)) }
      let state = try builder.slice(padded, axis: 2, from: x.shape[2], to: x.shape[2] + Dim(taps - 1))
      return [try builder.narrowed(y, to: x.dtype), state]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = CausalConvWithState()
    operation.activation = random.pick(["none", "silu"])
    let (batch, channels, length, taps) = (
      Dim(random.int(1...2)), Dim(random.int(1...4)), Dim(random.int(1...5)), random.int(1...4)
    )
    let dtype = random.dtype([.f32, .f64])
    return Sample(
      operation,
      [
        TensorType(dtype, [batch, channels, length]), TensorType(dtype, [channels, 1, Dim(taps)]),
        random.bool() ? TensorType(dtype, [channels]) : nil,
        random.bool() ? TensorType(dtype, [batch, channels, Dim(taps - 1)]) : nil,
      ])
  }
}
