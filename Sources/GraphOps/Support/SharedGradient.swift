// SPDX-License-Identifier: Apache-2.0
// The gradient of choosing one of several operands.

import GraphIR
import TensorCore

extension GradientContext {
  /// For a result that is the largest or smallest of the operands: each operand gets the seed where it equals the
  /// result, divided by how many do.
  mutating func shareAmongExtremes() throws(TypeError) -> [ValueID?] {
    guard let seed = seeds[0] else { return operands.map { _ in nil } }
    let type = type(seed)
    if operands.count == 1 { return [seed] }
    var masks: [ValueID] = []
    for operand in operands {
      guard let operand else { continue }
      masks.append(try emit(Equal(), operand, results[0]))
    }
    let counts = try builder.emitAny(
      Sum(), try masks.map { mask throws(TypeError) in try emit(Cast(to: type.dtype), mask) })
    let share = try div(seed, counts[0])
    var gradients: [ValueID?] = []
    for (operand, mask) in zip(operands, masks) {
      guard let operand else { continue }
      gradients.append(try unbroadcast(try masked(share, where: mask), to: operand))
    }
    return gradients
  }

  /// The same for a reduction of operand 0 over axes.
  mutating func shareAmongExtremes(ofReduced axes: [Int]) throws(TypeError) -> ValueID? {
    guard let seed = seeds[0], let x = operands[0], type(x).dtype.isFloat else { return nil }
    let mask = try emit(Equal(), x, try spread(results[0], overReduced: axes, of: x))
    let count = try emit(ReduceSum(axes: axes), try emit(Cast(to: type(x).dtype), mask))
    let shaped = try emit(Reshape(exactly: type(count).shape), seed)
    return try masked(try spread(try div(shaped, count), overReduced: axes, of: x), where: mask)
  }
}
