// SPDX-License-Identifier: Apache-2.0
// Bulk access against element access, and conversions that keep values.

import TensorCore
import Testing

@Suite struct TensorBulkTests {
  private static let values: [Double] = [0, 1, -1, 7, 100, -8, 2.5, 65504, 1e10, -1e30, .infinity, .nan, 0x1p63]

  @Test(arguments: DType.allCases)
  func bulkIsElementByElement(dtype: DType) throws {
    let count = Self.values.count
    let tensor = try #require(Tensor(dtype, [count], doubles: Self.values))
    let single = try #require(Tensor(zeros: dtype, [count]))
    for (index, value) in Self.values.enumerated() { single.set(index, value) }
    #expect(tensor.isIdentical(to: single))
    #expect(tensor.integers() == (0..<count).map { tensor.integer($0) })
    #expect(
      zip(tensor.doubles(), (0..<count).map { tensor.double($0) }).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN })
    let integers: [Int64] = [0, 1, -1, 255, 256, -129, .max, .min]
    let whole = try #require(Tensor(dtype, [8], integers: integers))
    let wholeSingle = try #require(Tensor(zeros: dtype, [8]))
    for (index, value) in integers.enumerated() { wholeSingle.set(index, integer: value) }
    #expect(whole.isIdentical(to: wholeSingle))
  }

  @Test func conversionsKeepValues() throws {
    func convert(_ from: DType, _ value: Double, _ to: DType) throws -> Double? {
      let tensor = try #require(Tensor(from, [1], doubles: [value]))
      return try? tensor.converted(to: to).double(0)
    }
    #expect(try convert(.f64, 0.1, .f32) == Double(Float(0.1)))
    #expect(try convert(.f64, 255, .u8) == 255)
    #expect(try convert(.f64, 256, .u8) == nil)
    #expect(try convert(.f64, 0.5, .i32) == nil)
    #expect(try convert(.f64, .nan, .i32) == nil)
    #expect(try convert(.f64, .infinity, .f16) == .infinity)
    #expect(try convert(.f64, 65519, .f16) == 65504)
    #expect(try convert(.f64, 65520, .f16) == nil)
    #expect(try convert(.f64, -0x1p63, .i64) == -0x1p63)
    #expect(try convert(.f64, 0x1p63, .i64) == nil)
    #expect(try convert(.f64, 0x1p63, .u64) == 0x1p63)
    #expect(try convert(.f64, -1, .u64) == nil)
    #expect(try convert(.u64, 0x1p63, .i64) == nil)
    #expect(try convert(.i64, -1, .u64) == nil)
    #expect(try convert(.i8, 1, .bool) == 1)
    #expect(try convert(.i8, 2, .bool) == nil)
    #expect(try convert(.i8, 8, .i4) == nil)
    #expect(try convert(.i8, -8, .i4) == -8)
  }
}
