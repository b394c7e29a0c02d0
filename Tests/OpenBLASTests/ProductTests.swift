// SPDX-License-Identifier: Apache-2.0
// OpenBLAS's products against plain loops, in every form that the wrapper offers.

import OpenBLAS
import TestKit
import Testing

@Suite struct ProductTests {
  /// Small integers, whose sums are exact in any order.
  private func check<Element: BLASElement>(_ type: Element.Type, _ m: Int, _ n: Int, _ k: Int, _ seed: UInt64) {
    guard let blas = OpenBLAS.shared else {
      print("skipped: \(OpenBLAS.absence ?? "")")
      return
    }
    var random = SeededRandom(seed)
    let (transposeA, transposeB) = (random.oneIn(2), random.oneIn(2))
    func matrix(_ rows: Int, _ stride: Int) -> [Element] {
      (0..<max(rows * stride, 1)).map { _ in Element(Int.random(in: -8...8, using: &random)) }
    }
    let strideA = max(transposeA ? m : k, 1) + Int.random(in: 0...3, using: &random)
    let strideB = max(transposeB ? k : n, 1) + Int.random(in: 0...3, using: &random)
    let strideC = max(n, 1) + Int.random(in: 0...3, using: &random)
    let a = matrix(transposeA ? k : m, strideA)
    let b = matrix(transposeB ? n : k, strideB)
    let beta: Element = random.oneIn(2) ? 0 : 2
    // With beta = 0, what is in C must not matter.
    let before = matrix(m, strideC).map { beta == 0 ? Element.nan : $0 }
    var c = before
    let done = blas.gemm(
      rows: m, columns: n, depth: k, alpha: 3, .init(a, rowStride: strideA, isTransposed: transposeA),
      .init(b, rowStride: strideB, isTransposed: transposeB), beta: beta, into: &c, rowStride: strideC)
    #expect(done)
    for i in 0..<m {
      for j in 0..<n {
        var sum: Element = 0
        for p in 0..<k {
          sum += a[transposeA ? p * strideA + i : i * strideA + p] * b[transposeB ? j * strideB + p : p * strideB + j]
        }
        let expected = 3 * sum + (beta == 0 ? 0 : beta * before[i * strideC + j])
        #expect(c[i * strideC + j] == expected, "\(m)x\(k)x\(n), element \(i), \(j)")
      }
    }
  }

  @Test(arguments: 0..<24)
  func products(_ seed: UInt64) {
    let shapes = [
      (1, 7, 5), (5, 1, 9), (1, 1, 3), (1, 64, 33), (3, 5, 0), (1, 4, 0), (0, 3, 2), (4, 6, 8), (17, 33, 20),
    ]
    let (m, n, k) = shapes[Int(seed) % shapes.count]
    check(Float.self, m, n, k, seed)
    check(Double.self, m, n, k, seed)
  }

  @Test func sizesThatDoNotFitAreRefused() throws {
    guard let blas = OpenBLAS.shared else {
      print("skipped: \(OpenBLAS.absence ?? "")")
      return
    }
    let x: [Float] = [1, 2, 3, 4]
    var y: [Float] = [5, 6, 7, 8]
    for (rows, columns, depth, stride) in [
      (-1, 2, 2, 2), (2, 2, 3, 2), (2, 3, 2, 2), (1 << 31, 1, 1, 1), (2, 2, 2, 1 << 31),
    ] {
      #expect(
        !blas.gemm(
          rows: rows, columns: columns, depth: depth, .init(x, rowStride: stride), .init(x, rowStride: stride),
          into: &y,
          rowStride: stride))
    }
    #expect(y == [5, 6, 7, 8])
    #expect(!blas.coreName.isEmpty)
  }
}
