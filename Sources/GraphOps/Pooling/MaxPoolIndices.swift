// SPDX-License-Identifier: Apache-2.0
// Where the largest element of each window is.

import GraphIR
import KernelIR
import TensorCore

package struct MaxPoolIndices: PoolOperation {
  package static let name = "MaxPoolIndices"
  package static let summary =
    "The position in the whole input of the largest element of each window (the first of equals); MaxPool's Indices."
  package static let results = [Slot("Indices")]
  package static let accuracy = Accuracy.exact
  package static let domain = DType.numbers
  package static var attributes: [Attribute<Self>] {
    windowAttributes() + [
      Attribute("storage_order", \.storageOrder, "how positions count within a channel: 0 by rows, 1 by columns")
    ]
  }
  package var windowOptions = WindowOptions()
  package var storageOrder = 0
  package init() {}

  package init(_ pool: MaxPool) {
    windowOptions = pool.windowOptions
    storageOrder = pool.storageOrder
  }

  package func reference(_ values: [Double], size: Int, padded: Int) -> Double { 0 }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'MaxPoolIndices' needs an operand") }
    guard storageOrder == 0 || (storageOrder == 1 && dataFormat == DataFormat.channelsFirst.rawValue) else {
      throw TypeError("'storage_order' is \(storageOrder), expected 0, or 1 with channels_first")
    }
    return [TensorType(.i64, try pooledShape(x))]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'MaxPoolIndices' needs an operand") }
    let shape = try inferTypes([x.type])[0].shape.compactMap(\.value)
    var result = Reference(zeros: .i64, shape)
    let image = Array(x.shape.dropFirst(2))
    try forEachWindow(of: x) { place, members, _ in
      var best = members.first ?? 0
      for member in members.dropFirst() where isGreater(x, member, best) { best = member }
      result.integers[place] = Int64(storageOrder == 0 ? best : byColumns(best, image))
    }
    return [result]
  }

  private func isGreater(_ x: Reference, _ a: Int, _ b: Int) -> Bool {
    if x.dtype.isFloat { return x.reals[a] > x.reals[b] || (x.reals[a].isNaN && !x.reals[b].isNaN) }
    if x.dtype == .u64 { return UInt64(bitPattern: x.integers[a]) > UInt64(bitPattern: x.integers[b]) }
    return x.integers[a] > x.integers[b]
  }

  /// A row-major position within images counted by columns.
  private func byColumns(_ position: Int, _ image: [Int]) -> Int {
    let area = image.reduce(1, *)
    var rest = position % area
    var flat = 0
    var digits: [Int] = []
    for size in image.reversed() {
      digits.insert(rest % size, at: 0)
      rest /= size
    }
    for axis in image.indices.reversed() { flat = flat * image[axis] + digits[axis] }
    return position / area * area + flat
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let (format, window) = try? geometry(x) else { return .leaf }
    let isByColumns = storageOrder == 1
    return .reduction(
      ReductionLowering(
        extents: window.map { Dim($0.kernel) }, kind: .index(.max, last: false), accumulator: x.dtype.computeType,
        element: { context, index, reduced in
          let (source, isInside) = pooledSource(format, window, context, index, reduced)
          let value = context.operand(0, at: source, where: isInside)
          return isInside.map { .select($0, value, MaxPool.identity(x.dtype)) } ?? value
        },
        finish: { context, index, value in
          var rest = value
          var taps: [Expr] = []
          for axis in window.reversed() {
            taps.insert(.mod(rest, .int(axis.kernel)), at: 0)
            rest = .floorDiv(rest, .int(axis.kernel))
          }
          let source = pooledSource(format, window, context, index, taps).index
          var order = Array(source.indices)
          if isByColumns { order = [0, 1] + order.dropFirst(2).reversed() }
          return order.reduce(Expr.int(0)) { $0 * context.size(x.shape[$1]) + source[$1] }
        }))
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }
}
