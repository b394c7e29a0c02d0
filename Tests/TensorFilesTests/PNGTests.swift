// SPDX-License-Identifier: Apache-2.0
// PNG images of every colour type, depth and interlacing; the fixtures' pixels follow a formula (`make_fixtures.py`).

import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite struct PNGTests {
  /// Sample (y, x, c) of the 11 × 7 fixtures, in 0...2^depth - 1.
  private func stored(_ channels: Int, _ depth: Int) -> [Int] {
    (0..<7).flatMap { y in
      (0..<11).flatMap { x in
        (0..<channels).map { c in (7 * y + 3 * x + 5 * c) * (depth == 16 ? 257 : 1) % (1 << depth) }
      }
    }
  }

  @Test(arguments: [
    ("grey1", 1, 1), ("grey2", 1, 2), ("grey4", 1, 4), ("grey8", 1, 8), ("grey16", 1, 16), ("grey1_interlaced", 1, 1),
    ("grey2_interlaced", 1, 2), ("grey4_interlaced", 1, 4), ("grey8_interlaced", 1, 8), ("grey16_interlaced", 1, 16),
    ("rgb8", 3, 8), ("rgb16", 3, 16), ("grey_alpha8", 2, 8), ("grey_alpha16", 2, 16), ("rgba8_interlaced", 4, 8),
    ("rgba16_interlaced", 4, 16),
  ])
  func colourTypesAndDepths(name: String, channels: Int, depth: Int) throws {
    let tensor = try readTensor(fixture("\(name).png"))
    #expect(tensor.type == TensorType(.u8, channels == 1 ? [7, 11] : [7, 11, Dim(channels)]))
    let full = (1 << depth) - 1
    #expect(tensor.integers() == stored(channels, depth).map { Int64(($0 * 255 + full / 2) / full) })
    if depth == 16 {
      let wide = try readTensor(fixture("\(name).png"), expecting: TensorType(.u16, tensor.type.shape))
      #expect(wide.integers() == stored(channels, depth).map(Int64.init))
    }
  }

  @Test func palettesAndKeys() throws {
    let colours: [[Int64]] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]
    for (name, depth) in [("palette2", 2), ("palette8", 8)] {
      let tensor = try readTensor(fixture("\(name).png"))
      #expect(tensor.shape == [7, 11, 3])
      #expect(tensor.integers() == stored(1, depth).flatMap { colours[$0 % 4] })
    }
    let alpha: [Int64] = [0, 128, 255, 255]
    let clear = try readTensor(fixture("palette_alpha.png"))
    #expect(clear.integers() == stored(1, 4).flatMap { colours[$0 % 4] + [alpha[$0 % 4]] })
    let keyed = try readTensor(fixture("grey_key.png"))
    #expect(keyed.integers() == stored(1, 8).flatMap { [Int64($0), $0 == 3 ? 0 : 255] })
    #expect(try readTensor(fixture("one_pixel.png")).integers() == [0])
  }

  @Test func expectedTypes() throws {
    let n = Dim(symbol: "N")
    func read(_ name: String, _ dtype: DType, _ shape: [Dim]) throws -> Tensor {
      try readTensor(fixture("\(name).png"), expecting: TensorType(dtype, shape))
    }
    let rgb = try readTensor(fixture("rgb8.png")).doubles()
    #expect(try read("rgb8", .f32, [n, 7, 11, 3]).doubles() == rgb)
    #expect(try read("rgb8", .f32, [1, 7, 11, 3]).shape == [1, 7, 11, 3])
    let planar = try read("rgb8", .f32, [n, 3, Dim(symbol: "H"), Dim(symbol: "W")])
    #expect(planar.shape == [1, 3, 7, 11] && planar.doubles()[77] == rgb[1])
    let grey = try read("rgb8", .u8, [7, 11])
    #expect(grey.integers()[0] == (0 * 299 + 5 * 587 + 10 * 114 + 500) / 1000)
    #expect(try read("grey8", .f32, [n, 77]).shape == [1, 77])
    #expect(try read("grey8", .f32, [n, 7, 11, 1]).shape == [1, 7, 11, 1])
    let repeated = try read("grey8", .i32, [7, 11, 3]).integers()
    #expect(repeated[3...5].elementsEqual([3, 3, 3]))
    #expect(try read("rgb8", .u8, [7, 11, 4]).integers()[3] == 255)
    #expect(try read("rgba8_interlaced", .u8, [7, 11, 3]).count == 231)
    #expect(
      failure { _ = try read("grey8", .f32, [n, 28, 28, 1]) }.contains(
        "has 11 × 7 pixels with 1 channels, expected f32[N, 28, 28, 1]"))
  }

  @Test func writing() throws {
    let scratch = ScratchFolder()
    let path = scratch.file("out.png")
    for name in ["grey8", "grey_alpha8", "rgb8", "rgba8_interlaced"] {
      let tensor = try readTensor(fixture("\(name).png"))
      try writeTensor(tensor, to: path)
      #expect(try readTensor(path).isIdentical(to: tensor))
    }
    let wide = try readTensor(fixture("rgb16.png"), expecting: TensorType(.u16, [7, 11, 3]))
    try writeTensor(wide, to: path)
    #expect(try readTensor(path, expecting: wide.type).isIdentical(to: wide))
    try writeTensor(try #require(Tensor(.f32, [1, 1, 2], doubles: [0.5, 1])), to: path)
    #expect(try readTensor(path).integers() == [128, 255])
    try writeTensor(try #require(Tensor(.f32, [1, 3, 2, 5], doubles: (0..<30).map { Double($0) })), to: path)
    #expect(try readTensor(path).integers()[...5] == [0, 10, 20, 1, 11, 21])
    func refused(_ values: [Double], _ shape: [Int]) -> String {
      failure { try writeTensor(try #require(Tensor(.f32, shape, doubles: values)), to: path) }
    }
    #expect(refused([-1, 0], [1, 2]).contains("element 0 is -1.0, an image has the values 0...255"))
    #expect(refused([.nan, 0], [1, 2]).contains("element 0 is nan"))
    #expect(refused([1, 0], [2]).contains("f32[2] is no image"))
  }

  @Test func refusals() throws {
    let scratch = ScratchFolder()
    let good = try contents(fixture("rgb8.png"))
    func refused(_ change: (inout [UInt8]) -> Void) -> String {
      var bytes = good
      change(&bytes)
      return failure { _ = try readTensor(scratch.write(bytes, "x.png")) }
    }
    #expect(refused { $0[17] = 9 }.contains("the checksum of the chunk at byte 8 is wrong"))
    #expect(refused { $0.removeLast(20) }.contains("it ends inside the chunk at byte"))
    #expect(refused { $0[0] = 0 }.contains("it starts with 00 50"))
    #expect(failure { _ = try readTensor("photo.JPG") }.contains("JPEG images are not read: convert 'photo.JPG'"))
  }

  @Test(arguments: ["rgb8", "grey4_interlaced", "palette_alpha"])
  func mutations(name: String) throws {
    try survivesMutations(fixture("\(name).png"), as: "x.png", count: 1500)
    // Checksums stop most damage early; with them made right again the rest of the decoder is reached.
    let scratch = ScratchFolder()
    let good = try contents(fixture("\(name).png"))
    var random = SeededGenerator(state: 2)
    for _ in 0..<1500 {
      let damaged = scratch.write(withRightChecksums(mutated(good, &random)), "x.png")
      _ = failure { _ = try readTensor(damaged) }
    }
  }

  private func withRightChecksums(_ image: [UInt8]) -> [UInt8] {
    var bytes = image
    var offset = 8
    while offset + 12 <= bytes.count {
      let size = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
      guard size <= bytes.count - offset - 12 else { break }
      var crc = UInt32.max
      for byte in bytes[offset + 4..<offset + 8 + size] {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
      }
      for index in 0..<4 {
        bytes[offset + 8 + size + index] = UInt8(truncatingIfNeeded: ~crc >> UInt32(24 - 8 * index))
      }
      offset += 12 + size
    }
    return bytes
  }
}
