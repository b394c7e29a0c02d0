// SPDX-License-Identifier: Apache-2.0
// .wav files.

import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite struct WAVTests {
  private let scratch = ScratchFolder()

  private func little(_ value: Int, _ width: Int) -> [UInt8] {
    (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// A file of a format and its sample bytes, with a chunk in between that readers pass over.
  private func image(_ tag: Int, _ channels: Int, _ bits: Int, _ data: [UInt8], extensible: Bool = false) -> [UInt8] {
    var format = little(extensible ? 0xFFFE : tag, 2) + little(channels, 2) + little(8000, 4)
    format += little(8000 * channels * bits / 8, 4) + little(channels * bits / 8, 2) + little(bits, 2)
    if extensible {
      format += little(22, 2) + little(bits, 2) + little(0, 4) + little(tag, 2) + [UInt8](repeating: 0, count: 14)
    }
    let chunks =
      Array("WAVEfmt ".utf8) + little(format.count, 4) + format + Array("LIST".utf8) + little(3, 4) + [1, 2, 3, 0]
    let all = chunks + Array("data".utf8) + little(data.count, 4) + data
    return Array("RIFF".utf8) + little(all.count, 4) + all
  }

  private func read(_ bytes: [UInt8], _ expected: TensorType? = nil) throws -> Tensor {
    try readTensor(scratch.write(bytes, "t.wav"), expecting: expected)
  }

  @Test func codings() throws {
    #expect(try read(image(1, 1, 8, [0, 128, 255])).doubles() == [-1, 0, 127 / 128])
    #expect(try read(image(1, 1, 16, [0, 0x80, 0, 0x40])).doubles() == [-1, 0.5])
    #expect(try read(image(1, 1, 24, [0, 0, 0x80, 0, 0, 0x40])).doubles() == [-1, 0.5])
    #expect(try read(image(1, 1, 32, [0, 0, 0, 0x80, 0, 0, 0, 0x40])).doubles() == [-1, 0.5])
    #expect(try read(image(3, 1, 32, [0, 0, 0x80, 0x3F])).type == TensorType(.f32, [1]))
    #expect(try read(image(3, 1, 64, [0, 0, 0, 0, 0, 0, 0xF0, 0x3F])).doubles() == [1])
    let stereo = try read(image(1, 2, 16, [0, 0x40, 0, 0xC0, 0, 0, 0, 0], extensible: true))
    #expect(stereo.type == TensorType(.f32, [2, 2]) && stereo.doubles() == [0.5, -0.5, 0, 0])
  }

  @Test func expectedTypes() throws {
    let mono = image(1, 1, 16, [1, 0, 2, 0])
    #expect(try read(mono, TensorType(.i16, [2])).integers() == [1, 2])
    #expect(try read(mono, TensorType(.f32, [Dim(symbol: "N"), Dim(symbol: "T")])).shape == [1, 2])
    #expect(try read(mono, TensorType(.f32, [Dim(symbol: "N"), Dim(symbol: "T"), 1])).shape == [1, 2, 1])
  }

  @Test func writing() throws {
    let path = scratch.file("out.wav")
    for tensor in [Tensor(.f32, [3, 2], doubles: [0, 1, -1, 0.5, 2, 0.25]), Tensor(.f64, [2], doubles: [0.1, -0.1])] {
      let tensor = try #require(tensor)
      try writeTensor(tensor, to: path)
      #expect(try readTensor(path).isIdentical(to: tensor))
    }
    for dtype in [DType.u8, .i16, .i32] {
      let tensor = try #require(Tensor(dtype, [3], integers: [0, 100, 7]))
      try writeTensor(tensor, to: path)
      #expect(try readTensor(path, expecting: tensor.type).isIdentical(to: tensor))
    }
    let flags = try #require(Tensor(zeros: .bool, [2]))
    #expect(failure { try writeTensor(flags, to: path) }.contains("bool[2] is no sound"))
  }

  @Test func refusals() {
    func refused(_ bytes: [UInt8]) -> String { failure { _ = try read(bytes) } }
    #expect(refused(image(2, 1, 16, [])).contains("coding 2 with 16 bits, expected PCM"))
    #expect(refused(image(1, 2, 16, [0, 0])).contains("2 bytes of samples, expected a multiple of 4"))
    #expect(refused(Array(image(1, 1, 16, [0, 0, 0, 0]).dropLast())).contains("expected 4 bytes from byte"))
    #expect(refused(Array(image(1, 1, 16, []).dropLast(8))).contains("without a 'data' chunk"))
    #expect(refused(image(1, 0, 16, [])).contains("'fmt ' chunk at byte 12 is damaged"))
  }

  @Test func mutations() throws {
    let bytes = image(1, 2, 24, [UInt8](0..<60), extensible: true)
    try survivesMutations(scratch.write(bytes, "good.wav"), as: "x.wav", count: 4000)
  }
}
