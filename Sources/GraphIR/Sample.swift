// SPDX-License-Identifier: Apache-2.0
// Random legal instances of operators, for the automatic tests and the random graphs.

import TensorCore

/// An operator with operand types it accepts, and where operand values must lie.
package struct Sample: Sendable {
  package var operation: any Operation
  package var operands: [TensorType?]
  /// For each operand the range its values are drawn from; the default is -2...2.
  package var ranges: [Int: ClosedRange<Double>]
  package init(_ operation: some Operation, _ operands: [TensorType?], ranges: [Int: ClosedRange<Double>] = [:]) {
    self.operation = operation
    self.operands = operands
    self.ranges = ranges
  }
}

/// A seeded source of random choices (SplitMix64), the same everywhere.
package struct SampleSource: RandomNumberGenerator, Sendable {
  private var state: UInt64
  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  package mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
  package mutating func double(_ range: ClosedRange<Double>) -> Double { Double.random(in: range, using: &self) }
  package mutating func bool() -> Bool { next() & 1 == 1 }
  package mutating func pick<T>(_ choices: [T]) -> T { choices[int(0...choices.count - 1)] }
  package mutating func dtype(_ choices: [DType]) -> DType { pick(choices) }

  /// A size that is often small and sometimes not a multiple of anything.
  package mutating func size(max: Int = 19) -> Int { Swift.min(max, pick([1, 2, 3, 4, 5, 7, 8, 11, 16, 17, 19])) }

  package mutating func shape(minRank: Int = 0, maxRank: Int = 4) -> [Int] {
    (0..<int(minRank...maxRank)).map { _ in size() }
  }

  /// A shape that broadcasts to `shape`.
  package mutating func broadcastable(to shape: [Int]) -> [Int] {
    let dropped = int(0...shape.count)
    return shape.dropFirst(bool() ? dropped : 0).map { int(0...4) == 0 ? 1 : $0 }
  }

  /// Values for a type: floats in a range on a coarse grid away from ties, integers and bools within their types.
  package mutating func tensor(_ dtype: DType, _ shape: [Int], in range: ClosedRange<Double> = -2...2) -> Tensor {
    guard let tensor = Tensor(zeros: dtype, shape) else { return Constant().value.tensor }
    for index in 0..<tensor.count {
      if dtype.isFloat {
        tensor.set(index, double(range))
      } else if dtype == .bool {
        tensor.set(index, integer: Int64(int(0...1)))
      } else {
        let low = Swift.max(range.lowerBound.rounded(.up), dtype.isSigned ? -1e6 : 0)
        let high = Swift.max(low, Swift.min(range.upperBound.rounded(.down), 100))
        tensor.set(index, integer: Int64(int(Int(low)...Int(high))))
      }
    }
    return tensor
  }
}
