// SPDX-License-Identifier: Apache-2.0
// LSTM of com.microsoft with quantised weights.

import GraphIR
import TensorCore

/// Weights lie across: W is [directions, features, 4 · units], R [directions, units, 4 · units]; their scales are one
/// for each direction, or for each of its columns. What the weights multiply, X as a whole and the state of all rows at
/// each step, is rounded to u8 with a scale of its own, as DynamicQuantizeLinear does. So does onnxruntime with one
/// thread; with more it rounds each thread's rows on their own.
package struct DynamicQuantizeLSTM: Operation {
  package static let name = "DynamicQuantizeLSTM"
  package static let summary =
    "LSTM with 8-bit weights (W - zero) · scale and (R - zero) · scale, whose operands are rounded to 8 bits."
  package static let operands = [
    Slot("X"), Slot("W"), Slot("R"), Slot("B", .optional), Slot("sequence_lens", .optional),
    Slot("initial_h", .optional), Slot("initial_c", .optional), Slot("P", .optional), Slot("W_scale"),
    Slot("W_zero_point"), Slot("R_scale"), Slot("R_zero_point"),
  ]
  package static let results = [Slot("Y"), Slot("Y_h"), Slot("Y_c")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("activations", \.lstm.recurrence.activations, "the activations of each direction, by ONNX's names"),
      Attribute("activation_alpha", \.lstm.recurrence.activationAlpha, "numbers for activations that have an alpha"),
      Attribute("activation_beta", \.lstm.recurrence.activationBeta, "numbers for activations that have a beta"),
      Attribute("clip", \.lstm.recurrence.clip, "the largest magnitude that activations are given"),
      Attribute("direction", \.lstm.recurrence.direction, "`forward`, `reverse` or `bidirectional`"),
      Attribute("hidden_size", \.lstm.recurrence.hiddenSize, "the number of units; it is R's last size but for the 4"),
      Attribute("input_forget", \.lstm.inputForget, "whether the forget gate is 1 minus the input gate"),
    ]
  }
  package var lstm = LSTM()
  package init() {}

  /// The operator with plain weights.
  private var rounding: LSTM {
    var lstm = lstm
    lstm.recurrence.roundsState = true
    return lstm
  }

  /// The plain operator's operands, with weights that stand for these.
  private func plain<T>(_ x: T, _ operands: [T?], _ w: T, _ r: T) -> [T?] {
    [x, w, r] + (3..<8).map { optional(operands, $0) }
  }

  /// The type of a weight after it is dequantised and turned; its scales are checked.
  private func weights(_ operands: [TensorType?], _ index: Int, scale: Int) throws(TypeError) -> TensorType {
    guard let w = optional(operands, index), let scales = optional(operands, scale), w.rank == 3,
      w.dtype == .i8 || w.dtype == .u8, scales.dtype == .f32,
      scales.shape == [w.shape[0]] || scales.shape == [w.shape[0], w.shape[2]],
      let zeros = optional(operands, scale + 1), zeros == TensorType(w.dtype, scales.shape)
    else {
      throw TypeError(
        "'DynamicQuantizeLSTM' needs 8-bit weights [directions, rows, 4 · units] with scales and zero points for each "
          + "direction", operand: index)
    }
    return TensorType(.f32, [w.shape[0], w.shape[2], w.shape[1]])
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let (w, r) = (try weights(operands, 1, scale: 8), try weights(operands, 2, scale: 10))
    guard let x = operands[0], x.dtype == .f32 else {
      throw TypeError("X of 'DynamicQuantizeLSTM' must be f32", operand: 0)
    }
    return try lstm.inferTypes(plain(x, operands, w, r))
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    _ = try inferTypes(operands.map { $0?.type })
    guard let x = operands[0] else { throw TypeError("'DynamicQuantizeLSTM' needs an operand") }
    let parts = try DynamicQuantizeLinear().evaluate([x])
    let read = try DequantizeLinear().evaluate([parts[0], parts[1], parts[2]])[0]
    func weights(_ index: Int, scale: Int) throws(TypeError) -> Reference {
      guard let w = operands[index], let scales = operands[scale], let zeros = operands[scale + 1] else {
        throw TypeError("'DynamicQuantizeLSTM' needs its weights and scales")
      }
      let (rows, columns) = (w.shape[1], w.shape[2])
      var plain = Reference(zeros: .f32, w.shape)
      for position in w.integers.indices {
        let direction = position / (rows * columns)
        let place = scales.shape.count == 1 ? direction : direction * columns + position % columns
        plain.reals[position] = Double(w.integers[position] - zeros.integers[place]) * scales.reals[place]
      }
      return plain.permuted([0, 2, 1])
    }
    return try rounding.evaluate(plain(read, operands, try weights(1, scale: 8), try weights(2, scale: 10)))
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      func weights(_ index: Int, scale: Int) throws(TypeError) -> ValueID {
        guard let w = operands[index], let scales = operands[scale], let zeros = operands[scale + 1] else {
          throw TypeError("'DynamicQuantizeLSTM' needs its weights and scales")
        }
        let shape = builder.type(scales).shape
        let spread = shape.count == 1 ? [shape[0], 1, 1] : [shape[0], 1, shape[1]]
        let integers = try builder.centred(w, zero: try builder.reshaped(zeros, spread))
        let numbers = try builder.mul(try builder.narrowed(integers, to: .f32), try builder.reshaped(scales, spread))
        return try builder.transposed(numbers, [0, 2, 1])
      }
      guard let x = operands[0] else { throw TypeError("'DynamicQuantizeLSTM' needs an operand") }
      let (w, r) = (try weights(1, scale: 8), try weights(2, scale: 10))
      return try rounding.overSteps(&builder, plain(try builder.roundedToBytes(x), operands, w, r))
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = DynamicQuantizeLSTM()
    operation.lstm.recurrence.direction = random.pick(["forward", "reverse", "bidirectional"])
    let directions = Dim(operation.lstm.recurrence.direction == "bidirectional" ? 2 : 1)
    let (steps, batch, features, units) = (
      Dim(random.int(1...3)), Dim(random.int(1...3)), Dim(random.int(1...4)), Dim(random.int(1...3))
    )
    let dtype = random.dtype([.i8, .u8])
    let scale = random.bool() ? [directions] : [directions, 4 * units]
    let (scales, zeros) = (TensorType(.f32, scale), TensorType(dtype, scale))
    return Sample(
      operation,
      [
        TensorType(.f32, [steps, batch, features]), TensorType(dtype, [directions, features, 4 * units]),
        TensorType(dtype, [directions, units, 4 * units]),
        random.bool() ? TensorType(.f32, [directions, 8 * units]) : nil, nil, nil, nil, nil, scales, zeros, scales,
        zeros,
      ], ranges: [1: -50...50, 2: -50...50, 8: 0.005...0.02, 10: 0.005...0.02])
  }
}
