// SPDX-License-Identifier: Apache-2.0
// The transpose of Slice. Not an operator of ONNX.

import GraphIR
import KernelIR
import TensorCore

package struct Unslice: Operation {
  package static let name = "Unslice"
  package static let summary = "Zeros of a shape, with the input at start + i·step of each axis: the gradient of Slice."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("shape", \.shape, "the sizes of the result"),
      Attribute("starts", \.starts, "for each axis the index of the first element"),
      Attribute("steps", \.steps, "for each axis the distance of elements, negative for reverse"),
    ]
  }
  package var shape: [Dim] = []
  package var starts: [Dim] = []
  package var steps: [Int] = []
  package init() {}
  package init(shape: [Dim], starts: [Dim], steps: [Int]) {
    self.shape = shape
    self.starts = starts
    self.steps = steps
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Unslice' needs an operand") }
    guard shape.count == type.rank, starts.count == type.rank, steps.count == type.rank, !steps.contains(0) else {
      throw TypeError(
        "'Unslice' of \(type) needs \(type.rank) sizes, starts and steps other than 0", operand: 0)
    }
    return [TensorType(type.dtype, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'Unslice' needs an operand") }
    let starts = try staticSizes(starts, for: Self.name)
    var result = Reference(zeros: input.dtype, try staticSizes(shape, for: Self.name))
    let strides = result.strides
    forEachIndex(input.shape) { position, index in
      var offset = 0
      for axis in index.indices {
        let place = starts[axis] + index[axis] * steps[axis]
        guard place >= 0, place < result.shape[axis] else { return }
        offset += place * strides[axis]
      }
      if input.dtype.isFloat {
        result.reals[offset] = input.reals[position]
      } else {
        result.integers[offset] = input.integers[position]
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let input = types.operands[0] else { return .leaf }
    return .pointwise { context, index in
      var isInside = Expr.bool(true)
      var source = index
      for axis in index.indices {
        if starts[axis] == 0 && steps[axis] == 1 && input.shape[axis] == shape[axis] { continue }
        let distance = index[axis] - context.size(starts[axis])
        source[axis] = .floorDiv(distance, .int(steps[axis]))
        isInside = isInside && .binary(.eq, source[axis] * .int(steps[axis]), distance)
        isInside = isInside && .binary(.ge, source[axis], .int(0))
        isInside = isInside && .less(source[axis], context.size(input.shape[axis]))
      }
      let value = context.operand(0, at: source, where: isInside)
      return [.select(isInside, value, .constant(0, input.dtype.computeType))]
    }
  }

  /// The slice that this operator undoes, of the seed.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let ends = zip(zip(starts, steps), context.type(x).shape).map { part, count in
      let end = part.0 + (count - 1) * Dim(part.1) + Dim(part.1.signum())
      // Going down to the first element ends at -1, which a slice would count from the end.
      return end == -1 ? Dim(-Int(Int32.max)) : end
    }
    return [try context.emit(Slice(starts: starts, ends: ends, axes: Array(shape.indices), steps: steps), seed)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1, maxRank: 3)
    let steps = shape.map { _ in random.pick([1, 2, 3, -1, -2]) }
    var starts: [Int] = []
    var sizes: [Int] = []
    for (count, step) in zip(shape, steps) {
      let reach = (count - 1) * abs(step)
      let before = random.int(0...3)
      starts.append(step > 0 ? before : before + reach)
      sizes.append(before + reach + 1 + random.int(0...3))
    }
    return Sample(
      Unslice(shape: sizes.map { Dim($0) }, starts: starts.map { Dim($0) }, steps: steps),
      [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }
}
