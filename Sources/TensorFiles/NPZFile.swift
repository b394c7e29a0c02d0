// SPDX-License-Identifier: Apache-2.0
// NumPy's .npz files: a zip of .npy files, stored or deflated.

import GraphSupport
import TensorCore

/// An array in a .npz file.
struct NPZMember: Sendable {
  var zip: ZipMember
  var header: NPYHeader
}

enum NPZFile {
  /// Lists a whole file's arrays; members that hold none of our types, or no array, are listed as unreadable.
  static func entries(
    _ bytes: UnsafeRawBufferPointer, _ fault: FileFault
  ) throws(DiagnosticsError) -> TensorArchive.Contents {
    var contents = TensorArchive.Contents()
    for member in try ZipDirectory.members(bytes, fault) {
      let inner = FileFault(path: fault.path, format: "npz member \(quoted(member.name))")
      let name = member.name.hasSuffix(".npy") ? String(member.name.dropLast(4)) : member.name
      do throws(DiagnosticsError) {
        guard member.name.hasSuffix(".npy") else { throw inner.unsupported("no .npy file, so it is not read") }
        let header = try header(member, in: bytes, inner)
        try NPYFile.checkSize(header, imageByteCount: member.size, inner)
        contents.entries.append(
          TensorArchive.Entry(
            name: name, dtype: header.dtype, shape: header.shape,
            source: .npz(NPZMember(zip: member, header: header))))
      } catch {
        guard error.diagnostics.first?.id == "unsupported-file" else { throw error }
        contents.unreadable.append(TensorArchive.Unreadable(name: name, reason: error))
      }
    }
    return contents
  }

  /// The .npy header at the start of a member.
  private static func header(
    _ member: ZipMember, in bytes: UnsafeRawBufferPointer, _ fault: FileFault
  ) throws(DiagnosticsError) -> NPYHeader {
    let data = UnsafeRawBufferPointer(rebasing: bytes[member.offset..<member.offset + member.compressedSize])
    if member.method == .stored { return try NPYHeader(ByteView(data), fault) }
    guard member.size / Zlib.largestRatio <= member.compressedSize else {
      throw fault.malformed("\(member.compressedSize) compressed bytes cannot hold the \(member.size) it claims")
    }
    // Nearly every header is 128 bytes with all it needs; only a longer one is read to the limit.
    var start = try inflated(data, min(member.size, 256), fault)
    let longest = min(member.size, NPYHeader.preambleSize + NPYHeader.sizeLimit)
    let claimed = start.withUnsafeBytes { ByteView($0).little(8, as: UInt16.self) }
    if start.count < longest, start.count > 6, start[6] != 1 || Int(claimed ?? 0) + 10 > start.count {
      start = try inflated(data, longest, fault)
    }
    let result = start.withUnsafeBytes { bytes in
      Result { () throws(DiagnosticsError) in try NPYHeader(ByteView(bytes), fault) }
    }
    return try result.get()
  }

  private static func inflated(
    _ data: UnsafeRawBufferPointer, _ count: Int, _ fault: FileFault
  ) throws(DiagnosticsError) -> [UInt8] {
    let inflater = try Inflater(data, raw: true, fault)
    var damaged = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      let read = inflater.read(into: UnsafeMutableRawBufferPointer(buffer))
      damaged = read == nil
      filled = read ?? 0
    }
    if damaged { throw fault.malformed("its compressed data are damaged") }
    return bytes
  }

  /// The array of a member: a view of the mapped file when it is stored as it is used, else a copy. Its checksum is
  /// checked in both cases.
  static func tensor(_ member: NPZMember, in file: MappedFile, _ fault: FileFault) throws(DiagnosticsError) -> Tensor {
    let (zip, header) = (member.zip, member.header)
    let fault = FileFault(path: fault.path, format: "npz member \(quoted(zip.name))")
    try Zlib.require(fault)
    let data = UnsafeRawBufferPointer(rebasing: file.bytes[zip.offset..<zip.offset + zip.compressedSize])
    if zip.method == .stored {
      guard Zlib.crc32(data) == zip.crc else { throw fault.malformed("its checksum is wrong") }
      return try NPYFile.tensor(header, in: file, at: zip.offset, count: zip.size, fault)
    }
    let inflater = try Inflater(data, raw: true, fault)
    guard let tensor = Tensor(zeros: header.dtype, header.shape) else { throw fault.outOfMemory(zip.size) }
    defer { withExtendedLifetime(tensor) {} }
    var preamble = [UInt8](repeating: 0, count: header.dataOffset)
    let head = preamble.withUnsafeMutableBytes { inflater.read(into: $0) }
    let body = inflater.read(into: tensor.mutableBytes)
    guard head == preamble.count, body == tensor.byteCount, inflater.isAtEnd, inflater.unusedCount == 0 else {
      throw fault.malformed("its compressed data are damaged")
    }
    let crc = Zlib.crc32(tensor.bytes, from: preamble.withUnsafeBytes { Zlib.crc32($0) })
    guard crc == zip.crc else { throw fault.malformed("its checksum is wrong") }
    if header.isNative && header.dtype != .bool { return tensor }
    return try NPYFile.native(header, tensor.bytes, fault)
  }
}
