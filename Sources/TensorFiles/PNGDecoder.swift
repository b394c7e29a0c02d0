// SPDX-License-Identifier: Apache-2.0
// Decoding PNG images of every colour type and depth, interlaced or not.
// Source: Portable Network Graphics specification, third edition (W3C 2025).

import GraphSupport

/// An image whose samples have the range 0...65535, whatever depth the file has.
struct Image {
  var width: Int
  var height: Int
  /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
  var channels: Int
  /// Row-major, channels last.
  var samples: [UInt16]
  /// Bits of a sample in the file.
  var depth: Int
}

struct PNGDecoder {
  /// The image header.
  struct Header {
    var width: Int
    var height: Int
    var depth: Int
    var colour: UInt8
    var isInterlaced: Bool

    /// Samples a pixel has in the file: a palette index is one.
    var storedChannels: Int { [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][Int(colour)] ?? 1 }

    /// The parts the image is stored in: where each starts and how far apart its pixels are.
    var passes: [(x: Int, y: Int, dx: Int, dy: Int)] {
      isInterlaced
        ? [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        : [(0, 0, 1, 1)]
    }

    func rowBytes(_ columns: Int) -> Int { (columns * storedChannels * depth + 7) / 8 }

    /// Columns and rows of a part; 0 when it is empty.
    func size(_ pass: (x: Int, y: Int, dx: Int, dy: Int)) -> (columns: Int, rows: Int) {
      (max(0, (width - pass.x + pass.dx - 1) / pass.dx), max(0, (height - pass.y + pass.dy - 1) / pass.dy))
    }

    /// Bytes of all rows with their filter bytes.
    var imageByteCount: Int {
      passes.reduce(0) { total, pass in
        let (columns, rows) = size(pass)
        return columns > 0 ? total + rows * (1 + rowBytes(columns)) : total
      }
    }
  }

  /// Larger images are refused, so that a small file cannot ask for all memory.
  static let pixelLimit = 1 << 27

  private let view: ByteView
  private let fault: FileFault
  private(set) var header = Header(width: 0, height: 0, depth: 8, colour: 0, isInterlaced: false)
  private var palette: [UInt8] = []
  private var transparency: [UInt8] = []
  private var pieces: [ByteView] = []

  /// Walks over all chunks and checks them; the pixels are not touched.
  init(_ bytes: UnsafeRawBufferPointer, _ fault: FileFault) throws(DiagnosticsError) {
    view = ByteView(bytes)
    self.fault = fault
    let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    guard bytes.starts(with: signature) else {
      throw fault.malformed("it starts with \(hexadecimal(bytes.prefix(8))), expected \(hexadecimal(signature))")
    }
    try Zlib.require(fault)
    var offset = 8
    var isOpen = true
    var sawOther = false
    while isOpen {
      guard let size = view.big(offset, as: UInt32.self), let type = view.slice(offset + 4, 4),
        let body = view.slice(offset + 8, Int(size)), let crc = view.big(offset + 8 + Int(size), as: UInt32.self)
      else { throw fault.malformed("it ends inside the chunk at byte \(offset)") }
      guard let checked = view.slice(offset + 4, 4 + Int(size)), Zlib.crc32(checked.bytes) == crc else {
        throw fault.malformed("the checksum of the chunk at byte \(offset) is wrong")
      }
      let name = String(decoding: type.bytes, as: UTF8.self)
      guard (offset == 8) == (name == "IHDR") else {
        throw fault.malformed("found the chunk \(quoted(name)) at byte \(offset), expected 'IHDR' first and only once")
      }
      switch name {
      case "IHDR": header = try Self.header(body, fault)
      case "PLTE": palette = Array(body.bytes)
      case "tRNS": transparency = Array(body.bytes)
      case "IDAT":
        guard !sawOther else { throw fault.malformed("its 'IDAT' chunks do not follow one another") }
        pieces.append(body)
      case "IEND": isOpen = false
      // A lower-case first letter marks what a reader may pass over.
      case _ where type.bytes[0] & 0x20 != 0: break
      default: throw fault.unsupported("the unknown critical chunk \(quoted(name))")
      }
      if name != "IDAT" && !pieces.isEmpty { sawOther = true }
      offset += 12 + Int(size)
    }
    guard header.colour != 3 || (!palette.isEmpty && palette.count % 3 == 0 && palette.count <= 768) else {
      throw fault.malformed("a palette of \(palette.count) bytes, expected 1 to 256 colours of 3")
    }
    let total = pieces.reduce(0) { $0 + $1.count }
    guard header.imageByteCount / Zlib.largestRatio <= total else {
      throw fault.malformed("\(total) bytes of image data cannot hold \(header.width) × \(header.height) pixels")
    }
  }

  private static func header(_ body: ByteView, _ fault: FileFault) throws(DiagnosticsError) -> Header {
    guard body.count == 13, let width = body.big(0, as: UInt32.self), let height = body.big(4, as: UInt32.self),
      width > 0, height > 0, width < 1 << 28, height < 1 << 28
    else { throw fault.malformed("its header has \(body.count) bytes, expected 13 with a size from 1 to 2^28 - 1") }
    let (depth, colour) = (Int(body.bytes[8]), body.bytes[9])
    let depths: [UInt8: [Int]] = [0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]]
    guard depths[colour]?.contains(depth) == true, body.bytes[10] == 0, body.bytes[11] == 0, body.bytes[12] <= 1 else {
      throw fault.malformed(
        "depth \(depth) with colour type \(colour) and methods \(Array(body.bytes[10...])) do not exist")
    }
    guard Int(width) * Int(height) <= pixelLimit else {
      throw fault.unsupported("\(width) × \(height) pixels, at most \(pixelLimit) are read")
    }
    return Header(
      width: Int(width), height: Int(height), depth: depth, colour: colour, isInterlaced: body.bytes[12] == 1)
  }

  // MARK: Pixels

  /// All pixels. Palettes become colours, and transparency a channel.
  func image() throws(DiagnosticsError) -> Image {
    let hasKey = !transparency.isEmpty
    let channels: Int
    switch header.colour {
    case 0: channels = hasKey ? 2 : 1
    case 2, 3: channels = hasKey ? 4 : 3
    case 4: channels = 2
    default: channels = 4
    }
    let count = header.width * header.height * channels
    var image = Image(width: header.width, height: header.height, channels: channels, samples: [], depth: header.depth)
    guard let first = pieces.first else { throw fault.malformed("it has no image data") }
    let inflater = try Inflater(first.bytes, raw: false, fault)
    var next = 1
    image.samples = [UInt16](repeating: 0, count: count)
    for pass in header.passes {
      let (columns, rows) = header.size(pass)
      guard columns > 0, rows > 0 else { continue }
      let size = header.rowBytes(columns)
      var row = [UInt8](repeating: 0, count: size + 1)
      var above = [UInt8](repeating: 0, count: size)
      for index in 0..<rows {
        try fill(&row, inflater, &next)
        try unfilter(&row, above)
        above.withUnsafeMutableBytes { target in
          row.withUnsafeBytes { target.copyMemory(from: .init(rebasing: $0[1...])) }
        }
        try spread(above, columns, into: &image, x: pass.x, y: pass.y + index * pass.dy, step: pass.dx)
      }
    }
    var beyond: [UInt8] = [0]
    guard try more(&beyond, inflater, &next) == 0, inflater.isAtEnd else {
      throw fault.malformed("its image data do not end behind the last row")
    }
    return image
  }

  private func fill(_ row: inout [UInt8], _ inflater: borrowing Inflater, _ next: inout Int) throws(DiagnosticsError) {
    let count = try more(&row, inflater, &next)
    guard count == row.count else { throw fault.malformed("its image data end early") }
  }

  /// Decompresses into `bytes`, going on with further pieces; gives how many bytes there were.
  private func more(
    _ bytes: inout [UInt8], _ inflater: borrowing Inflater, _ next: inout Int
  ) throws(DiagnosticsError) -> Int {
    var filled = 0
    while true {
      let count = bytes.withUnsafeMutableBytes {
        inflater.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
      }
      guard let count else { throw fault.malformed("its image data are damaged") }
      filled += count
      guard filled < bytes.count, !inflater.isAtEnd, next < pieces.count else { return filled }
      inflater.feed(pieces[next].bytes)
      next += 1
    }
  }

  /// Undoes a row's filter; its first byte tells which.
  private func unfilter(_ row: inout [UInt8], _ above: [UInt8]) throws(DiagnosticsError) {
    let distance = max(1, header.storedChannels * header.depth / 8)
    let kind = row[0]
    guard kind <= 4 else { throw fault.malformed("filter \(kind), expected 0 to 4") }
    guard kind > 0 else { return }
    for index in 0..<above.count {
      let left = index >= distance ? row[1 + index - distance] : 0
      let up = above[index]
      let corner = index >= distance ? above[index - distance] : 0
      let prediction: UInt8
      switch kind {
      case 1: prediction = left
      case 2: prediction = up
      case 3: prediction = UInt8((Int(left) + Int(up)) / 2)
      default: prediction = Self.paeth(left, up, corner)
      }
      row[1 + index] &+= prediction
    }
  }

  private static func paeth(_ left: UInt8, _ up: UInt8, _ corner: UInt8) -> UInt8 {
    let estimate = Int(left) + Int(up) - Int(corner)
    let (a, b, c) = (abs(estimate - Int(left)), abs(estimate - Int(up)), abs(estimate - Int(corner)))
    return a <= b && a <= c ? left : b <= c ? up : corner
  }

  /// Writes a row's pixels to the image.
  private func spread(
    _ row: [UInt8], _ columns: Int, into image: inout Image, x: Int, y: Int, step: Int
  ) throws(DiagnosticsError) {
    let stored = header.storedChannels
    let scale = UInt16(65535 / ((1 << header.depth) - 1))
    func sample(_ index: Int) -> UInt16 {
      switch header.depth {
      case 8: return UInt16(row[index])
      case 16: return UInt16(row[index * 2]) << 8 | UInt16(row[index * 2 + 1])
      default:
        let perByte = 8 / header.depth
        let shift = 8 - header.depth * (index % perByte + 1)
        return UInt16(row[index / perByte] >> UInt8(shift)) & UInt16((1 << header.depth) - 1)
      }
    }
    let key = stride(from: 0, to: transparency.count - 1, by: 2).map {
      UInt16(transparency[$0]) << 8 | UInt16(transparency[$0 + 1])
    }
    for column in 0..<columns {
      let target = (y * header.width + x + column * step) * image.channels
      if header.colour == 3 {
        let index = Int(sample(column))
        guard index * 3 + 2 < palette.count else {
          throw fault.malformed("colour \(index) of a palette with \(palette.count / 3)")
        }
        for channel in 0..<3 { image.samples[target + channel] = UInt16(palette[index * 3 + channel]) * 257 }
        if image.channels == 4 {
          image.samples[target + 3] = index < transparency.count ? UInt16(transparency[index]) * 257 : .max
        }
        continue
      }
      var isKey = key.count == stored
      for channel in 0..<stored {
        let value = sample(column * stored + channel)
        if isKey { isKey = value == key[channel] }
        image.samples[target + channel] = value * scale
      }
      if image.channels > stored { image.samples[target + stored] = isKey ? 0 : .max }
    }
  }
}
