// SPDX-License-Identifier: Apache-2.0
// Reading .safetensors: eight bytes of header size, a JSON header, then the elements without holes or overlaps.
// Source: the format section of github.com/huggingface/safetensors.

import GraphSupport
import TensorCore

enum SafetensorsHeader {
  /// The format's own limit.
  static let sizeLimit = 100_000_000

  /// A member of the header, with where it is in it.
  private struct Member {
    var name: String
    var type = ""
    var shape: [Int] = []
    var begin = 0
    var end = 0
  }

  /// Checks a whole file and lists its tensors in the header's order.
  static func read(
    _ bytes: UnsafeRawBufferPointer, _ fault: FileFault
  ) throws(DiagnosticsError) -> TensorArchive.Contents {
    let view = ByteView(bytes)
    guard let size = view.little(0, as: UInt64.self) else {
      throw fault.malformed("it has \(bytes.count) bytes, expected at least 8 for the size of its header")
    }
    guard size <= sizeLimit, let header = view.slice(8, Int(truncatingIfNeeded: size)) else {
      throw fault.malformed(
        size > sizeLimit
          ? "its header claims \(size) bytes, at most \(sizeLimit) are allowed"
          : "its header claims \(size) bytes, but \(bytes.count - 8) follow")
    }
    guard header.bytes.first == UInt8(ascii: "{") else {
      throw fault.malformed("its header starts with \(hexadecimal(header.bytes.prefix(1))), expected '{'")
    }
    var contents = TensorArchive.Contents()
    let members: [Member]
    do throws(TextFault) {
      members = try parse(header.bytes, &contents.metadata)
    } catch {
      throw fault.malformed("header, byte \(8 + error.offset): \(error.message)")
    }
    let dataStart = 8 + header.count
    try checkLayout(members, dataByteCount: bytes.count - dataStart, fault)
    for member in members {
      guard let dtype = dtypes[member.type] else {
        let reason = fault.unsupported("tensor \(quoted(member.name)) has element type \(quoted(member.type))")
        contents.unreadable.append(TensorArchive.Unreadable(name: member.name, reason: reason))
        continue
      }
      contents.entries.append(
        TensorArchive.Entry(
          name: member.name, dtype: dtype, shape: member.shape, source: .mapped(offset: dataStart + member.begin)))
    }
    return contents
  }

  // MARK: Header text

  private static func parse(
    _ bytes: UnsafeRawBufferPointer, _ metadata: inout [(key: String, value: String)]
  ) throws(TextFault) -> [Member] {
    var scanner = JSONScanner(bytes)
    var members: [Member] = []
    var found: [(key: String, value: String)] = []
    try scanner.object { (scanner, name) throws(TextFault) in
      if name == "__metadata__" {
        try scanner.object { (scanner, key) throws(TextFault) in found.append((key, try scanner.string())) }
      } else {
        members.append(try member(name, &scanner))
      }
    }
    // The header may be filled up with spaces, nothing else.
    if let index = bytes[scanner.offset...].firstIndex(where: { $0 != 0x20 }) {
      throw TextFault(offset: index, message: "found \(hexadecimal([bytes[index]])) behind the header, expected spaces")
    }
    metadata = found.sorted { $0.key < $1.key }
    return members
  }

  private static func member(_ name: String, _ scanner: inout JSONScanner) throws(TextFault) -> Member {
    var member = Member(name: name)
    var offsets: [Int]?
    var hasType = false
    var hasShape = false
    let start = scanner.offset
    try scanner.object { (scanner, key) throws(TextFault) in
      switch key {
      case "dtype": (member.type, hasType) = (try scanner.string(), true)
      case "shape": (member.shape, hasShape) = (try sizes(&scanner, limit: 64), true)
      case "data_offsets": offsets = try sizes(&scanner, limit: 2)
      default: throw TextFault(offset: scanner.offset, message: "unknown key \(quoted(key)) of tensor \(quoted(name))")
      }
    }
    guard hasType, hasShape, let offsets, offsets.count == 2 else {
      let missing = !hasType ? "'dtype'" : !hasShape ? "'shape'" : "two 'data_offsets'"
      throw TextFault(offset: start, message: "tensor \(quoted(name)) lacks its \(missing)")
    }
    (member.begin, member.end) = (offsets[0], offsets[1])
    return member
  }

  private static func sizes(_ scanner: inout JSONScanner, limit: Int) throws(TextFault) -> [Int] {
    var values: [Int] = []
    try scanner.array { scanner throws(TextFault) in
      _ = scanner.peek()
      let start = scanner.offset
      guard case .integer(let value) = try scanner.number(), let size = Int(exactly: value), size >= 0 else {
        throw TextFault(offset: start, message: "expected a whole number from 0")
      }
      guard values.count < limit else { throw TextFault(offset: start, message: "more than \(limit) numbers") }
      values.append(size)
    }
    return values
  }

  // MARK: Layout

  private static func checkLayout(
    _ members: [Member], dataByteCount: Int, _ fault: FileFault
  ) throws(DiagnosticsError) {
    var end = 0
    for member in members.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
      let name = quoted(member.name)
      guard let bits = bitCounts[member.type] else {
        throw fault.malformed("tensor \(name) has the unknown element type \(quoted(member.type))")
      }
      guard let count = Tensor.count(of: member.shape),
        case (let total, false) = count.multipliedReportingOverflow(by: bits),
        total % 8 == 0
      else { throw fault.malformed("tensor \(name): shape \(member.shape) does not fit whole bytes") }
      guard member.begin == end else {
        let what = member.begin < end ? "overlaps the tensor before it" : "leaves a hole"
        throw fault.malformed("tensor \(name) \(what): it starts at byte \(member.begin), expected \(end)")
      }
      guard member.end <= dataByteCount else {
        throw fault.malformed("tensor \(name) ends at byte \(member.end) of \(dataByteCount)")
      }
      guard member.end >= member.begin, member.end - member.begin == total / 8 else {
        let needed = "\(total / 8) bytes for \(member.type)\(member.shape)"
        throw fault.malformed("tensor \(name) has the bytes \(member.begin)..<\(member.end), expected \(needed)")
      }
      end = member.end
    }
    guard end == dataByteCount else {
      throw fault.malformed("its tensors end at byte \(end), but \(dataByteCount) bytes follow the header")
    }
  }

  // MARK: Element types

  private static let dtypes: [String: DType] = [
    "F64": .f64, "F32": .f32, "F16": .f16, "BF16": .bf16, "I64": .i64, "I32": .i32, "I16": .i16, "I8": .i8,
    "U64": .u64, "U32": .u32, "U16": .u16, "U8": .u8, "BOOL": .bool,
  ]

  /// Bits an element takes, for every type the format has, also those that are not read here.
  private static let bitCounts: [String: Int] = [
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32,
    "U16": 16, "U8": 8, "BOOL": 8, "C64": 64, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
  ]

  /// The format's name of a type; nil for the packed ones, which it does not have.
  static func name(of dtype: DType) -> String? { dtypes.first { $0.value == dtype }?.key }
}
