// SPDX-License-Identifier: Apache-2.0
// Reads the parts of a 64-bit little-endian ELF relocatable object that laying it out needs.

import GraphSupport

/// Sections, symbols and relocations of an object file. Everything is checked against the file's size.
struct ELFObject {
  struct Section {
    var name: String
    var type: UInt32
    var flags: UInt64
    var offset: Int
    var size: Int
    var link: Int
    var info: Int
    var alignment: Int

    var isAllocated: Bool { flags & 2 != 0 && type != 0x7000_0001 && name != ".eh_frame" }
    var isWritable: Bool { flags & 1 != 0 }
    /// Not `.bss`.
    var hasContents: Bool { type != 8 }
    var range: Range<Int> { offset..<offset + size }
  }

  struct Symbol {
    var name: String
    /// The number of its section; 0 when it is defined elsewhere.
    var section: Int
    var value: Int
  }

  struct Relocation {
    var section: Int
    var offset: Int
    var type: UInt32
    var symbol: Symbol
    var addend: Int

    /// R_X86_64_PC32 and R_X86_64_PLT32: the distance to the symbol, as 32 bits.
    var isRelative32: Bool { type == 2 || type == 4 }
  }

  private(set) var sections: [Section] = []
  private(set) var symbols: [Symbol] = []
  private(set) var relocations: [Relocation] = []

  init(_ bytes: [UInt8]) throws(InternalError) {
    let reader = Reader(bytes: bytes)
    guard bytes.count >= 64, bytes[0..<6] == [0x7F, 0x45, 0x4C, 0x46, 2, 1] else {
      throw InternalError("LLVM gave no 64-bit ELF object")
    }
    let table = try reader.integer(40, 8)
    let count = try reader.integer(60, 2)
    let names = try reader.integer(62, 2)
    var nameOffsets: [Int] = []
    for index in 0..<count {
      let at = table + index * 64
      nameOffsets.append(try reader.integer(at, 4))
      let section = Section(
        name: "", type: UInt32(try reader.integer(at + 4, 4)), flags: UInt64(try reader.integer(at + 8, 8)),
        offset: try reader.integer(at + 24, 8), size: try reader.integer(at + 32, 8),
        link: try reader.integer(at + 40, 4), info: try reader.integer(at + 44, 4),
        alignment: try reader.integer(at + 48, 8))
      if section.hasContents { try reader.check(section.offset, section.size) }
      sections.append(section)
    }
    guard names < count else { throw InternalError("the ELF object has no section names") }
    for index in sections.indices { sections[index].name = reader.string(sections[names], nameOffsets[index]) }
    guard let symbolTable = sections.first(where: { $0.type == 2 }), symbolTable.link < count else {
      throw InternalError("the ELF object has no symbols")
    }
    for at in stride(from: symbolTable.offset, to: symbolTable.offset + symbolTable.size - 23, by: 24) {
      let section = try reader.integer(at + 6, 2)
      symbols.append(
        Symbol(
          name: reader.string(sections[symbolTable.link], try reader.integer(at, 4)),
          section: section < 0xFF00 ? section : 0, value: try reader.integer(at + 8, 8)))
    }
    for list in sections where list.type == 4 {
      for at in stride(from: list.offset, to: list.offset + list.size - 23, by: 24) {
        let symbol = try reader.integer(at + 12, 4)
        guard symbol < symbols.count else { throw InternalError("the ELF object refers to a missing symbol") }
        relocations.append(
          Relocation(
            section: list.info, offset: try reader.integer(at, 8), type: UInt32(try reader.integer(at + 8, 4)),
            symbol: symbols[symbol], addend: Int(truncatingIfNeeded: try reader.word(at + 16, 8))))
      }
    }
  }

  private struct Reader {
    let bytes: [UInt8]

    func check(_ offset: Int, _ count: Int) throws(InternalError) {
      guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
        throw InternalError("the ELF object is cut short")
      }
    }

    func word(_ offset: Int, _ count: Int) throws(InternalError) -> UInt64 {
      try check(offset, count)
      var value: UInt64 = 0
      for index in (0..<count).reversed() { value = value << 8 | UInt64(bytes[offset + index]) }
      return value
    }

    /// A number that counts or locates something in the file.
    func integer(_ offset: Int, _ count: Int) throws(InternalError) -> Int {
      guard let value = Int(exactly: try word(offset, count)), value < 1 << 48 else {
        throw InternalError("the ELF object has a number out of range")
      }
      return value
    }

    func string(_ table: Section, _ start: Int) -> String {
      guard table.hasContents, start < table.size else { return "" }
      return String(
        decoding: bytes[(table.offset + start)..<(table.offset + table.size)].prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
