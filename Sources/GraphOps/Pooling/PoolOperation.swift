// SPDX-License-Identifier: Apache-2.0
// What pooling operators share: attributes, types, evaluation and lowering window by window.

import GraphIR
import KernelIR
import TensorCore

/// An operator that makes one element of each window of each channel.
package protocol PoolOperation: WindowOperation {
  static var domain: Set<DType> { get }
  /// A window's result from its elements on the axes; `size` counts elements, `padded` those on the padding too.
  func reference(_ values: [Double], size: Int, padded: Int) -> Double
}

extension PoolOperation {
  package static var operands: [Slot] { [Slot("X")] }
  package static var results: [Slot] { [Slot("Y")] }
  package static var domain: Set<DType> { DType.floats }
  package static var accuracy: Accuracy { .accumulation }

  /// The layout and the windows over an input.
  func geometry(_ x: TensorType?) throws(TypeError) -> (format: DataFormat, window: [WindowAxis]) {
    guard let x else { throw TypeError("'\(Self.name)' needs an operand") }
    let format = try format()
    guard Self.domain.contains(x.dtype) else { throw TypeError("'\(Self.name)' does not take \(x.dtype)", operand: 0) }
    guard x.rank >= 3 else {
      throw TypeError("'\(Self.name)' needs a spatial axis (rank 3 or more), found \(x)", operand: 0)
    }
    let sizes = Array(x.shape[format.spatial(rank: x.rank)])
    guard kernelShape.count == sizes.count else {
      throw TypeError(
        "'kernel_shape' of '\(Self.name)' is \(kernelShape), expected \(sizes.count) number"
          + "\(sizes.count == 1 ? "" : "s") for the spatial axes of \(x)")
    }
    return (format, try window(sizes, kernel: kernelShape))
  }

  /// The sizes of the result.
  func pooledShape(_ x: TensorType) throws(TypeError) -> [Dim] {
    let (format, window) = try geometry(x)
    return format.shape(x.shape[0], x.shape[format.channel(rank: x.rank)], window.map(\.output))
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    return [TensorType(x.dtype, try pooledShape(x))]
  }

  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? {
    guard dataFormat == DataFormat.channelsFirst.rawValue, order == DataFormat.toFirst(rank: order.count) else { return nil }
    var moved = self
    moved.dataFormat = DataFormat.channelsLast.rawValue
    return MovedAxes(moved, .first, order: order)
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    let axes = try geometry(x.type).window
    var result = Reference(zeros: x.dtype, try pooledShape(x.type).compactMap(\.value))
    try forEachWindow(of: x) { place, members, o in
      let padded = axes.indices.reduce(1) { $0 * axes[$1].count(of: o[$1], includingPadding: true) }
      let value = reference(members.map { x.double($0) }, size: members.count, padded: padded)
      if x.dtype.isFloat { result.reals[place] = value } else { result.integers[place] = Int64(saturating: value) }
    }
    return [result]
  }

  /// Calls `body` with each result's position, the positions of its window's elements, and the window's number along
  /// each spatial axis.
  func forEachWindow(
    of x: Reference, _ body: (_ place: Int, _ members: [Int], _ window: [Int]) -> Void
  ) throws(TypeError) {
    let (format, axes) = try geometry(x.type)
    guard let window = BoundWindow(axes) else { throw TypeError("'\(Self.name)' has unknown sizes") }
    let rank = x.shape.count
    let spatial = format.spatial(rank: rank)
    let channel = format.channel(rank: rank)
    let (channels, area) = (x.shape[channel], window.input.reduce(1, *))
    var members: [Int] = []
    forEachIndex(try pooledShape(x.type).compactMap(\.value)) { place, index in
      members.removeAll(keepingCapacity: true)
      let o = Array(index[spatial])
      forEachIndex(window.kernel) { _, k in
        guard let source = window.position(o, k) else { return }
        members.append(
          format == .channelsFirst
            ? (index[0] * channels + index[channel]) * area + source
            : (index[0] * area + source) * channels + index[channel])
      }
      body(place, members, o)
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Self()
    let axes = random.int(1...3)
    operation.sampleWindow(&random, axes: axes)
    operation.kernelShape = (0..<axes).map { _ in random.int(2...3) }
    operation.ceilMode = random.bool()
    let spatial = operation.kernelShape.indices.map {
      operation.kernelShape[$0] * (operation.dilations.isEmpty ? 1 : operation.dilations[$0]) + random.int(0...4)
    }
    if !operation.pads.isEmpty { operation.pads = operation.pads.map { Dim.min($0, 1) } }
    let (batch, channels) = (random.int(1...2), random.size())
    let shape =
      operation.dataFormat == DataFormat.channelsFirst.rawValue
      ? [batch, channels] + spatial : [batch] + spatial + [channels]
    let dtype = random.dtype([.f32, .f64, .i8].filter(domain.contains))
    return Sample(operation, [TensorType(dtype, shape.map { Dim($0) })])
  }
}

extension WindowAxis {
  /// How many elements of window `o` lie on the axis (or on its padding as well); for bound sizes.
  func count(of o: Int, includingPadding: Bool) -> Int {
    guard let before = before.value, let after = after.value, let input = input.value else { return kernel }
    let (low, high) = includingPadding ? (-before, input + after) : (0, input)
    return (0..<kernel).count { k in
      let index = o * stride - before + k * dilation
      return index >= low && index < high
    }
  }

  /// The same as an expression; nil when every window has all its elements.
  func count(of o: Expr, includingPadding: Bool, _ size: (Dim) -> Expr) -> Expr? {
    if staysInside { return nil }
    let reach = input + after - extent - (output - 1) * Dim(stride) + before
    if includingPadding, let reach = reach.value, reach >= 0 { return nil }
    let start = o * .int(stride) - size(before)
    let step = Expr.int(dilation)
    func ceilDiv(_ a: Expr) -> Expr { .floorDiv(a + .int(dilation - 1), step) }
    let first = includingPadding ? .int(0) : Expr.max(.int(0), ceilDiv(.int(0) - start))
    let last = Expr.min(.int(kernel), ceilDiv((includingPadding ? size(input + after) : size(input)) - start))
    return last - first
  }
}

/// The element of operand 0 that window `index`'s element `reduced` reads, and whether it lies on the axes.
func pooledSource(
  _ format: DataFormat, _ window: [WindowAxis], _ context: PullContext, _ index: [Expr], _ reduced: [Expr]
) -> (index: [Expr], isInside: Expr?) {
  var source = index
  var isInside: Expr?
  for (axis, place) in format.spatial(rank: index.count).enumerated() {
    let (position, condition) = window[axis].position(index[place], reduced[axis], context.size)
    source[place] = position
    if let condition { isInside = isInside.map { $0 && condition } ?? condition }
  }
  return (source, isInside)
}
