// SPDX-License-Identifier: Apache-2.0
// A file's content as ranges of memory with zeros between them, written without being joined.

import GraphSupport

struct ChunkList {
  private enum Chunk {
    case owned([UInt8])
    case borrowed(UnsafeRawBufferPointer)
    case zeros(Int)
  }

  private var chunks: [Chunk] = []
  private(set) var count = 0

  /// Fills with zeros up to an offset.
  mutating func pad(to offset: Int) {
    guard offset > count else { return }
    chunks.append(.zeros(offset - count))
    count = offset
  }

  mutating func append(_ bytes: [UInt8], at offset: Int = 0) {
    pad(to: offset)
    chunks.append(.owned(bytes))
    count += bytes.count
  }

  /// The weights blob: parts in any order, zeros between them.
  mutating func append(_ parts: [WeightsPart], at start: Int, count byteCount: Int) throws(DiagnosticsError) {
    pad(to: start)
    for part in parts.sorted(by: { $0.offset < $1.offset }) {
      guard part.offset >= count - start, part.offset <= byteCount, part.bytes.count <= byteCount - part.offset else {
        throw DiagnosticsError(
          "link-weights",
          "weights of \(part.bytes.count) bytes at \(part.offset) overlap others "
            + "or leave the blob of \(byteCount) bytes")
      }
      pad(to: start + part.offset)
      chunks.append(.borrowed(part.bytes))
      count += part.bytes.count
    }
    pad(to: start + byteCount)
  }

  func write(to path: String) throws(DiagnosticsError) {
    // Owned chunks are small: joined, they live in one place through the write.
    var joined: [UInt8] = []
    for case .owned(let bytes) in chunks { joined += bytes }
    let zeros = [UInt8](repeating: 0, count: 1 << 16)
    let result = joined.withUnsafeBytes { joined in
      zeros.withUnsafeBytes { zeros in
        let list = pointers(joined, zeros)
        return Result { () throws(DiagnosticsError) in try AtomicFile.write(list, to: path) }
      }
    }
    try result.get()
  }

  private func pointers(
    _ joined: UnsafeRawBufferPointer, _ zeros: UnsafeRawBufferPointer
  ) -> [UnsafeRawBufferPointer] {
    var list: [UnsafeRawBufferPointer] = []
    var used = 0
    for chunk in chunks {
      switch chunk {
      case .owned(let bytes):
        list.append(UnsafeRawBufferPointer(rebasing: joined[used..<used + bytes.count]))
        used += bytes.count
      case .borrowed(let bytes): list.append(bytes)
      case .zeros(var count):
        while count > 0 {
          list.append(UnsafeRawBufferPointer(rebasing: zeros.prefix(count)))
          count -= min(count, zeros.count)
        }
      }
    }
    return list
  }
}
