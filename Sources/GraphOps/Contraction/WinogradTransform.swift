// SPDX-License-Identifier: Apache-2.0
// Convolutions with windows of 3 × 3 by fewer multiplications: Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks" (2015), F(m × m, 3 × 3).
//
// An output tile of m × m is Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A of the (m + 2) × (m + 2) inputs d that it sees and the window g.
// Summed over channels, the elementwise products are (m + 2)² matrix products.

import GraphIR
import KernelIR
import TensorCore

/// The matrices for output tiles of `tile` × `tile`.
package struct WinogradTransform: Sendable {
  /// Sides of output tiles: 2 needs 4/9 of the multiplications and is about as exact as the sum itself, 4 needs 1/4 of
  /// them and loses about a digit.
  package static let tiles = [2, 4]

  package let tile: Int
  /// The side of the input tiles.
  package var side: Int { tile + 2 }
  /// Elements of an input tile, each a matrix product.
  package var products: Int { side * side }
  /// Bᵀ, `side` × `side`.
  let input: [[Double]]
  /// G, `side` × 3.
  let window: [[Double]]
  /// Aᵀ, `tile` × `side`.
  let output: [[Double]]

  /// Nil for tiles other than those of `tiles`.
  package init?(tile: Int) {
    guard Self.tiles.contains(tile) else { return nil }
    self.tile = tile
    // Toom and Cook: polynomials evaluated at these points and at infinity.
    let points = Array([0, 1, -1, 2, -2].prefix(tile + 1)).map { Double($0) }
    /// The coefficients of Π (x - p), from the constant on.
    func polynomial(_ roots: [Double]) -> [Double] {
      roots.reduce([1]) { product, root in
        (0...product.count).map { ($0 > 0 ? product[$0 - 1] : 0) - ($0 < product.count ? root * product[$0] : 0) }
      }
    }
    func power(_ x: Double, _ exponent: Int) -> Double { (0..<exponent).reduce(1) { product, _ in product * x } }
    let others = points.indices.map { place in points.indices.filter { $0 != place }.map { points[$0] } }
    let scales = points.indices.map { place in others[place].reduce(1) { $0 * (points[place] - $1) } }
    input = others.map { polynomial($0) + [0] } + [polynomial(points)]
    window = zip(points, scales).map { point, scale in (0..<3).map { power(point, $0) / scale } } + [[0, 0, 1]]
    output = (0..<tile).map { row in points.map { power($0, row) } + [row == tile - 1 ? 1 : 0] }
  }

  /// Tiles along an axis of so many outputs.
  package func count(_ outputs: Dim) -> Dim { Dim.ceilDiv(outputs, Dim(tile)) }

  /// G ⊗ G, `products` × 9: G g Gᵀ of a window g in row-major order is this times g.
  package var windowMatrix: [[Double]] {
    window.flatMap { a in window.map { b in a.flatMap { x in b.map { x * $0 } } } }
  }

  /// M x Mᵀ of a square matrix in row-major order.
  static func sandwich(_ matrix: [[Double]], _ x: [Double], columns: Int) -> [Double] {
    let half = matrix.map { row in
      (0..<columns).map { column in (0..<columns).reduce(0) { $0 + row[$1] * x[$1 * columns + column] } }
    }
    return half.flatMap { line in
      matrix.map { row in (0..<columns).reduce(0) { $0 + line[$1] * row[$1] } }
    }
  }

  /// M x Mᵀ of elements in row-major order; each of the two products' elements is defined as a local.
  static func sandwich(
    _ matrix: [[Double]], _ x: [Expr], columns: Int, _ context: inout LoopContext
  ) -> (statements: [Statement], elements: [Expr]) {
    var statements: [Statement] = []
    func product(_ row: [Double], _ x: [Expr]) -> Expr {
      let local = context.local("w", x[0].dtype)
      statements.append(.define(local, dot(row, x)))
      return .local(local)
    }
    // Column by column, so that few of the elements are needed at a time.
    var half = matrix.map { _ in [Expr]() }
    for column in 0..<columns {
      let line = (0..<columns).map { x[$0 * columns + column] }
      for (place, row) in matrix.enumerated() { half[place].append(product(row, line)) }
    }
    let elements = half.flatMap { line in matrix.map { product($0, line) } }
    return (statements, elements)
  }

  /// Σ row · x without the zeros and the multiplications by 1; equal factors are taken out.
  private static func dot(_ row: [Double], _ x: [Expr]) -> Expr {
    var sums: [(factor: Double, sum: Expr)] = []
    for (factor, element) in zip(row, x) where factor != 0 {
      if let place = sums.firstIndex(where: { abs($0.factor) == abs(factor) }) {
        let isSame = sums[place].factor == factor
        sums[place].sum = isSame ? sums[place].sum + element : sums[place].sum - element
      } else {
        sums.append((factor, element))
      }
    }
    var result: Expr?
    // A positive one first needs no negation.
    for (factor, sum) in sums.sorted(by: { $0.factor > $1.factor }) {
      let term = abs(factor) == 1 ? sum : sum * abs(factor)
      guard let rest = result else {
        result = factor > 0 ? term : .constant(0, term.dtype) - term
        continue
      }
      result = factor > 0 ? rest + term : rest - term
    }
    return result ?? .constant(0, x[0].dtype)
  }
}

/// Which tiles an operator of this family works on.
func winograd(_ tile: Int, for name: String) throws(TypeError) -> WinogradTransform {
  guard let transform = WinogradTransform(tile: tile) else {
    throw TypeError(
      "'tile' of '\(name)' is \(tile)",
      note: "it is \(WinogradTransform.tiles.map(String.init).joined(separator: " or "))")
  }
  return transform
}
