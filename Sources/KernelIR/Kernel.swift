// SPDX-License-Identifier: Apache-2.0
// A kernel: the narrow waist between graphs and machine code.

import TensorCore

/// A pure function over buffers. It is independent of the model it comes from, so equal kernels are compiled once.
package struct Kernel: Sendable, Hashable {
  package enum Access: String, Sendable { case read, write, readWrite }

  /// A buffer that the caller passes; buffers never overlap except where two `read`s name the same memory, or where
  /// a `write` is the same memory as a `read` whose every element is read only before the write of the same offset.
  package struct Parameter: Sendable, Hashable {
    package var name: String
    package var dtype: DType
    package var access: Access
    /// Stores need not stay in the caches: nobody reads them before they would have to go anyway.
    package var isStreamed = false
    package init(_ name: String, _ dtype: DType, _ access: Access, isStreamed: Bool = false) {
      self.name = name
      self.dtype = dtype
      self.access = access
      self.isStreamed = isStreamed
    }
  }

  /// Per-thread memory of a constant number of elements; numbered after the parameters.
  package struct Scratch: Sendable, Hashable {
    package var name: String
    package var dtype: DType
    package var count: Int
    package init(_ name: String, _ dtype: DType, count: Int) {
      self.name = name
      self.dtype = dtype
      self.count = count
    }
  }

  package var name: String
  package var parameters: [Parameter]
  package var scratch: [Scratch]
  /// Names of the run-time sizes, in the order of `Expr.size`.
  package var sizes: [String]
  /// The body runs for every value of this axis in the caller's range; distinct values write distinct elements.
  package var tileAxis: Axis
  /// The number of tiles, over sizes and constants only.
  package var tiles: Expr
  package var body: [Statement]

  package init(
    name: String, parameters: [Parameter], scratch: [Scratch] = [], sizes: [String] = [], tileAxis: Axis, tiles: Expr,
    body: [Statement]
  ) {
    self.name = name
    self.parameters = parameters
    self.scratch = scratch
    self.sizes = sizes
    self.tileAxis = tileAxis
    self.tiles = tiles
    self.body = body
  }

  /// The stored type of a buffer by number: parameters, then scratch.
  package func dtype(ofBuffer index: Int) -> DType? {
    if index < 0 { return nil }
    if index < parameters.count { return parameters[index].dtype }
    let local = index - parameters.count
    return local < scratch.count ? scratch[local].dtype : nil
  }
}
