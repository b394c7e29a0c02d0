// SPDX-License-Identifier: Apache-2.0
// The largest element of each window.

import GraphIR
import KernelIR
import TensorCore

package struct MaxPool: PoolOperation {
  package static let name = "MaxPool"
  package static let summary = "The largest element of each window of each channel, and on request where it is."
  package static let results = [Slot("Y"), Slot("Indices", .optional)]
  package static let accuracy = Accuracy.exact
  package static let domain = DType.numbers
  package static var attributes: [Attribute<Self>] {
    windowAttributes() + [
      Attribute("storage_order", \.storageOrder, "how Indices count within a channel: 0 by rows, 1 by columns"),
      Attribute("indices", \.indices, "whether Indices is a result too"),
    ]
  }
  package var windowOptions = WindowOptions()
  package var storageOrder = 0
  package var indices = false
  package init() {}

  package var resultCount: Int { indices ? 2 : 1 }

  package func reference(_ values: [Double], size: Int, padded: Int) -> Double {
    values.dropFirst().reduce(values.first ?? -.infinity) { $1 > $0 || $1.isNaN ? $1 : $0 }
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'MaxPool' needs an operand") }
    let shape = try pooledShape(x)
    return indices ? [TensorType(x.dtype, shape), TensorType(.i64, shape)] : [TensorType(x.dtype, shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'MaxPool' needs an operand") }
    let shape = try pooledShape(x.type).compactMap(\.value)
    var result = Reference(zeros: x.dtype, shape)
    try forEachWindow(of: x) { place, members, _ in
      if x.dtype.isFloat {
        result.reals[place] = reference(members.map { x.reals[$0] }, size: members.count, padded: 0)
      } else {
        let isUnsigned = x.dtype == .u64
        result.integers[place] =
          members.map { x.integers[$0] }.max {
            isUnsigned ? UInt64(bitPattern: $0) < UInt64(bitPattern: $1) : $0 < $1
          } ?? lowest(x.dtype)
      }
    }
    return indices ? [result, try MaxPoolIndices(self).evaluate([x])[0]] : [result]
  }

  private func lowest(_ dtype: DType) -> Int64 { dtype.integerRange?.low ?? 0 }

  /// What a window without elements gives.
  static func identity(_ dtype: DType) -> Expr {
    dtype.isFloat ? .real(-.infinity, dtype.computeType) : .integer(dtype.integerRange?.low ?? 0, dtype.computeType)
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let (format, window) = try? geometry(x) else { return .leaf }
    if indices {
      var plain = self
      plain.indices = false
      return .decompose { [plain] builder, operands throws(TypeError) in
        [try builder.emit(plain, operands[0]), try builder.emit(MaxPoolIndices(plain), operands[0])]
      }
    }
    return .reduction(
      ReductionLowering(
        extents: window.map { Dim($0.kernel) }, kind: .combine(.max), accumulator: x.dtype.computeType,
        element: { context, index, reduced in
          let (source, isInside) = pooledSource(format, window, context, index, reduced)
          let value = context.operand(0, at: source, where: isInside)
          return isInside.map { .select($0, value, MaxPool.identity(x.dtype)) } ?? value
        }))
  }

  /// The seed goes to the largest element of its window, the first of equals.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    var spread = PoolGradient(self, of: context.type(x).shape)
    spread.divisor = "none"
    var plain = self
    plain.storageOrder = 0
    return [try context.emit(spread, seed, try context.emit(MaxPoolIndices(plain), x))]
  }
}
