// SPDX-License-Identifier: Apache-2.0
// Comparing results with the reference meaning.

import GraphIR
import TensorCore

/// How a computed tensor differs from its reference, in words; nil when it does not by the accuracy promised.
///
/// - Parameter slack: multiplies the tolerance of float results, for results of several operators.
package func difference(
  _ found: Tensor, _ reference: Reference, _ accuracy: Accuracy, slack: Double = 1
) -> String? {
  guard found.dtype == reference.dtype, found.shape == reference.shape else {
    return "it is \(found.type), expected \(reference.type)"
  }
  if accuracy == .random { return nil }
  guard found.dtype.isFloat else {
    for index in 0..<found.count where found.integer(index) != reference.integers[index] {
      return "element \(index) is \(found.integer(index)), expected \(reference.integers[index])"
    }
    return nil
  }
  guard let rounded = reference.tensor else { return "there is no memory to compare" }
  let largest = reference.reals.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
  for index in 0..<found.count {
    let (x, y) = (found.double(index), rounded.double(index))
    if x == y || (x.isNaN && y.isNaN) { continue }
    let unit = spacing(max(abs(y), tiniest(found.dtype)), found.dtype)
    let tolerance =
      switch accuracy {
      case .exact: slack > 1 ? unit * slack : 0
      case .ulps(let count): (count + 1) * unit * slack
      case .accumulation: 128 * spacing(max(largest, 1), found.dtype) * slack
      case .random: Double.infinity
      }
    if !(abs(x - y) <= tolerance) { return "element \(index) is \(x), expected \(y) within \(tolerance)" }
  }
  return nil
}

/// The distance of neighbouring numbers of a type at a magnitude.
private func spacing(_ magnitude: Double, _ dtype: DType) -> Double {
  guard magnitude.isFinite else { return 0 }
  let digits: Int =
    switch dtype {
    case .f64: 52
    case .f32: 23
    case .f16: 10
    default: 7
    }
  return Double(sign: .plus, exponent: Int(magnitude.exponent) - digits, significand: 1)
}

private func tiniest(_ dtype: DType) -> Double {
  switch dtype {
  case .f64: 0x1p-1022
  case .f16: 0x1p-14
  default: 0x1p-126
  }
}

/// How far two references are apart relative to their size: the largest |a - b| / (1 + |b|).
package func distance(_ a: Reference, _ b: Reference) -> Double {
  guard a.dtype == b.dtype, a.shape == b.shape else { return .infinity }
  if !a.dtype.isFloat { return a.integers == b.integers ? 0 : .infinity }
  var largest = 0.0
  for (x, y) in zip(a.reals, b.reals) where x != y && !(x.isNaN && y.isNaN) {
    let distance = abs(x - y) / (1 + abs(y))
    largest = distance.isNaN ? .infinity : max(largest, distance)
  }
  return largest
}

extension Sample {
  /// Values for every operand, within the sample's ranges.
  package func values(_ random: inout SampleSource) -> [Tensor?] {
    operands.enumerated().map { index, type in
      type.flatMap { type in type.staticShape.map { random.tensor(type.dtype, $0, in: ranges[index] ?? -2...2) } }
    }
  }
}
