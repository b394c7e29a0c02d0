// SPDX-License-Identifier: Apache-2.0
// Grids of coordinates under affine maps.

import GraphIR
import KernelIR
import TensorCore

package struct AffineGrid: Operation {
  package static let name = "AffineGrid"
  package static let summary =
    "theta [N, 2, 3] (or [N, 3, 4]) applied to the coordinates of an image's elements: [N, spatial…, x y (z)]."
  package static let operands = [Slot("theta")]
  package static let results = [Slot("grid")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("size", \.size, "the image's sizes N, C, spatial…"),
      Attribute("align_corners", \.alignCorners, "whether -1 and 1 are the centres of the first and last element"),
    ]
  }
  package var size: [Dim] = []
  package var alignCorners = false
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let theta = operands[0] else { throw TypeError("'AffineGrid' needs an operand") }
    let count = size.count - 2
    guard (2...3).contains(count) else {
      throw TypeError("'size' of 'AffineGrid' has \(size.count) numbers, expected N, C and 2 or 3 spatial sizes")
    }
    guard theta.dtype.isFloat, theta.shape == [size[0], Dim(count), Dim(count + 1)] else {
      throw TypeError("theta of 'AffineGrid' is \(theta), expected [\(size[0]), \(count), \(count + 1)]", operand: 0)
    }
    return [TensorType(theta.dtype, [size[0]] + size.dropFirst(2) + [Dim(count)])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let theta = operands[0] else { throw TypeError("'AffineGrid' needs an operand") }
    let shape = try staticSizes(inferTypes([theta.type])[0].shape, for: Self.name)
    let count = size.count - 2
    var result = Reference(zeros: theta.dtype, shape)
    forEachIndex(shape) { position, index in
      let row = (index[0] * count + index[count + 1]) * (count + 1)
      var sum = theta.reals[row + count]
      for axis in 0..<count {
        let (i, n) = (Double(index[axis + 1]), Double(shape[axis + 1]))
        // One element has no corners; it stands at the first.
        let x = alignCorners ? (n == 1 ? -1 : 2 * i / (n - 1) - 1) : (2 * i + 1) / n - 1
        sum += theta.reals[row + count - 1 - axis] * x
      }
      result.reals[position] = sum
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let theta = types.operands[0] else { return .leaf }
    let count = size.count - 2
    return .decompose { builder, operands throws(TypeError) in
      let matrix = try builder.widened(operands[0])
      let wide = builder.type(matrix).dtype
      func column(_ number: Int) throws(TypeError) -> ValueID {
        let part = try builder.slice(matrix, axis: 2, from: Dim(number), to: Dim(number + 1))
        return try builder.reshaped(part, [size[0]] + (0..<count).map { _ in 1 } + [Dim(count)])
      }
      var sum = try column(count)
      for axis in 0..<count {
        let places = try builder.scaled(try builder.range(size[axis + 2], wide), by: 2)
        let n = try builder.size(size[axis + 2], wide)
        var x: ValueID
        if alignCorners {
          let spread = try builder.emit(Max(), try builder.plus(n, -1), try builder.scalar(1, wide))
          x = try builder.plus(try builder.div(places, spread), -1)
        } else {
          x = try builder.plus(try builder.div(try builder.plus(places, 1), n), -1)
        }
        x = try builder.along(axis + 1, rank: count + 2, x)
        sum = try builder.add(sum, try builder.mul(try column(count - 1 - axis), x))
      }
      let grid = try builder.expanded(sum, to: types.results[0].shape)
      return [try builder.narrowed(grid, to: theta.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = AffineGrid()
    let count = random.int(2...3)
    operation.size = [random.int(1...3), 2].map { Dim($0) } + (0..<count).map { _ in Dim(random.int(1...5)) }
    operation.alignCorners = random.bool()
    let theta = [operation.size[0], Dim(count), Dim(count + 1)]
    return Sample(operation, [TensorType(random.dtype([.f32, .f64]), theta)])
  }
}
