// SPDX-License-Identifier: Apache-2.0
// A kernel's machine code, ready to be copied anywhere.

import GraphSupport

/// Position-independent code and its constants, without a symbol or relocation left: it runs at any address that is a
/// multiple of `alignment`.
package struct MachineCode: Sendable, Equatable {
  package static let alignment = 64

  package var bytes: [UInt8]
  /// Where the kernel's function starts.
  package var entry: Int

  package init(bytes: [UInt8], entry: Int) {
    self.bytes = bytes
    self.entry = entry
  }

  /// Lays out the code and constants of an ELF object and resolves its references, which must be relative and stay
  /// inside. Fails for anything else, such as a call of a library function.
  init(object: [UInt8], function: String) throws(InternalError) {
    let elf = try ELFObject(object)
    var image: [UInt8] = []
    var places: [Int: Int] = [:]
    for (index, section) in elf.sections.enumerated() where section.isAllocated && section.size > 0 {
      guard section.hasContents, !section.isWritable else {
        throw InternalError("generated code has the writable section '\(section.name)'")
      }
      let alignment = max(section.alignment, Self.alignment)
      guard section.alignment <= Self.alignment else {
        throw InternalError("generated code wants an alignment of \(section.alignment) bytes")
      }
      let start = (image.count + alignment - 1) / alignment * alignment
      image.append(contentsOf: repeatElement(0, count: start - image.count))
      image.append(contentsOf: object[section.range])
      places[index] = start
    }
    for relocation in elf.relocations {
      guard let place = places[relocation.section] else { continue }
      guard let symbolPlace = places[relocation.symbol.section] else {
        throw InternalError("generated code refers to '\(relocation.symbol.name)', which it does not hold")
      }
      let at = place + relocation.offset
      guard relocation.offset >= 0, at >= 0, at + 4 <= image.count else {
        throw InternalError("generated code has a reference outside its section")
      }
      let value = symbolPlace + relocation.symbol.value + relocation.addend - at
      guard relocation.isRelative32, let word = Int32(exactly: value) else {
        throw InternalError("generated code has a reference of kind \(relocation.type)")
      }
      withUnsafeBytes(of: word.littleEndian) { image.replaceSubrange(at..<at + 4, with: $0) }
    }
    guard let symbol = elf.symbols.first(where: { $0.name == function }), let place = places[symbol.section] else {
      throw InternalError("generated code lacks its function '\(function)'")
    }
    bytes = image
    entry = place + symbol.value
  }
}
