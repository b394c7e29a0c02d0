// SPDX-License-Identifier: Apache-2.0
// Matrix products by OpenBLAS, where it is installed: an oracle for tests, and the fallback for shapes that are known
// at run time only and for very large matrices.

import COpenBLAS

/// The loaded library; all matrices are row-major. Products run on the calling thread, and several threads may call.
///
/// Unchecked because C's function pointers say nothing about threads; OpenBLAS allows concurrent calls.
package struct OpenBLAS: @unchecked Sendable {
  fileprivate let functions: lamina_openblas
  /// The kernels that the library uses, such as `SkylakeX`; `Haswell` or `Zen` reach half of a processor's AVX-512.
  package let coreName: String

  /// The library, or nil where it cannot be loaded (see `absence`).
  package static var shared: OpenBLAS? { loaded.library }

  /// Why `shared` is nil.
  package static var absence: String? { loaded.library == nil ? "OpenBLAS is not available: \(loaded.error)" : nil }

  private static let loaded: (library: OpenBLAS?, error: String) = {
    var functions = lamina_openblas()
    var error = [CChar](repeating: 0, count: 256)
    guard lamina_openblas_load(&functions, &error, Int32(error.count)) == 0 else {
      return (nil, String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    let name = functions.core_name.map { String(cString: $0) } ?? ""
    return (OpenBLAS(functions: functions, coreName: name), "")
  }()

  /// A row-major matrix in memory as an operand of a product.
  package struct Operand<Element> {
    package var elements: UnsafePointer<Element>
    /// Elements from one stored row to the next.
    package var rowStride: Int
    /// Whether the product takes the transpose of what is stored.
    package var isTransposed: Bool

    package init(_ elements: UnsafePointer<Element>, rowStride: Int, isTransposed: Bool = false) {
      self.elements = elements
      self.rowStride = rowStride
      self.isTransposed = isTransposed
    }
  }

  /// `c = alpha · A · B + beta · c` for A of `rows` x `depth` and B of `depth` x `columns`, both as the product sees
  /// them. Where beta is 0, c is written without being read.
  ///
  /// - Returns: false, with nothing computed, for sizes or strides that the library does not take: negative ones, rows
  ///   longer than their stride, and anything beyond 32 bits.
  package func gemm<Element: BLASElement>(
    rows: Int, columns: Int, depth: Int, alpha: Element = 1, _ a: Operand<Element>, _ b: Operand<Element>,
    beta: Element = 0, into c: UnsafeMutablePointer<Element>, rowStride: Int
  ) -> Bool {
    let fits =
      min(rows, columns, depth) >= 0 && max(rows, columns, depth, a.rowStride, b.rowStride, rowStride) <= Int(Int32.max)
      && a.rowStride >= max(a.isTransposed ? rows : depth, 1) && b.rowStride >= max(b.isTransposed ? depth : columns, 1)
      && rowStride >= max(columns, 1)
    guard fits else { return false }
    if rows == 0 || columns == 0 { return true }
    if rows == 1 && depth > 0 {
      // One row times B is Bᵀ times a column. gemm would repack all of B for it.
      vector(
        b.elements, b.rowStride, !b.isTransposed, columns, depth, alpha, a.elements, a.isTransposed ? a.rowStride : 1,
        beta, c, 1)
    } else if columns == 1 && depth > 0 {
      vector(
        a.elements, a.rowStride, a.isTransposed, rows, depth, alpha, b.elements, b.isTransposed ? 1 : b.rowStride,
        beta, c, rowStride)
    } else {
      Element.gemm(
        functions, a.isTransposed, b.isTransposed, Int32(rows), Int32(columns), Int32(depth), alpha, a.elements,
        Int32(a.rowStride), b.elements, Int32(b.rowStride), beta, c, Int32(rowStride))
    }
    return true
  }

  /// `y = alpha · M · x + beta · y` for M of `length` x `depth`, stored transposed or not.
  private func vector<Element: BLASElement>(
    _ m: UnsafePointer<Element>, _ rowStride: Int, _ isTransposed: Bool, _ length: Int, _ depth: Int, _ alpha: Element,
    _ x: UnsafePointer<Element>, _ xStride: Int, _ beta: Element, _ y: UnsafeMutablePointer<Element>, _ yStride: Int
  ) {
    // gemv scales by beta = 0 in some versions, which keeps a NaN.
    if beta == 0 { for index in 0..<length { y[index * yStride] = 0 } }
    Element.gemv(
      functions, isTransposed, Int32(isTransposed ? depth : length), Int32(isTransposed ? length : depth), alpha, m,
      Int32(rowStride), x, Int32(xStride), beta, y, Int32(yStride))
  }
}

/// f32 and f64.
package protocol BLASElement: BinaryFloatingPoint {
  /// CBLAS's `gemm` for this type.
  static func gemm(
    _ library: lamina_openblas, _ transposeA: Bool, _ transposeB: Bool, _ m: Int32, _ n: Int32, _ k: Int32,
    _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int32, _ b: UnsafePointer<Self>, _ ldb: Int32, _ beta: Self,
    _ c: UnsafeMutablePointer<Self>, _ ldc: Int32)

  /// CBLAS's `gemv` for this type; m and n are those of the stored matrix.
  static func gemv(
    _ library: lamina_openblas, _ transpose: Bool, _ m: Int32, _ n: Int32, _ alpha: Self, _ a: UnsafePointer<Self>,
    _ lda: Int32, _ x: UnsafePointer<Self>, _ incx: Int32, _ beta: Self, _ y: UnsafeMutablePointer<Self>, _ incy: Int32)
}

private func code(_ transpose: Bool) -> Int32 { transpose ? lamina_blas_transpose : lamina_blas_no_transpose }

extension Float: BLASElement {
  package static func gemm(
    _ library: lamina_openblas, _ transposeA: Bool, _ transposeB: Bool, _ m: Int32, _ n: Int32, _ k: Int32,
    _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int32, _ b: UnsafePointer<Float>, _ ldb: Int32, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int32
  ) {
    library.sgemm(
      lamina_blas_row_major, code(transposeA), code(transposeB), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
  }

  package static func gemv(
    _ library: lamina_openblas, _ transpose: Bool, _ m: Int32, _ n: Int32, _ alpha: Float, _ a: UnsafePointer<Float>,
    _ lda: Int32, _ x: UnsafePointer<Float>, _ incx: Int32, _ beta: Float, _ y: UnsafeMutablePointer<Float>,
    _ incy: Int32
  ) {
    library.sgemv(lamina_blas_row_major, code(transpose), m, n, alpha, a, lda, x, incx, beta, y, incy)
  }
}

extension Double: BLASElement {
  package static func gemm(
    _ library: lamina_openblas, _ transposeA: Bool, _ transposeB: Bool, _ m: Int32, _ n: Int32, _ k: Int32,
    _ alpha: Double, _ a: UnsafePointer<Double>, _ lda: Int32, _ b: UnsafePointer<Double>, _ ldb: Int32, _ beta: Double,
    _ c: UnsafeMutablePointer<Double>, _ ldc: Int32
  ) {
    library.dgemm(
      lamina_blas_row_major, code(transposeA), code(transposeB), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
  }

  package static func gemv(
    _ library: lamina_openblas, _ transpose: Bool, _ m: Int32, _ n: Int32, _ alpha: Double, _ a: UnsafePointer<Double>,
    _ lda: Int32, _ x: UnsafePointer<Double>, _ incx: Int32, _ beta: Double, _ y: UnsafeMutablePointer<Double>,
    _ incy: Int32
  ) {
    library.dgemv(lamina_blas_row_major, code(transpose), m, n, alpha, a, lda, x, incx, beta, y, incy)
  }
}
