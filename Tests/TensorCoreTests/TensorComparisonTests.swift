// SPDX-License-Identifier: Apache-2.0
// Comparisons and summaries of tensors.

import TensorCore
import Testing

@Suite struct TensorComparisonTests {
  private func compare(
    _ dtype: DType, _ actual: [Double], _ reference: [Double], absolute: Double = 0, relative: Double = 0
  ) throws -> TensorComparison {
    let a = try #require(Tensor(dtype, [actual.count], doubles: actual))
    let b = try #require(Tensor(dtype, [reference.count], doubles: reference))
    return TensorComparison(a, b, absolute: absolute, relative: relative)
  }

  @Test func equalAndClose() throws {
    let equal = try compare(.f32, [1, -0.0, .nan, .infinity], [1, 0, .nan, .infinity])
    #expect(equal.matches && equal.maxULP == 0 && equal.description == "equal")
    let close = try compare(.f32, [1.0000001, 100], [1, 100.001], absolute: 1e-6, relative: 1e-4)
    #expect(close.matches && close.maxULP == 131)
    let strict = try compare(.f32, [1.0000001, 100], [1, 100.001])
    #expect(strict.mismatchCount == 2 && strict.firstMismatch == 0 && strict.worst == 1)
  }

  @Test func worstElement() throws {
    let a = try #require(Tensor(.f64, [2, 3], doubles: [0, 1, 2, 3, 9, 5]))
    let b = try #require(Tensor(.f64, [2, 3], doubles: [0, 1, 2.5, 3, 4, 5]))
    let comparison = TensorComparison(a, b, absolute: 0.1)
    #expect(comparison.mismatchCount == 2 && comparison.firstMismatch == 2 && comparison.worst == 4)
    #expect(
      comparison.position(4) == [1, 1] && comparison.maxAbsoluteError == 5 && comparison.maxRelativeError == 1.25)
    #expect(comparison.description.hasPrefix("2 of 6 elements differ, worst 9.0 at [1, 1], expected 4.0; max error 5"))
  }

  @Test func nonFinite() throws {
    let comparison = try compare(
      .f32, [.nan, 1, .infinity, .infinity, 1], [1, .nan, -.infinity, 3, 1], absolute: 1e30, relative: 1)
    #expect(comparison.nonFiniteMismatchCount == 4 && comparison.mismatchCount == 4 && comparison.worst == 0)
    #expect(comparison.maxAbsoluteError == 0)
    // An infinite tolerance does not let NaN through, and the worst is then still an element.
    #expect(try compare(.f64, [.nan], [0], absolute: .infinity).mismatchCount == 1)
    #expect(try compare(.f64, [1.7e308], [-1.7e308]).maxAbsoluteError == .infinity)
  }

  @Test func ulps() throws {
    #expect(try compare(.f32, [Double(Float(1).nextUp)], [1]).maxULP == 1)
    #expect(try compare(.f64, [Double(1).nextDown.nextDown], [1]).maxULP == 2)
    #expect(try compare(.f32, [-0x1p-149], [0x1p-149]).maxULP == 2)
    #expect(try compare(.f16, [1 + 0x1p-10], [1]).maxULP == 1)
    #expect(try compare(.bf16, [1 + 0x1p-7], [1]).maxULP == 1)
    #expect(
      try compare(.f64, [-.greatestFiniteMagnitude], [.greatestFiniteMagnitude]).maxULP == 2 * 0x7FEF_FFFF_FFFF_FFFF)
  }

  @Test func integers() throws {
    let a = try #require(Tensor(.i64, [3], integers: [.max, .min, 5]))
    let b = try #require(Tensor(.i64, [3], integers: [.min, .max, 6]))
    let comparison = TensorComparison(a, b, absolute: 1)
    #expect(comparison.mismatchCount == 2 && comparison.maxULP == .max)
    // Beyond 2^53 neighbours are still told apart.
    let c = try #require(Tensor(.u64, [1], integers: [-1]))
    let d = try #require(Tensor(.u64, [1], integers: [-2]))
    #expect(TensorComparison(c, d).mismatchCount == 1 && TensorComparison(c, d).maxULP == 1)
    #expect(try compare(.bool, [1, 0], [1, 1]).mismatchCount == 1)
  }

  @Test func differentTypes() throws {
    let a = try #require(Tensor(zeros: .f32, [2]))
    #expect(TensorComparison(a, try #require(Tensor(zeros: .f32, [1, 2]))).description == "f32[2], expected f32[1, 2]")
    #expect(!TensorComparison(a, try #require(Tensor(zeros: .f16, [2]))).matches)
    #expect(try compare(.f32, [], []).matches)
  }
}

@Suite struct TensorSummaryTests {
  private func summary(_ dtype: DType, _ shape: [Int], _ values: [Double]) throws -> TensorSummary {
    TensorSummary(try #require(Tensor(dtype, shape, doubles: values)), first: 3)
  }

  @Test func lines() throws {
    #expect(
      try summary(.f32, [2, 2], [0.1, 2, -3.25, 1e-7]).description
        == "f32[2, 2]  min -3.25  mean -0.2875  max 2  [0.1, 2, -3.25, …]")
    #expect(
      try summary(.f32, [3], [.nan, 1, .infinity]).description
        == "f32[3]  min 1  mean 1  max inf  1 NaN  1 infinite  [nan, 1, inf]")
    #expect(
      try summary(.i64, [4], [1, 2, 3, 1e10]).description
        == "i64[4]  min 1  mean 2.5e+09  max 10000000000  [1, 2, 3, …]")
    #expect(try summary(.bool, [2], [1, 0]).description == "bool[2]  [true, false]")
    #expect(try summary(.f64, [], [2.5]).description == "f64[]  2.5")
    #expect(try summary(.f16, [0, 2], []).description == "f16[0, 2]  empty")
    #expect(try summary(.f32, [1], [.nan]).minimum == nil)
  }

  @Test func meanOfManyIsExact() throws {
    let values = (0..<100_000).map { $0 % 2 == 0 ? 1e16 : -1e16 } + [3, 5]
    #expect(try summary(.f64, [values.count], values).mean == 8 / Double(values.count))
  }

  @Test(arguments: [
    (0.1 + 0.2, "0.3"), (1234.5678, "1235"), (123_456.0, "123456"), (1_234_567.0, "1.235e+06"), (1.5e-7, "1.5e-07"),
    (0.00012345, "0.0001235"), (9.99999, "10"), (-0.5, "-0.5"), (99999.6, "100000"), (1e300, "1e+300"),
    (0.09999999, "0.1"),
    (.leastNonzeroMagnitude, "5e-324"), (12345.678, "12350"),
  ])
  func shortNumbers(value: Double, text: String) {
    #expect(NumberText.short(value, digits: 4) == text)
  }
}
