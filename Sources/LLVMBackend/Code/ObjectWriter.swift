// SPDX-License-Identifier: Apache-2.0
// Writes machine code as an ELF relocatable object, for executables and libraries.

import GraphSupport

/// An object with one section `.text.NAME` and one global function per kernel, and nothing undefined.
struct ObjectWriter {
  private var contents: [UInt8] = Array(repeating: 0, count: 64)
  private var headers: [[UInt8]] = []
  private var sectionNames: [UInt8] = [0]

  static func write(_ codes: [MachineCode], names: [String]) -> [UInt8] {
    var writer = ObjectWriter()
    writer.headers.append(Array(repeating: 0, count: 64))
    var symbols: [UInt8] = Array(repeating: 0, count: 24)
    var symbolNames: [UInt8] = [0]
    for (code, name) in zip(codes, names) {
      let section = writer.headers.count
      // Allocated and executable.
      writer.section(".text.\(name)", type: 1, flags: 6, code.bytes, alignment: MachineCode.alignment)
      symbols += integer(symbolNames.count, 4)
      // A global function of default visibility.
      symbols += [0x12, 0] + integer(section, 2) + integer(code.entry, 8) + integer(code.bytes.count - code.entry, 8)
      symbolNames += Array(name.utf8) + [0]
    }
    // The linker makes the stack executable when any object lacks this.
    writer.section(".note.GNU-stack", type: 1, flags: 0, [], alignment: 1)
    let strings = writer.headers.count + 1
    writer.section(".symtab", type: 2, flags: 0, symbols, alignment: 8, link: strings, info: 1, entrySize: 24)
    writer.section(".strtab", type: 3, flags: 0, symbolNames, alignment: 1)
    return writer.finished()
  }

  private static func integer(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private mutating func section(
    _ name: String, type: Int, flags: Int, _ bytes: [UInt8], alignment: Int, link: Int = 0, info: Int = 0,
    entrySize: Int = 0
  ) {
    contents += repeatElement(0, count: (alignment - contents.count % alignment) % alignment)
    let fields: [(Int, Int)] = [
      (sectionNames.count, 4), (type, 4), (flags, 8), (0, 8), (contents.count, 8), (bytes.count, 8), (link, 4),
      (info, 4), (alignment, 8), (entrySize, 8),
    ]
    headers.append(fields.flatMap { Self.integer($0.0, $0.1) })
    sectionNames += Array(name.utf8) + [0]
    contents += bytes
  }

  private mutating func finished() -> [UInt8] {
    // The table of names holds its own name.
    let names = sectionNames + Array(".shstrtab".utf8) + [0]
    section(".shstrtab", type: 3, flags: 0, names, alignment: 1)
    contents += repeatElement(0, count: (8 - contents.count % 8) % 8)
    #if arch(x86_64)
      let machine = 62
    #else
      let machine = 183
    #endif
    var header: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + Array(repeating: 0, count: 9)
    let fields: [(Int, Int)] = [
      (1, 2), (machine, 2), (1, 4), (0, 8), (0, 8), (contents.count, 8), (0, 4), (64, 2), (0, 2), (0, 2), (64, 2),
      (headers.count, 2), (headers.count - 1, 2),
    ]
    header += fields.flatMap { Self.integer($0.0, $0.1) }
    contents.replaceSubrange(0..<64, with: header)
    return contents + headers.flatMap { $0 }
  }
}
