// SPDX-License-Identifier: Apache-2.0
// Reading numbers at offsets that a file controls, and writing them.

/// Bytes whose every access is checked: an offset outside gives nil.
struct ByteView {
  let bytes: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var count: Int { bytes.count }

  func little<T: FixedWidthInteger>(_ offset: Int, as type: T.Type) -> T? {
    guard let part = slice(offset, MemoryLayout<T>.size) else { return nil }
    return T(littleEndian: part.bytes.loadUnaligned(as: T.self))
  }

  func big<T: FixedWidthInteger>(_ offset: Int, as type: T.Type) -> T? {
    guard let part = slice(offset, MemoryLayout<T>.size) else { return nil }
    return T(bigEndian: part.bytes.loadUnaligned(as: T.self))
  }

  func slice(_ offset: Int, _ length: Int) -> ByteView? {
    guard offset >= 0, length >= 0, offset <= count, length <= count - offset else { return nil }
    return ByteView(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
  }

  func starts(with text: StaticString, at offset: Int = 0) -> Bool {
    guard let part = slice(offset, text.utf8CodeUnitCount) else { return false }
    return part.bytes.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}

/// Little-endian numbers one after the other.
struct LittleEndianBytes {
  var bytes: [UInt8] = []

  mutating func append<T: FixedWidthInteger>(_ values: T...) {
    for value in values { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
  }
}
