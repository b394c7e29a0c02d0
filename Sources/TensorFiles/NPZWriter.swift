// SPDX-License-Identifier: Apache-2.0
// Writing .npz files: stored members, as numpy.savez does, with elements at multiples of 64 bytes.

import GraphSupport
import TensorCore

enum NPZWriter {
  /// Zip fields for sizes and offsets from here on are written with 64 bits.
  private static let narrowLimit = 0xFFFF_FFFF

  static func write(_ tensors: [(name: String, tensor: Tensor)], to path: String) throws(DiagnosticsError) {
    let fault = FileFault(path: path, format: "npz file")
    try Zlib.require(fault)
    var stored: [Tensor] = []
    for (_, tensor) in tensors { stored.append(try tensor.unpacked(fault)) }
    defer { withExtendedLifetime(stored) {} }
    var headers: [[UInt8]] = []
    var directory = LittleEndianBytes()
    var offset = 0
    for ((name, _), tensor) in zip(tensors, stored) {
      let array = NPYHeader(tensor.dtype, tensor.shape).encoded
      let crc = Zlib.crc32(tensor.bytes, from: array.withUnsafeBytes { Zlib.crc32($0) })
      let member = Member(
        name: Array("\(name).npy".utf8), crc: crc, size: array.count + tensor.byteCount, offset: offset)
      guard member.name.count <= 0xFFFF else {
        throw DiagnosticsError("file-write", "the tensor name \(quoted(name)) is too long for a zip file", file: path)
      }
      headers.append(member.localHeader + array)
      member.appendEntry(to: &directory)
      offset += member.localHeader.count + member.size
    }
    appendEnd(to: &directory, count: stored.count, offset: offset)
    // One block of small pieces, so that their addresses hold during the write.
    let small = headers.flatMap { $0 } + directory.bytes
    let result = small.withUnsafeBytes { bytes in
      Result { () throws(DiagnosticsError) in
        var chunks: [UnsafeRawBufferPointer] = []
        var start = 0
        for (header, tensor) in zip(headers, stored) {
          chunks.append(UnsafeRawBufferPointer(rebasing: bytes[start..<start + header.count]))
          chunks.append(tensor.bytes)
          start += header.count
        }
        chunks.append(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        try AtomicFile.write(chunks, to: path)
      }
    }
    try result.get()
  }

  private struct Member {
    var name: [UInt8]
    var crc: UInt32
    var size: Int
    var offset: Int

    var isWide: Bool { size >= narrowLimit || offset >= narrowLimit }

    /// Fields that stand in both headers: version, flags (UTF-8 names), method, time and date (1980-01-01), checksum.
    private func appendCommon(to out: inout LittleEndianBytes) {
      out.append(UInt16(isWide ? 45 : 20), UInt16(0x800), UInt16(0), UInt16(0), UInt16(0x21))
      out.append(crc)
      let shown = UInt32(isWide ? narrowLimit : size)
      out.append(shown, shown)
      out.append(UInt16(name.count))
    }

    var localHeader: [UInt8] {
      var out = LittleEndianBytes()
      out.append(UInt32(0x0403_4B50))
      appendCommon(to: &out)
      var extra = LittleEndianBytes()
      if isWide {
        extra.append(UInt16(1), UInt16(16))
        extra.append(UInt64(size), UInt64(size))
      }
      // Field 0xD935 is the padding that Android's zipalign writes: the alignment, then zeros.
      let used = offset + out.bytes.count + 2 + name.count + extra.bytes.count + 6
      let padding = (64 - used % 64) % 64
      extra.append(UInt16(0xD935), UInt16(2 + padding), UInt16(64))
      extra.bytes += [UInt8](repeating: 0, count: padding)
      out.append(UInt16(extra.bytes.count))
      return out.bytes + name + extra.bytes
    }

    func appendEntry(to out: inout LittleEndianBytes) {
      out.append(UInt32(0x0201_4B50))
      out.append(UInt16(isWide ? 45 : 20))
      appendCommon(to: &out)
      out.append(UInt16(isWide ? 28 : 0), UInt16(0), UInt16(0), UInt16(0))
      out.append(UInt32(0), UInt32(isWide ? narrowLimit : offset))
      out.bytes += name
      if isWide {
        out.append(UInt16(1), UInt16(24))
        out.append(UInt64(size), UInt64(size), UInt64(offset))
      }
    }
  }

  private static func appendEnd(to out: inout LittleEndianBytes, count: Int, offset: Int) {
    let size = out.bytes.count
    if offset >= narrowLimit || size >= narrowLimit || count >= 0xFFFF {
      out.append(UInt32(0x0606_4B50))
      out.append(UInt64(44))
      out.append(UInt16(45), UInt16(45))
      out.append(UInt32(0), UInt32(0))
      out.append(UInt64(count), UInt64(count), UInt64(size), UInt64(offset))
      out.append(UInt32(0x0706_4B50), UInt32(0))
      out.append(UInt64(offset + size))
      out.append(UInt32(1))
    }
    let shown = UInt16(min(count, 0xFFFF))
    out.append(UInt32(0x0605_4B50))
    out.append(UInt16(0), UInt16(0), shown, shown)
    out.append(UInt32(min(size, narrowLimit)), UInt32(min(offset, narrowLimit)))
    out.append(UInt16(0))
  }
}
