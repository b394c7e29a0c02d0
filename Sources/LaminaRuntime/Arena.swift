// SPDX-License-Identifier: Apache-2.0
// The memory that a context's buffers lie in.

import CLaminaRuntime

/// Pages of its own, or memory that the caller lends.
struct Arena: ~Copyable {
  private(set) var base: UnsafeMutableRawPointer?
  private(set) var byteCount = 0
  private let isBorrowed: Bool

  init(borrowing memory: UnsafeMutableRawBufferPointer? = nil) {
    isBorrowed = memory != nil
    base = memory?.baseAddress
    byteCount = memory?.count ?? 0
  }

  deinit { if !isBorrowed { lamina_unmap(base, UInt64(byteCount)) } }

  /// Makes room for at least `bytes`; what was in it is lost when it grows.
  mutating func reserve(_ bytes: Int) throws(RuntimeError) {
    if bytes <= byteCount { return }
    if isBorrowed { throw RuntimeError(LAMINA_ARENA_TOO_SMALL) }
    guard let new = lamina_map(UInt64(bytes)) else { throw RuntimeError(LAMINA_OUT_OF_MEMORY) }
    lamina_unmap(base, UInt64(byteCount))
    base = new
    byteCount = bytes
  }
}
