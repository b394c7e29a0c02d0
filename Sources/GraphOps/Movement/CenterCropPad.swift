// SPDX-License-Identifier: Apache-2.0
// Cropping or padding around the centre.

import GraphIR
import KernelIR
import TensorCore

package struct CenterCropPad: Operation {
  package static let name = "CenterCropPad"
  package static let summary = "The input cropped, or padded with zeros, evenly on both sides to given sizes."
  package static let operands = [Slot("input_data")]
  package static let results = [Slot("output_data")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("shape", \.shape, "the new size of each axis (of `axes`)"),
      Attribute("axes", \.axes, "the axes, negative from the end; empty means all"),
    ]
  }
  package var shape: [Dim] = []
  package var axes: [Int] = []
  package init() {}

  /// For each axis the new size.
  private func sizes(_ old: [Dim]) throws(TypeError) -> [Dim] {
    guard shape.count == (axes.isEmpty ? old.count : axes.count) else {
      let count = axes.isEmpty ? old.count : axes.count
      throw TypeError("'shape' of 'CenterCropPad' has \(shape.count) sizes for \(count) axes")
    }
    var sizes = old
    var seen: Set<Int> = []
    for (place, size) in shape.enumerated() {
      let axis = axes.isEmpty ? place : try normalized(axes[place], rank: old.count, for: Self.name)
      guard seen.insert(axis).inserted else { throw TypeError("'CenterCropPad' names axis \(axis) twice") }
      guard (size.value ?? 0) >= 0 else { throw TypeError("'shape' of 'CenterCropPad' holds \(size)") }
      sizes[axis] = size
    }
    return sizes
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'CenterCropPad' needs an operand") }
    return [TensorType(x.dtype, try sizes(x.shape))]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'CenterCropPad' needs an operand") }
    let new = try staticSizes(sizes(x.type.shape), for: Self.name)
    let strides = x.strides
    return [
      x.gathering(new) { index in
        var offset = 0
        for axis in index.indices {
          let (old, size) = (x.shape[axis], new[axis])
          let place = size < old ? index[axis] + (old - size) / 2 : index[axis] - (size - old) / 2
          if place < 0 || place >= old { return nil }
          offset += place * strides[axis]
        }
        return offset
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    let new = types.results[0].shape
    return .pointwise { context, index in
      var source = index
      var isInside = Expr.bool(true)
      for axis in x.shape.indices where x.shape[axis] != new[axis] {
        let crop = Dim.floorDiv(Dim.larger(0, x.shape[axis] - new[axis]), 2)
        let pad = Dim.floorDiv(Dim.larger(0, new[axis] - x.shape[axis]), 2)
        source[axis] = index[axis] + context.size(crop - pad)
        isInside = isInside && .binary(.ge, source[axis], .int(0)) && .less(source[axis], context.size(x.shape[axis]))
      }
      let value = context.operand(0, at: source, where: isInside)
      return [.select(isInside, value, .constant(0, x.dtype.computeType))]
    }
  }

  /// What was cropped gets zeros, what was padded is dropped.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let (old, new) = (context.type(x).shape, context.type(seed).shape)
    var before: [Dim] = []
    for axis in old.indices {
      let crop = Dim.floorDiv(Dim.larger(0, old[axis] - new[axis]), 2)
      before.append(crop - Dim.floorDiv(Dim.larger(0, new[axis] - old[axis]), 2))
    }
    let after = old.indices.map { old[$0] - new[$0] - before[$0] }
    return [try context.emit(Pad(pads: before + after), seed)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = CenterCropPad()
    let shape = random.shape(minRank: 1, maxRank: 3)
    operation.axes = shape.indices.filter { _ in random.bool() }
    operation.shape = (operation.axes.isEmpty ? Array(shape.indices) : operation.axes).map { _ in Dim(random.size()) }
    return Sample(operation, [TensorType(random.dtype([.f32, .f64, .i32, .bool]), shape.map { Dim($0) })])
  }
}
