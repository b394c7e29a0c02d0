// SPDX-License-Identifier: Apache-2.0
// Writing .safetensors.

import GraphSupport
import TensorCore

enum SafetensorsWriter {
  /// Writes tensors sorted by falling element size, then by name, so that every tensor is aligned to its elements; the
  /// header is padded so that the first starts at a multiple of 64 bytes. Packed 4-bit tensors become I8 and U8.
  static func write(_ tensors: [(name: String, tensor: Tensor)], to path: String) throws(DiagnosticsError) {
    let fault = FileFault(path: path, format: "safetensors file")
    var stored: [(name: String, tensor: Tensor)] = []
    for (name, tensor) in tensors { stored.append((name, try tensor.unpacked(fault))) }
    stored.sort { a, b in
      a.tensor.dtype.size != b.tensor.dtype.size ? a.tensor.dtype.size > b.tensor.dtype.size : a.name < b.name
    }
    defer { withExtendedLifetime(stored) {} }
    var header = "{"
    var offset = 0
    for (index, (name, tensor)) in stored.enumerated() {
      guard name != "__metadata__", let type = SafetensorsHeader.name(of: tensor.dtype) else {
        throw DiagnosticsError(
          "file-write", "a tensor cannot be named \(quoted(name)) in a safetensors file", file: path)
      }
      let end = offset + tensor.byteCount
      header += index == 0 ? "" : ","
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      header +=
        "\(JSONText.string(name)):{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
      offset = end
    }
    header += "}"
    var bytes = [UInt8](repeating: 0, count: 8) + Array(header.utf8)
    while bytes.count % 64 != 0 { bytes.append(UInt8(ascii: " ")) }
    let size = UInt64(bytes.count - 8)
    guard size <= SafetensorsHeader.sizeLimit else {
      throw DiagnosticsError(
        "file-write", "\(tensors.count) tensors need a header of \(size) bytes, which is too long", file: path)
    }
    for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: size >> (8 * UInt64(index))) }
    let result = bytes.withUnsafeBytes { header in
      Result { () throws(DiagnosticsError) in
        try AtomicFile.write([header] + stored.map(\.tensor.bytes), to: path)
      }
    }
    try result.get()
  }
}
