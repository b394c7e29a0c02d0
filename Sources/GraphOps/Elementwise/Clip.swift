// SPDX-License-Identifier: Apache-2.0
// Values kept between two bounds.

import GraphIR
import KernelIR
import TensorCore

/// Bounds are attributes or scalar operands. Integer types take fractional bounds truncated toward zero.
package struct Clip: Operation {
  package static let name = "Clip"
  package static let summary = "min(max(x, low), high); NaN stays NaN, and high wins over low."
  package static let operands = [Slot("input"), Slot("min", .optional), Slot("max", .optional)]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("min", \.min, "the lower bound"),
      Attribute("max", \.max, "the upper bound"),
    ]
  }
  package var min: Double?
  package var max: Double?
  package init() {}
  package init(min: Double?, max: Double?) {
    self.min = min
    self.max = max
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Clip' needs an operand") }
    guard DType.numbers.contains(type.dtype) else { throw TypeError("'Clip' does not take \(type.dtype)", operand: 0) }
    for (index, name, attribute) in [(1, "min", min), (2, "max", max)] where operands.count > index {
      guard let bound = operands[index] else { continue }
      if attribute != nil { throw TypeError("'\(name)' of 'Clip' is given twice", operand: index) }
      guard bound.dtype == type.dtype, bound.rank == 0 else {
        throw TypeError(
          "'\(name)' of 'Clip' must be a scalar of type \(type.dtype), found \(bound)", operand: index)
      }
    }
    return [type]
  }

  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? { MovedAxes(self, .first, order: order) }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var x = operands[0] else { throw TypeError("'Clip' needs an operand") }
    let low = operands.count > 1 ? operands[1] : nil
    let high = operands.count > 2 ? operands[2] : nil
    if x.dtype.isFloat {
      let (least, most) = (low?.reals[0] ?? min, high?.reals[0] ?? max)
      x.reals = x.reals.map { value in
        let raised = least.map { maximum(value, $0) } ?? value
        return most.map { minimum(raised, $0) } ?? raised
      }
    } else {
      let dtype = x.dtype
      let least = low?.integers[0] ?? min.map { dtype.integer(saturating: $0) }
      let most = high?.integers[0] ?? max.map { dtype.integer(saturating: $0) }
      x.integers = x.integers.map { value in
        let raised = least.map { isLess(value, $0, dtype) ? $0 : value } ?? value
        return most.map { isLess($0, raised, dtype) ? $0 : raised } ?? raised
      }
    }
    return [x]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let dtype = types.operands[0]?.dtype else { return .leaf }
    func constant(_ value: Double) -> Expr {
      dtype.isFloat ? .constant(value, dtype) : .integer(dtype.integer(saturating: value), dtype)
    }
    func hasOperand(_ index: Int) -> Bool { types.operands.count > index && types.operands[index] != nil }
    let (low, high) = (min.map(constant), max.map(constant))
    let (hasLow, hasHigh) = (hasOperand(1), hasOperand(2))
    return .pointwise { context, index in
      var x = context.operand(0, at: index)
      if let bound = hasLow ? context.operand(1, at: []) : low { x = .max(x, bound) }
      if let bound = hasHigh ? context.operand(2, at: []) : high { x = .min(x, bound) }
      return [x]
    }
  }

  /// d/dx = 1 between the bounds (both included), d/dlow = 1 where x < low, d/dhigh = 1 where x > high, else 0
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    var gradients: [ValueID?] = context.operands.map { _ in nil }
    guard let seed = context.seeds[0], let x = context.operands[0], context.type(x).dtype.isFloat else {
      return gradients
    }
    var toX = seed
    for (index, attribute) in [(1, min), (2, max)] {
      let operand = context.operands.count > index ? context.operands[index] : nil
      let bound: ValueID
      if let operand {
        bound = operand
      } else if let attribute {
        bound = try context.scalar(attribute, like: x)
      } else {
        continue
      }
      let isOutside = index == 1 ? try context.emit(Less(), x, bound) : try context.emit(Greater(), x, bound)
      toX = try context.masked(toX, where: try context.emit(Not(), isOutside))
      if operand != nil {
        gradients[index] = try context.unbroadcast(try context.masked(seed, where: isOutside), to: bound)
      }
    }
    gradients[0] = toX
    return gradients
  }

  package static var rules: [Rule] {
    [
      // Without bounds nothing changes.
      Rule("clip-unbounded", on: Clip.self) { clip, context throws(TypeError) in
        guard clip.min == nil, clip.max == nil, context.operands.dropFirst().allSatisfy({ $0 == nil }),
          let x = context.operands[0]
        else { return nil }
        return [x]
      }
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let dtype = random.dtype([.f32, .f64, .bf16, .i32, .u8, .u64])
    let scalar = TensorType(dtype, [])
    var operands: [TensorType?] = [TensorType(dtype, random.shape().map { Dim($0) })]
    var clip = Clip()
    if random.bool() { clip.min = dtype.isSigned ? -0.75 : 1 }
    if random.bool() { clip.max = 1.25 }
    operands.append(clip.min == nil && random.bool() ? scalar : nil)
    operands.append(clip.max == nil && random.bool() ? scalar : nil)
    return Sample(clip, operands, ranges: [1: -1...0, 2: 0.5...1.5])
  }
}
