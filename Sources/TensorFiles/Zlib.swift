// SPDX-License-Identifier: Apache-2.0
// zlib for zip and PNG: decompression into memory whose size is known, compression, and checksums.

import CZlib
import GraphSupport

enum Zlib {
  /// Deflate cannot make data more than this many times as large.
  static let largestRatio = 1032

  /// An error when the library is not on this machine.
  static func require(_ fault: FileFault) throws(DiagnosticsError) {
    guard lamina_zlib_available() != 0 else {
      throw fault.unsupported("compression needs the library 'libz.so.1' (Debian: zlib1g), which is not installed")
    }
  }

  static func crc32(_ bytes: UnsafeRawBufferPointer, from crc: UInt32 = 0) -> UInt32 {
    lamina_crc32(crc, bytes.baseAddress, bytes.count)
  }

  /// The zlib stream of `bytes`, or nil when memory is short.
  static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
    let capacity = lamina_deflate_bound(bytes.count)
    let out = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      count = lamina_deflate(bytes, bytes.count, buffer.baseAddress, capacity)
    }
    return out.isEmpty ? nil : out
  }
}

/// A stream of decompressed bytes.
struct Inflater: ~Copyable {
  private let state: OpaquePointer

  /// Decompresses `bytes`, which must outlive this: raw deflate data (zip) or zlib data (PNG).
  init(_ bytes: UnsafeRawBufferPointer, raw: Bool, _ fault: FileFault) throws(DiagnosticsError) {
    try Zlib.require(fault)
    guard let state = lamina_inflater_new(bytes.baseAddress, bytes.count, raw ? 1 : 0) else {
      throw fault.outOfMemory(1 << 16)
    }
    self.state = state
  }

  deinit { lamina_inflater_free(state) }

  /// Writes the next bytes and gives how many: fewer than asked for at the end of the data or of the input; nil when
  /// the data are damaged.
  func read(into bytes: UnsafeMutableRawBufferPointer) -> Int? {
    let count = lamina_inflater_read(state, bytes.baseAddress, bytes.count)
    return count < 0 ? nil : count
  }

  /// Goes on with the next piece of the input.
  func feed(_ bytes: UnsafeRawBufferPointer) { lamina_inflater_feed(state, bytes.baseAddress, bytes.count) }

  /// The end of the compressed data was reached.
  var isAtEnd: Bool { lamina_inflater_ended(state) != 0 }
  /// Input bytes that are not used yet.
  var unusedCount: Int { lamina_inflater_rest(state) }
}
