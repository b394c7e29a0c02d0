// SPDX-License-Identifier: Apache-2.0
// The type of a tensor: element type and sizes.

/// An element type and a size for each axis; prints as `f32[N, 32, 32, 3]`.
package struct TensorType: Hashable, Sendable, CustomStringConvertible {
  package var dtype: DType
  package var shape: [Dim]

  package init(_ dtype: DType, _ shape: [Dim]) {
    self.dtype = dtype
    self.shape = shape
  }

  package var rank: Int { shape.count }

  /// The product of all sizes; `Dim.invalid` when it leaves the range of Int.
  package var elementCount: Dim { shape.reduce(Dim(1), *) }

  /// The sizes as numbers, when no name is left.
  package var staticShape: [Int]? {
    let numbers = shape.compactMap(\.value)
    return numbers.count == shape.count ? numbers : nil
  }

  package var isStatic: Bool { staticShape != nil }

  package var description: String { "\(dtype)[\(shape.map(\.description).joined(separator: ", "))]" }

  /// This type with names replaced.
  package func substituting(_ sizes: [String: Dim]) -> TensorType {
    TensorType(dtype, shape.map { $0.substituting(sizes) })
  }
}
