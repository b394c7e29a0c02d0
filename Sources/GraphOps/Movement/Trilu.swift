// SPDX-License-Identifier: Apache-2.0
// The upper or lower triangle of matrices.

import GraphIR
import KernelIR
import TensorCore

package struct Trilu: Operation {
  package static let name = "Trilu"
  package static let summary =
    "Matrices with zeros below (upper) or above (lower) the diagonal column = row + k of the last two axes."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("upper", \.upper, "whether the upper triangle stays, else the lower"),
      Attribute("k", \.k, "the diagonal: above the main one for positive, below for negative"),
    ]
  }
  package var upper = true
  package var k = 0
  package init() {}
  package init(upper: Bool, k: Int = 0) {
    self.upper = upper
    self.k = k
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Trilu' needs an operand") }
    guard type.rank >= 2 else { throw TypeError("'Trilu' needs two axes or more, found \(type)", operand: 0) }
    return [type]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'Trilu' needs an operand") }
    let (rank, strides) = (input.shape.count, input.strides)
    return [
      input.gathering(input.shape) { index in
        let distance = index[rank - 1] - index[rank - 2]
        return (upper ? distance >= k : distance <= k) ? zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 } : nil
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let dtype = types.results[0].dtype
    return .pointwise { context, index in
      let distance = index[index.count - 1] - index[index.count - 2]
      let isKept = Expr.binary(upper ? .ge : .le, distance, .int(k))
      return [.select(isKept, context.operand(0, at: index), .constant(0, dtype))]
    }
  }

  /// The same triangle of the seed.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0] else { return [nil] }
    return [try context.emit(self, seed)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(
      Trilu(upper: random.bool(), k: random.int(-4...4)),
      [TensorType(random.dtype([.f32, .f64, .i32, .bool]), random.shape(minRank: 2).map { Dim($0) })])
  }
}
