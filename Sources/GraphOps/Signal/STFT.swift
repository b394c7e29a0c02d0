// SPDX-License-Identifier: Apache-2.0
// Short-time Fourier transforms.

import GraphIR
import TensorCore

package struct STFT: Operation {
  package static let name = "STFT"
  package static let summary = "The Fourier transform of each frame of signals [B, length, 1 or 2], times a window."
  package static let operands = [Slot("signal"), Slot("window", .optional)]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("frame_step", \.step, "from the start of a frame to that of the next"),
      Attribute("frame_length", \.length, "elements of a frame; 0: those of the window"),
      Attribute("onesided", \.isOneSided, "whether spectra end at length / 2 + 1"),
    ]
  }
  package var step = 1
  package var length = 0
  package var isOneSided = true
  package init() {}

  private func plan(_ operands: [TensorType?]) throws(TypeError) -> (frames: Dim, length: Int, dft: DFT) {
    guard let x = operands[0], x.dtype.isFloat, x.rank == 2 || x.rank == 3 else {
      throw TypeError("'STFT' takes signals [B, length] or [B, length, 1 or 2]", operand: 0)
    }
    let window = optional(operands, 1)
    var size = length
    if size == 0 { size = window?.shape.first?.value ?? x.shape[1].value ?? 0 }
    guard step > 0, size > 0 else { throw TypeError("'STFT' cannot have frames of \(size), \(step) apart") }
    if let window, window != TensorType(x.dtype, [Dim(size)]) {
      throw TypeError("the window of 'STFT' is \(window), expected \(TensorType(x.dtype, [Dim(size)]))", operand: 1)
    }
    if let total = x.shape[1].value, total < size {
      throw TypeError("the signal \(x) of 'STFT' is shorter than a frame of \(size)", operand: 0)
    }
    return (Dim.floorDiv(x.shape[1] - Dim(size), Dim(step)) + 1, size, DFT(axis: 2, onesided: isOneSided))
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let (frames, size, dft) = try plan(operands)
    guard let x = operands[0] else { throw TypeError("'STFT' needs a signal") }
    return try dft.inferTypes([TensorType(x.dtype, [x.shape[0], frames, Dim(size), x.rank == 3 ? x.shape[2] : 1])])
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'STFT' needs a signal") }
    let (frameDim, size, dft) = try plan(operands.map { $0?.type })
    let frames = try staticSizes([frameDim], for: Self.name)[0]
    let window = optional(operands, 1)
    let parts = x.shape.count == 3 ? x.shape[2] : 1
    var framed = Reference(zeros: x.dtype, [x.shape[0], frames, size, parts])
    forEachIndex(framed.shape) { position, index in
      let source = (index[0] * x.shape[1] + index[1] * step + index[2]) * parts + index[3]
      framed.reals[position] = x.reals[source] * (window?.reals[index[2]] ?? 1)
    }
    return try dft.evaluate([framed])
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let (frames, size, dft) = try? plan(types.operands) else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      let starts = try builder.scaled(try builder.range(frames, .i64), by: Double(step))
      let places = try builder.add(
        try builder.reshaped(starts, [frames, 1]), try builder.range(Dim(size), .i64))
      var framed = try builder.emit(Gather(axis: 1), operands[0], places)
      framed = try builder.reshaped(framed, [x.shape[0], frames, Dim(size), x.rank == 3 ? x.shape[2] : 1])
      if let window = optional(operands, 1) {
        framed = try builder.mul(framed, try builder.along(2, rank: 4, window))
      }
      return [try builder.emit(dft, framed)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = STFT()
    operation.step = random.int(1...4)
    operation.isOneSided = random.bool()
    let size = random.int(1...8)
    let hasWindow = random.bool()
    if !hasWindow || random.bool() { operation.length = size }
    let dtype = random.dtype([.f32, .f64])
    let signal = [random.int(1...2), size + random.int(0...9)] + (random.bool() ? [random.pick([1, 2])] : [])
    return Sample(
      operation, [TensorType(dtype, signal.map { Dim($0) }), hasWindow ? TensorType(dtype, [Dim(size)]) : nil])
  }
}
