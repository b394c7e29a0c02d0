// SPDX-License-Identifier: Apache-2.0
// An ELF64 relocatable object with a model's data: plan image, weights, kernel table and descriptor.
//
// It is written here, as a list of byte ranges that go straight to the file, because weights may be larger than memory
// and nothing in them needs an assembler. Layout and numbers are those of the System V ABI, chapter 4.

import CLaminaRuntime
import GraphSupport

/// A part of the weights blob. `bytes` has to stay valid while it is written.
package struct WeightsPart {
  package var offset: Int
  package var bytes: UnsafeRawBufferPointer

  package init(offset: Int, bytes: UnsafeRawBufferPointer) {
    self.offset = offset
    self.bytes = bytes
  }
}

/// The object's content. Symbols: `lamina_model_<name>`, the hidden `lamina_main_model` of the entry point, and
/// undefined ones for the kernels.
struct DataObject {
  /// The ELF machine number, as in the kernels' object.
  var machine: UInt16
  var modelSymbol: String
  var image: [UInt8]
  var kernels: [String]
  var weightsByteCount: Int
  /// Nil leaves the weights out: the descriptor then has no pointer.
  var weights: [WeightsPart]?

  /// The relocation that stores a 64-bit address; nil for machines that nothing is generated for.
  private var absoluteRelocation: UInt64? {
    switch machine {
    case 62: 1  // x86-64: R_X86_64_64
    case 183: 257  // AArch64: R_AARCH64_ABS64
    default: nil
    }
  }

  /// The machine number of an object file; nil when it is no 64-bit little-endian ELF object.
  static func machine(of object: [UInt8]) -> UInt16? {
    guard object.count >= 64, object.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]) else { return nil }
    return UInt16(object[18]) | UInt16(object[19]) << 8
  }

  /// Writes the object to a file.
  func write(to path: String) throws(DiagnosticsError) {
    guard let relocation = absoluteRelocation else {
      throw DiagnosticsError("link-machine", "found kernels for ELF machine \(machine), expected x86-64 or AArch64")
    }
    let isInside = weights != nil
    let blob = isInside ? weightsByteCount : 0
    // Beyond what code can reach with 32 bits, weights go where the linker puts large data.
    let isLarge = machine == 62 && blob > 1 << 30

    var strings = StringTable()
    var symbols = Bytes()
    symbols.symbol(name: 0, info: 0, other: 0, section: 0, value: 0, size: 0)
    for section in [Section.plan, .weights, .kernels] {
      symbols.symbol(name: 0, info: 3, other: 0, section: section.rawValue, value: 0, size: 0)
    }
    let firstGlobal = 4
    let descriptorBytes = UInt64(MemoryLayout<lamina_model>.size)
    symbols.symbol(
      name: strings.add(modelSymbol), info: 0x11, other: 0, section: Section.model.rawValue, value: 0,
      size: descriptorBytes)
    symbols.symbol(
      name: strings.add("lamina_main_model"), info: 0x11, other: 2, section: Section.model.rawValue, value: 0,
      size: descriptorBytes)
    let firstKernel = firstGlobal + 2
    for kernel in kernels {
      symbols.symbol(name: strings.add(kernel), info: 0x10, other: 0, section: 0, value: 0, size: 0)
    }

    var kernelRelocations = Bytes()
    for index in kernels.indices {
      kernelRelocations.relocation(at: UInt64(index) * 8, symbol: firstKernel + index, type: relocation)
    }
    var modelRelocations = Bytes()
    modelRelocations.relocation(at: 8, symbol: 1, type: relocation)
    modelRelocations.relocation(at: 24, symbol: 3, type: relocation)
    if isInside { modelRelocations.relocation(at: 40, symbol: 2, type: relocation) }
    var descriptor = lamina_model()
    descriptor.magic = LAMINA_MODEL_MAGIC
    descriptor.plan_bytes = UInt64(image.count)
    descriptor.kernel_count = UInt64(kernels.count)
    descriptor.weights_bytes = UInt64(weightsByteCount)
    let descriptorContent = withUnsafeBytes(of: descriptor) { Array($0) }

    var names = StringTable()
    var file = FileLayout()
    let readOnly: UInt64 = 2
    let relocated: UInt64 = 3
    func name(_ section: Section) -> UInt32 { names.add(isLarge && section == .weights ? ".lrodata" : section.name) }
    file.add(name(.plan), type: 1, flags: readOnly, align: 64, count: image.count)
    file.add(
      name(.weights), type: 1, flags: isLarge ? readOnly | 0x1000_0000 : readOnly, align: 64, count: blob)
    file.add(name(.kernels), type: 1, flags: relocated, align: 64, count: kernels.count * 8)
    file.add(name(.model), type: 1, flags: relocated, align: 64, count: descriptorContent.count)
    file.add(
      name(.kernelRelocations), type: 4, flags: 0x40, link: Section.symbols.rawValue, info: Section.kernels.rawValue,
      align: 8, entry: 24, count: kernelRelocations.bytes.count)
    file.add(
      name(.modelRelocations), type: 4, flags: 0x40, link: Section.symbols.rawValue, info: Section.model.rawValue,
      align: 8, entry: 24, count: modelRelocations.bytes.count)
    file.add(
      name(.symbols), type: 2, flags: 0, link: Section.strings.rawValue, info: UInt16(firstGlobal), align: 8, entry: 24,
      count: symbols.bytes.count)
    file.add(name(.strings), type: 3, flags: 0, align: 1, count: strings.bytes.count)
    file.add(name(.stack), type: 1, flags: 0, align: 1, count: 0)
    let nameOfNames = name(.names)
    file.add(nameOfNames, type: 3, flags: 0, align: 1, count: names.bytes.count)
    let header = file.header(machine: machine, nameSection: Section.names.rawValue)

    var chunks = ChunkList()
    chunks.append(header)
    chunks.append(image, at: file.offset(.plan))
    if let weights { try chunks.append(weights, at: file.offset(.weights), count: blob) }
    chunks.append([UInt8](repeating: 0, count: kernels.count * 8), at: file.offset(.kernels))
    chunks.append(descriptorContent, at: file.offset(.model))
    chunks.append(kernelRelocations.bytes, at: file.offset(.kernelRelocations))
    chunks.append(modelRelocations.bytes, at: file.offset(.modelRelocations))
    chunks.append(symbols.bytes, at: file.offset(.symbols))
    chunks.append(strings.bytes, at: file.offset(.strings))
    chunks.append(names.bytes, at: file.offset(.names))
    chunks.append(file.table, at: file.tableOffset)
    try chunks.write(to: path)
  }
}

/// Section numbers.
private enum Section: UInt16 {
  case plan = 1
  case weights, kernels, model, kernelRelocations, modelRelocations, symbols, strings, stack, names

  var name: String {
    switch self {
    case .plan: ".rodata.lamina_plan"
    case .weights: ".rodata.lamina_weights"
    case .kernels: ".data.rel.ro.lamina_kernels"
    case .model: ".data.rel.ro.lamina_model"
    case .kernelRelocations: ".rela.data.rel.ro.lamina_kernels"
    case .modelRelocations: ".rela.data.rel.ro.lamina_model"
    case .symbols: ".symtab"
    case .strings: ".strtab"
    case .stack: ".note.GNU-stack"
    case .names: ".shstrtab"
    }
  }
}

/// Null-terminated strings, after an empty one.
private struct StringTable {
  var bytes: [UInt8] = [0]

  mutating func add(_ string: String) -> UInt32 {
    let offset = UInt32(clamping: bytes.count)
    bytes += string.utf8
    bytes.append(0)
    return offset
  }
}

/// Little-endian records.
private struct Bytes {
  var bytes: [UInt8] = []

  mutating func put<Number: FixedWidthInteger>(_ number: Number) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func symbol(name: UInt32, info: UInt8, other: UInt8, section: UInt16, value: UInt64, size: UInt64) {
    put(name)
    put(info)
    put(other)
    put(section)
    put(value)
    put(size)
  }

  mutating func relocation(at offset: UInt64, symbol: Int, type: UInt64) {
    put(offset)
    put(UInt64(symbol) << 32 | type)
    put(UInt64(0))
  }
}

/// Section headers, with file offsets given out as sections are added.
private struct FileLayout {
  private var headers = Bytes()
  private var offsets: [Int] = [0]
  private var end = 64

  init() { for _ in 0..<8 { headers.put(UInt64(0)) } }

  mutating func add(
    _ name: UInt32, type: UInt32, flags: UInt64, link: UInt16 = 0, info: UInt16 = 0, align: Int, entry: UInt64 = 0,
    count: Int
  ) {
    let offset = (end + align - 1) / align * align
    headers.put(name)
    headers.put(type)
    headers.put(flags)
    headers.put(UInt64(0))
    headers.put(UInt64(offset))
    headers.put(UInt64(count))
    headers.put(UInt32(link))
    headers.put(UInt32(info))
    headers.put(UInt64(align))
    headers.put(entry)
    offsets.append(offset)
    end = offset + count
  }

  func offset(_ section: Section) -> Int { offsets[Int(section.rawValue)] }
  var tableOffset: Int { (end + 7) / 8 * 8 }
  var table: [UInt8] { headers.bytes }

  func header(machine: UInt16, nameSection: UInt16) -> [UInt8] {
    var header = Bytes()
    header.bytes = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    header.put(UInt16(1))  // relocatable
    header.put(machine)
    header.put(UInt32(1))
    header.put(UInt64(0))
    header.put(UInt64(0))
    header.put(UInt64(tableOffset))
    header.put(UInt32(0))
    header.put(UInt16(64))
    header.put(UInt16(0))
    header.put(UInt16(0))
    header.put(UInt16(64))
    header.put(UInt16(clamping: offsets.count))
    header.put(nameSection)
    return header.bytes
  }
}
