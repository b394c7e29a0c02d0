// SPDX-License-Identifier: Apache-2.0
// Numbers at equal distances.

import GraphIR
import KernelIR
import TensorCore

/// ONNX's Range (the type is named apart from Swift's). Either `limit`, or `size` where the number of elements is
/// symbolic.
package struct NumberRange: Operation {
  package static let name = "Range"
  package static let summary = "start, start + delta, start + 2·delta … before limit, or `size` of them."
  package static let operands: [Slot] = []
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("start", \.start, "the first number"),
      Attribute("limit", \.limit, "the number before which the last one is"),
      Attribute("delta", \.delta, "the distance"),
      Attribute("size", \.size, "the number of elements, instead of a limit"),
      Attribute("dtype", \.dtype, "the element type"),
    ]
  }
  package var start = 0.0
  package var limit: Double?
  package var delta = 1.0
  package var size: Dim?
  package var dtype = DType.i64
  package init() {}
  /// 0, 1, 2 …
  package init(count: Dim, _ dtype: DType) {
    size = count
    self.dtype = dtype
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard DType.numbers.contains(dtype) else { throw TypeError("'Range' does not make \(dtype)") }
    guard start.isFinite, delta.isFinite, delta != 0 else {
      throw TypeError("'Range' cannot count from \(start) by \(delta)")
    }
    if !dtype.isFloat, start.rounded() != start || delta.rounded() != delta {
      throw TypeError("'Range' of \(dtype) needs whole numbers, found start \(start) and delta \(delta)")
    }
    switch (limit, size) {
    case (nil, let size?): return [TensorType(dtype, [size])]
    case (let limit?, nil):
      let count = max(0, ((limit - start) / delta).rounded(.up))
      guard !limit.isNaN, count < 0x1p53 else { throw TypeError("'Range' to \(limit) has no end") }
      return [TensorType(dtype, [Dim(Int(count))])]
    default: throw TypeError("'Range' needs either 'limit' or 'size'")
    }
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let sizes = try staticSizes(try inferTypes([])[0].shape, for: Self.name)
    let positions = 0..<sizes[0]
    if dtype.isFloat { return [Reference(dtype, sizes, reals: positions.map { start + Double($0) * delta })] }
    let (first, step) = (Int64(saturating: start), Int64(saturating: delta))
    return [Reference(dtype, sizes, integers: positions.map { wrap(first &+ Int64($0) &* step, to: dtype) })]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .pointwise { _, index in
      if !dtype.isFloat {
        let value = Expr.integer(Int64(saturating: start)) + index[0] * .integer(Int64(saturating: delta))
        return [value.cast(to: dtype)]
      }
      // In f64, so that the result is rounded once.
      return [(start + index[0].cast(to: .f64) * delta).cast(to: dtype.computeType)]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var range = NumberRange()
    range.dtype = random.dtype([.f32, .f64, .i32, .i64])
    range.start = Double(random.int(-5...5))
    range.delta = Double(random.pick([1, 2, -1, -3]))
    if random.bool() {
      range.limit = range.start + range.delta * Double(random.int(0...20))
    } else {
      range.size = Dim(random.size())
    }
    return Sample(range, [])
  }
}
