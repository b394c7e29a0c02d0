// SPDX-License-Identifier: Apache-2.0
// How far a tensor is from a reference.

/// The difference between two tensors of one type and shape, element by element.
///
/// An element matches when both are NaN, both are the same infinity, or `|actual - reference| <= atol + rtol·|reference|`.
package struct TensorComparison: Hashable, Sendable, CustomStringConvertible {
  /// Why there is nothing to compare, when types or shapes differ; every figure is then 0.
  package var incompatibility: String?
  package var count = 0
  package var mismatchCount = 0
  /// Over elements finite in both.
  package var maxAbsoluteError = 0.0
  /// |actual - reference| / |reference| over elements finite in both whose reference is not 0.
  package var maxRelativeError = 0.0
  /// The largest distance in units in the last place of the element type, over elements finite in both; for integers
  /// the largest difference. Saturates.
  package var maxULP: UInt64 = 0
  /// Elements where only one side is NaN or infinite, or both are infinite with different signs.
  package var nonFiniteMismatchCount = 0
  /// The first element that does not match.
  package var firstMismatch: Int?
  /// The element that is furthest beyond what is allowed; non-finite mismatches come first.
  package var worst: Int?
  /// The values at `worst`.
  package var worstActual = 0.0
  package var worstReference = 0.0
  /// The sizes of both tensors, to show an element's place.
  package var shape: [Int] = []

  package var matches: Bool { incompatibility == nil && mismatchCount == 0 }

  /// Compares `actual` with `reference`; without tolerances values must be equal (0 and -0 are).
  package init(_ actual: Tensor, _ reference: Tensor, absolute: Double = 0, relative: Double = 0) {
    guard actual.dtype == reference.dtype, actual.shape == reference.shape else {
      incompatibility = "\(actual.type), expected \(reference.type)"
      return
    }
    (count, shape) = (actual.count, actual.shape)
    if actual.dtype.isFloat {
      compareFloats(actual, reference, absolute, relative)
    } else {
      compareIntegers(actual, reference, absolute, relative)
    }
  }

  private mutating func compareFloats(_ actual: Tensor, _ reference: Tensor, _ absolute: Double, _ relative: Double) {
    var worstExcess = 0.0
    let block = Tensor.blockSize
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * block) { values in
      guard let a = values.baseAddress else { return }
      let b = a + block
      for first in stride(from: 0, to: count, by: block) {
        let range = first..<min(count, first + block)
        actual.copyDoubles(range, to: a)
        reference.copyDoubles(range, to: b)
        for index in range {
          compare(index, a[index - first], b[index - first], actual.dtype, absolute, relative, &worstExcess)
        }
      }
    }
  }

  private mutating func compare(
    _ index: Int, _ x: Double, _ y: Double, _ dtype: DType, _ absolute: Double, _ relative: Double,
    _ worstExcess: inout Double
  ) {
    if x == y { return }
    if !x.isFinite || !y.isFinite {
      if x.isNaN && y.isNaN { return }
      nonFiniteMismatchCount += 1
      note(index, x, y, excess: .infinity, &worstExcess)
      return
    }
    // The difference of two doubles may be infinite; that is then the figure.
    let error = (x - y).magnitude
    maxAbsoluteError = max(maxAbsoluteError, error)
    if y != 0 { maxRelativeError = max(maxRelativeError, error / y.magnitude) }
    maxULP = max(maxULP, dtype.ulpDistance(x, y))
    let allowed = absolute + relative * y.magnitude
    if error > allowed { note(index, x, y, excess: error - allowed, &worstExcess) }
  }

  private mutating func compareIntegers(_ actual: Tensor, _ reference: Tensor, _ absolute: Double, _ relative: Double) {
    let (a, b) = (actual.integers(), reference.integers())
    let isUnsigned = actual.dtype == .u64
    func double(_ value: Int64) -> Double { isUnsigned ? Double(UInt64(bitPattern: value)) : Double(value) }
    var worstExcess = 0.0
    for index in 0..<count where a[index] != b[index] {
      let (x, y) = (double(a[index]), double(b[index]))
      let larger = isUnsigned ? UInt64(bitPattern: a[index]) > UInt64(bitPattern: b[index]) : a[index] > b[index]
      let distance = UInt64(bitPattern: larger ? a[index] &- b[index] : b[index] &- a[index])
      let error = Double(distance)
      maxULP = max(maxULP, distance)
      maxAbsoluteError = max(maxAbsoluteError, error)
      if y != 0 { maxRelativeError = max(maxRelativeError, error / y.magnitude) }
      let allowed = absolute + relative * y.magnitude
      if error > allowed { note(index, x, y, excess: error - allowed, &worstExcess) }
    }
  }

  private mutating func note(_ index: Int, _ x: Double, _ y: Double, excess: Double, _ worstExcess: inout Double) {
    mismatchCount += 1
    firstMismatch = firstMismatch ?? index
    if worst == nil || excess > worstExcess {
      worstExcess = excess
      (worst, worstActual, worstReference) = (index, x, y)
    }
  }

  /// An element's place along each axis, such as `[0, 3, 7]`.
  package func position(_ index: Int) -> [Int] {
    var rest = index
    var position: [Int] = []
    for size in shape.reversed() where size > 0 {
      position.append(rest % size)
      rest /= size
    }
    return position.reversed()
  }

  /// One line: "equal", "within tolerance: …", or how many differ and the worst of them.
  package var description: String {
    if let incompatibility { return incompatibility }
    let figures = "max error \(short(maxAbsoluteError)) absolute, \(short(maxRelativeError)) relative, \(maxULP) ULP"
    if mismatchCount == 0 { return maxAbsoluteError == 0 ? "equal" : "within tolerance: \(figures)" }
    var text = "\(mismatchCount) of \(count) elements differ"
    if let worst { text += ", worst \(worstActual) at \(position(worst)), expected \(worstReference)" }
    return text + "; \(figures)"
  }

  private func short(_ value: Double) -> String { NumberText.short(value, digits: 3) }
}

extension DType {
  /// How many steps of this float type lie between two finite values of it.
  fileprivate func ulpDistance(_ x: Double, _ y: Double) -> UInt64 {
    /// Bit patterns as integers that rise with the value: negative ones mirrored below 0.
    func order(_ magnitude: UInt64, _ isNegative: Bool) -> Int64 {
      isNegative ? -Int64(magnitude) : Int64(magnitude)
    }
    func key(_ value: Double) -> Int64 {
      let isNegative = value.sign == .minus
      return switch self {
      case .f64: order(value.magnitude.bitPattern, isNegative)
      case .f16: order(UInt64(halfBits(value.magnitude)), isNegative)
      case .bf16: order(UInt64(bfloatBits(value.magnitude)), isNegative)
      default: order(UInt64(Float(value).magnitude.bitPattern), isNegative)
      }
    }
    let (a, b) = (key(x), key(y))
    return UInt64(bitPattern: a > b ? a &- b : b &- a)
  }
}
