// SPDX-License-Identifier: Apache-2.0
// The mean of each window.

import GraphIR
import KernelIR
import TensorCore

package struct AveragePool: PoolOperation {
  package static let name = "AveragePool"
  package static let summary = "The mean of each window of each channel."
  package static var attributes: [Attribute<Self>] {
    windowAttributes() + [
      Attribute("count_include_pad", \.countIncludePad, "whether padding counts as elements of value 0")
    ]
  }
  package var windowOptions = WindowOptions()
  package var countIncludePad = false
  package init() {}

  package func reference(_ values: [Double], size: Int, padded: Int) -> Double {
    values.reduce(0, +) / Double(max(countIncludePad ? padded : size, 1))
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let (format, window) = try? geometry(x) else { return .leaf }
    let dtype = x.dtype.computeType
    let includesPad = countIncludePad
    return .reduction(
      ReductionLowering(
        extents: window.map { Dim($0.kernel) }, kind: .combine(.sum), accumulator: dtype,
        element: { context, index, reduced in
          let (source, isInside) = pooledSource(format, window, context, index, reduced)
          let value = context.operand(0, at: source, where: isInside)
          return isInside.map { .select($0, value, .constant(0, dtype)) } ?? value
        },
        finish: { context, index, value in
          var full = 1
          var count: Expr?
          for (axis, place) in format.spatial(rank: index.count).enumerated() {
            if let n = window[axis].count(of: index[place], includingPadding: includesPad, context.size) {
              count = count.map { $0 * n } ?? n
            } else {
              full = full.multipliedReportingOverflow(by: window[axis].kernel).partialValue
            }
          }
          guard let count else { return value / Double(full) }
          return value / Expr.max(count * .int(full), .int(1)).cast(to: dtype)
        }))
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    var spread = PoolGradient(self, of: context.type(x).shape)
    spread.divisor = countIncludePad ? "padded" : "inside"
    return [try context.emit(spread, seed)]
  }
}
