// SPDX-License-Identifier: Apache-2.0
// The header of a .npy file (versions 1 to 3): a Python dictionary literal with exactly three keys.
// Source: NEP 1 and the documentation of numpy.lib.format.

import GraphSupport
import TensorCore

/// What a .npy header says about the bytes behind it.
struct NPYHeader {
  var dtype: DType
  var shape: [Int]
  /// Elements have their most significant byte first.
  var bigEndian = false
  /// The first axis is the fastest.
  var columnMajor = false
  /// Where the elements start.
  var dataOffset = 0

  /// Longer headers than this are refused (NumPy's own limit is 10,000).
  static let sizeLimit = 1 << 16
  /// Bytes before the dictionary.
  static let preambleSize = 12

  /// Bytes of the elements; parsing has checked that they fit Int.
  var dataByteCount: Int { Tensor.count(of: shape).flatMap { dtype.byteCount($0) } ?? 0 }

  /// Reads the header at the start of `view`, which must hold at least all of it.
  init(_ view: ByteView, _ fault: FileFault) throws(DiagnosticsError) {
    guard view.little(0, as: UInt8.self) == 0x93, view.starts(with: "NUMPY", at: 1) else {
      throw fault.malformed("it starts with \(hexadecimal(view.bytes.prefix(6))), expected 93 4e 55 4d 50 59")
    }
    guard let major = view.little(6, as: UInt8.self), let minor = view.little(7, as: UInt8.self) else {
      throw fault.malformed("it ends after \(view.count) bytes, inside its header")
    }
    guard (1...3).contains(major), minor == 0 else {
      throw fault.unsupported("format version \(major).\(minor), expected 1.0, 2.0 or 3.0")
    }
    let start = major == 1 ? 10 : 12
    let size =
      major == 1 ? view.little(8, as: UInt16.self).map(Int.init) : view.little(8, as: UInt32.self).map(Int.init)
    guard let size, let text = view.slice(start, min(size, Self.sizeLimit)), size <= Self.sizeLimit else {
      throw fault.malformed(
        "its header claims \(size.map { "\($0) bytes" } ?? "a size"), but the file has \(max(0, view.count - start))")
    }
    var parser = NPYHeaderParser(text.bytes)
    let fields: NPYHeaderParser.Fields
    do throws(TextFault) {
      fields = try parser.parse()
    } catch {
      throw fault.malformed("header, byte \(start + error.offset): \(error.message)")
    }
    (dtype, bigEndian) = try Self.elementType(fields.descr, fault)
    shape = fields.shape
    columnMajor = fields.columnMajor
    dataOffset = start + size
    guard let count = Tensor.count(of: shape), dtype.byteCount(count) != nil else {
      throw fault.malformed("shape \(shape) has more elements than an address can count")
    }
  }

  init(_ dtype: DType, _ shape: [Int]) {
    self.dtype = dtype
    self.shape = shape
  }

  // MARK: Element types

  private static func elementType(
    _ descr: [UInt8], _ fault: FileFault
  ) throws(DiagnosticsError) -> (DType, bigEndian: Bool) {
    var code = descr[...]
    var big = false
    if let order = code.first, "<>|=".utf8.contains(order) {
      big = order == UInt8(ascii: ">")
      code = code.dropFirst()
    }
    let dtype: DType? =
      switch String(decoding: code, as: UTF8.self) {
      case "f2": .f16
      case "f4": .f32
      case "f8": .f64
      case "i1": .i8
      case "i2": .i16
      case "i4": .i32
      case "i8": .i64
      case "u1": .u8
      case "u2": .u16
      case "u4": .u32
      case "u8": .u64
      case "b1", "?": .bool
      // What NumPy writes for the `bfloat16` of `ml_dtypes`, which is two opaque bytes to it.
      case "V2": .bf16
      default: nil
      }
    if let dtype { return (dtype, big && dtype.size > 1) }
    let reason =
      switch code.first.map({ Unicode.Scalar($0) }) {
      case "O": "Python objects are never read (they are pickles, which run code)"
      case "c": "complex numbers have no tensor type here: save real and imaginary parts"
      case "U", "S", "a": "text has no tensor type here"
      case "M", "m": "dates have no tensor type here: save them as integers"
      default: "expected one of f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1"
      }
    throw fault.unsupported("element type \(quoted(descr)): \(reason)")
  }

  private var descr: String {
    switch dtype {
    case .f16: "<f2"
    case .f32: "<f4"
    case .f64: "<f8"
    case .bf16: "<V2"
    case .i8, .i4: "|i1"
    case .i16: "<i2"
    case .i32: "<i4"
    case .i64: "<i8"
    case .u8, .u4: "|u1"
    case .u16: "<u2"
    case .u32: "<u4"
    case .u64: "<u8"
    case .bool: "|b1"
    }
  }

  /// The header in version 1.0 (2.0 when long), padded so that the elements start at a multiple of 64 bytes.
  var encoded: [UInt8] {
    let sizes = shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
    var text = Array("{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(sizes)), }".utf8)
    let isLong = text.count > 65_000
    let preamble = isLong ? 12 : 10
    while (preamble + text.count + 1) % 64 != 0 { text.append(UInt8(ascii: " ")) }
    text.append(UInt8(ascii: "\n"))
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8) + [isLong ? 2 : 1, 0]
    let size = UInt32(truncatingIfNeeded: text.count)
    let sizeBytes = (0..<(isLong ? 4 : 2)).map { UInt8(truncatingIfNeeded: size >> (8 * UInt32($0))) }
    return magic + sizeBytes + text
  }
}

/// Bytes as "93 4e 55".
func hexadecimal(_ bytes: some Collection<UInt8>) -> String {
  bytes.isEmpty
    ? "nothing" : bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}
