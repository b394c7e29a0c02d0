// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files: one array each.

import GraphSupport
import TensorCore

enum NPYFile {
  /// The array of a .npy file; its bytes stay in the mapped file when they are row-major, little endian and aligned.
  static func read(_ path: String) throws(DiagnosticsError) -> Tensor {
    let fault = FileFault(path: path, format: "npy file")
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    let header = try NPYHeader(ByteView(file.bytes), fault)
    return try tensor(header, in: file, at: 0, count: file.bytes.count, fault)
  }

  /// Type and shape of a .npy file without its elements.
  static func header(_ path: String) throws(DiagnosticsError) -> NPYHeader {
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    return try NPYHeader(ByteView(file.bytes), FileFault(path: path, format: "npy file"))
  }

  /// The array whose .npy image is `count` bytes of a mapped file from `start`.
  static func tensor(
    _ header: NPYHeader, in file: MappedFile, at start: Int, count: Int, _ fault: FileFault
  ) throws(DiagnosticsError) -> Tensor {
    try checkSize(header, imageByteCount: count, fault)
    if header.isNative { return try file.tensor(header.dtype, header.shape, at: start + header.dataOffset, fault) }
    let data = ByteView(file.bytes).slice(start + header.dataOffset, header.dataByteCount)
    return try native(header, data?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0), fault)
  }

  /// Refuses an image that is shorter or longer than its header says.
  static func checkSize(_ header: NPYHeader, imageByteCount: Int, _ fault: FileFault) throws(DiagnosticsError) {
    let present = imageByteCount - header.dataOffset
    guard present == header.dataByteCount else {
      let needed = "\(header.dataByteCount) for \(header.dtype)\(header.shape)"
      throw fault.malformed("\(max(present, 0)) bytes behind the header, expected \(needed)")
    }
  }

  /// A new row-major tensor in the machine's byte order, from an array's bytes as the header describes them.
  static func native(
    _ header: NPYHeader, _ bytes: UnsafeRawBufferPointer, _ fault: FileFault
  ) throws(DiagnosticsError) -> Tensor {
    guard let tensor = Tensor(zeros: header.dtype, header.shape) else { throw fault.outOfMemory(bytes.count) }
    guard bytes.count == tensor.byteCount else { throw fault.malformed("its elements end early") }
    switch header.dtype.size {
    case 1: reorder(UInt8.self, header, bytes, tensor)
    case 2: reorder(UInt16.self, header, bytes, tensor)
    case 4: reorder(UInt32.self, header, bytes, tensor)
    default: reorder(UInt64.self, header, bytes, tensor)
    }
    if header.dtype == .bool { normaliseBooleans(tensor) }
    return tensor
  }

  private static func reorder<Bits: FixedWidthInteger>(
    _ type: Bits.Type, _ header: NPYHeader, _ bytes: UnsafeRawBufferPointer, _ tensor: Tensor
  ) {
    let size = MemoryLayout<Bits>.size
    let target = tensor.mutableBytes.bindMemory(to: Bits.self)
    func element(_ index: Int) -> Bits {
      let bits = bytes.loadUnaligned(fromByteOffset: index * size, as: Bits.self)
      return header.bigEndian ? bits.byteSwapped : bits
    }
    guard header.isTransposed, let inner = header.shape.last, tensor.count > 0 else {
      for index in 0..<tensor.count { target[index] = element(index) }
      return
    }
    // Strides of the column-major source, and an odometer over all axes but the last.
    var strides: [Int] = []
    var stride = 1
    for size in header.shape {
      strides.append(stride)
      stride *= size
    }
    let innerStride = strides[strides.count - 1]
    var position = [Int](repeating: 0, count: header.shape.count)
    var source = 0
    for row in 0..<tensor.count / inner {
      for column in 0..<inner { target[row * inner + column] = element(source + column * innerStride) }
      for axis in (0..<header.shape.count - 1).reversed() {
        position[axis] += 1
        source += strides[axis]
        if position[axis] < header.shape[axis] { break }
        source -= strides[axis] * header.shape[axis]
        position[axis] = 0
      }
    }
  }

  /// Writes a .npy file (version 1.0). `bf16` becomes `<V2`, and the packed 4-bit types become `i1` and `u1`, because
  /// NumPy knows neither.
  static func write(_ tensor: Tensor, to path: String) throws(DiagnosticsError) {
    let stored = try tensor.unpacked(FileFault(path: path, format: "npy file"))
    defer { withExtendedLifetime(stored) {} }
    let result = NPYHeader(stored.dtype, stored.shape).encoded.withUnsafeBytes { header in
      Result { () throws(DiagnosticsError) in try AtomicFile.write([header, stored.bytes], to: path) }
    }
    try result.get()
  }
}

extension NPYHeader {
  /// More than one axis has more than one element, and the first is the fastest: rows must be gathered.
  var isTransposed: Bool { columnMajor && shape.count { $0 != 1 } > 1 }
  /// The bytes can be used as they are.
  var isNative: Bool { !bigEndian && !isTransposed }
}

extension Tensor {
  /// A packed 4-bit tensor as i8 or u8; any other as it is.
  func unpacked(_ fault: FileFault) throws(DiagnosticsError) -> Tensor {
    guard dtype == .i4 || dtype == .u4 else { return self }
    guard let wide = Tensor(zeros: dtype == .i4 ? .i8 : .u8, shape) else { throw fault.outOfMemory(count) }
    for index in 0..<count { wide.set(index, integer: integer(index)) }
    return wide
  }
}
