// SPDX-License-Identifier: Apache-2.0
// The members of a zip file, from its central directory.
// Source: PKWARE's APPNOTE.TXT 6.3, sections 4.3 to 4.5.

import GraphSupport

/// A member whose bytes are known to be inside the file.
struct ZipMember: Sendable {
  enum Method: UInt16, Sendable {
    case stored = 0
    case deflated = 8
  }

  var name: String
  var method: Method
  var crc: UInt32
  var compressedSize: Int
  var size: Int
  /// Where the (compressed) bytes start.
  var offset: Int
}

enum ZipDirectory {
  private static let endSize = 22
  private static let entrySize = 46
  private static let localSize = 30

  /// All members but folders. Encrypted or overlapping members, unknown compression and names given twice are errors.
  static func members(_ bytes: UnsafeRawBufferPointer, _ fault: FileFault) throws(DiagnosticsError) -> [ZipMember] {
    let view = ByteView(bytes)
    let directory = try directory(view, fault)
    var members: [ZipMember] = []
    var ranges: [(start: Int, end: Int, name: String)] = []
    var names: Set<String> = []
    var offset = directory.offset
    for _ in 0..<directory.count {
      guard let entry = view.slice(offset, directory.end - offset), let parsed = try member(entry, fault) else {
        throw fault.malformed("its directory ends inside an entry, at byte \(offset)")
      }
      offset += parsed.entrySize
      var member = parsed.member
      guard names.insert(member.name).inserted else { throw fault.malformed("member \(quoted(member.name)) twice") }
      let start = member.offset
      guard start <= directory.offset, view.starts(with: "PK\u{3}\u{4}", at: start),
        let nameSize = view.little(start + 26, as: UInt16.self),
        let extraSize = view.little(start + 28, as: UInt16.self)
      else { throw fault.malformed("no member header at byte \(start), for \(quoted(member.name))") }
      member.offset = start + localSize + Int(nameSize) + Int(extraSize)
      guard member.offset <= directory.offset, member.compressedSize <= directory.offset - member.offset else {
        throw fault.malformed("member \(quoted(member.name)) of \(member.compressedSize) bytes ends outside the file")
      }
      ranges.append((start, member.offset + member.compressedSize, member.name))
      if !member.name.hasSuffix("/") { members.append(member) }
    }
    ranges.sort { $0.start < $1.start }
    for (a, b) in zip(ranges, ranges.dropFirst()) where a.end > b.start {
      throw fault.malformed("members \(quoted(a.name)) and \(quoted(b.name)) overlap")
    }
    return members
  }

  // MARK: The directory's place

  private static func directory(
    _ view: ByteView, _ fault: FileFault
  ) throws(DiagnosticsError) -> (offset: Int, end: Int, count: Int) {
    // The end record is last; a comment of up to 65,535 bytes may follow it.
    var end = view.count - endSize
    let lowest = max(0, end - 65_535)
    while end >= lowest {
      if view.starts(with: "PK\u{5}\u{6}", at: end), let comment = view.little(end + 20, as: UInt16.self),
        end + endSize + Int(comment) == view.count
      {
        break
      }
      end -= 1
    }
    guard end >= lowest, end >= 0, let disk = view.little(end + 4, as: UInt16.self),
      let narrowCount = view.little(end + 10, as: UInt16.self), let narrowSize = view.little(end + 12, as: UInt32.self),
      let narrowOffset = view.little(end + 16, as: UInt32.self)
    else { throw fault.malformed("no zip directory at its end: it is cut off, or no zip file") }
    var (count, size, offset, limit) = (UInt64(narrowCount), UInt64(narrowSize), UInt64(narrowOffset), end)
    if view.starts(with: "PK\u{6}\u{7}", at: end - 20) {
      guard let place = view.little(end - 12, as: UInt64.self), let record = Int(exactly: place), record <= end - 20,
        view.starts(with: "PK\u{6}\u{6}", at: record), let wideCount = view.little(record + 32, as: UInt64.self),
        let wideSize = view.little(record + 40, as: UInt64.self),
        let wideOffset = view.little(record + 48, as: UInt64.self)
      else { throw fault.malformed("its 64-bit directory record is damaged") }
      (count, size, offset, limit) = (wideCount, wideSize, wideOffset, record)
    } else if disk != 0 {
      throw fault.unsupported("a zip file of several parts")
    }
    guard let start = Int(exactly: offset), let length = Int(exactly: size), let number = Int(exactly: count),
      start <= limit, length == limit - start, number <= length / entrySize
    else { throw fault.malformed("its directory of \(count) entries does not fit its \(view.count) bytes") }
    return (start, start + length, number)
  }

  // MARK: An entry

  /// A directory entry, with `offset` still that of the local header; nil when the bytes end inside it.
  private static func member(
    _ entry: ByteView, _ fault: FileFault
  ) throws(DiagnosticsError) -> (member: ZipMember, entrySize: Int)? {
    guard entry.starts(with: "PK\u{1}\u{2}"), let flags = entry.little(8, as: UInt16.self),
      let code = entry.little(10, as: UInt16.self), let crc = entry.little(16, as: UInt32.self),
      let compressed = entry.little(20, as: UInt32.self), let plain = entry.little(24, as: UInt32.self),
      let nameSize = entry.little(28, as: UInt16.self), let extraSize = entry.little(30, as: UInt16.self),
      let commentSize = entry.little(32, as: UInt16.self), let local = entry.little(42, as: UInt32.self),
      let nameBytes = entry.slice(entrySize, Int(nameSize)),
      let extra = entry.slice(entrySize + Int(nameSize), Int(extraSize)),
      entry.slice(entrySize + Int(nameSize) + Int(extraSize), Int(commentSize)) != nil
    else { return nil }
    let name = String(decoding: nameBytes.bytes, as: UTF8.self)
    guard flags & 1 == 0 else { throw fault.unsupported("member \(quoted(name)) is encrypted") }
    guard let method = ZipMember.Method(rawValue: code) else {
      throw fault.unsupported("member \(quoted(name)) has compression \(code), expected stored (0) or deflate (8)")
    }
    // Sizes that do not fit 32 bits stand in the extra field 1, in this order, each only when its field is all ones.
    var wide = wideFields(extra)[...]
    var values: [Int] = []
    for value in [plain, compressed, local] {
      let full = value == .max ? wide.popFirst() : UInt64(value)
      guard let full, let number = Int(exactly: full) else {
        throw fault.malformed("member \(quoted(name)) lacks its 64-bit size")
      }
      values.append(number)
    }
    guard method == .deflated || values[0] == values[1] else {
      throw fault.malformed("member \(quoted(name)) is stored, but has two sizes: \(values[0]) and \(values[1])")
    }
    let member = ZipMember(
      name: name, method: method, crc: crc, compressedSize: values[1], size: values[0], offset: values[2])
    return (member, entrySize + Int(nameSize) + Int(extraSize) + Int(commentSize))
  }

  private static func wideFields(_ extra: ByteView) -> [UInt64] {
    var offset = 0
    while let id = extra.little(offset, as: UInt16.self), let size = extra.little(offset + 2, as: UInt16.self) {
      if id == 1, let field = extra.slice(offset + 4, Int(size)) {
        return (0..<field.count / 8).compactMap { field.little($0 * 8, as: UInt64.self) }
      }
      offset += 4 + Int(size)
    }
    return []
  }
}
