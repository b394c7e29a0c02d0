// SPDX-License-Identifier: Apache-2.0
// Sound in .wav files: PCM of 8, 16, 24 and 32 bits and floats of 32 and 64 bits.
// Source: Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" and its WAVEFORMATEXTENSIBLE.

import GraphSupport
import TensorCore

/// What a .wav file says about its samples.
struct WAVHeader {
  enum Coding { case unsigned8, signed16, signed24, signed32, float32, float64 }

  var coding: Coding
  var channels: Int
  var sampleRate: Int
  var dataOffset: Int
  /// Sample frames: one sample of each channel.
  var frames: Int

  var bytesPerSample: Int {
    switch coding {
    case .unsigned8: 1
    case .signed16: 2
    case .signed24: 3
    case .signed32, .float32: 4
    case .float64: 8
    }
  }

  init(_ view: ByteView, _ fault: FileFault) throws(DiagnosticsError) {
    guard view.starts(with: "RIFF"), view.starts(with: "WAVE", at: 8) else {
      throw fault.malformed("it starts with \(hexadecimal(view.bytes.prefix(12))), expected 'RIFF', a size, 'WAVE'")
    }
    var format: (tag: UInt16, channels: Int, rate: Int, align: Int, bits: Int)?
    var offset = 12
    while true {
      guard let size = view.little(offset + 4, as: UInt32.self) else {
        throw fault.malformed("it ends at byte \(view.count) without a 'data' chunk")
      }
      let start = offset + 8
      if view.starts(with: "data", at: offset) {
        guard let format else { throw fault.malformed("its 'data' chunk stands before its 'fmt ' chunk") }
        // Writers that cannot go back leave the size open; the samples then go to the end of the file.
        let isOpen = size == .max || size == 0
        let count = isOpen ? view.count - start : Int(size)
        guard view.slice(start, count) != nil else {
          throw fault.malformed("its samples end at byte \(view.count), expected \(count) bytes from byte \(start)")
        }
        let coding = try Self.coding(format.tag, format.bits, fault)
        (self.coding, channels, sampleRate, dataOffset, frames) = (coding, format.channels, format.rate, start, 0)
        guard format.align == bytesPerSample * channels else {
          throw fault.malformed("\(format.align) bytes a frame, expected \(bytesPerSample * channels)")
        }
        guard count % format.align == 0 || isOpen else {
          throw fault.malformed("\(count) bytes of samples, expected a multiple of \(format.align)")
        }
        frames = count / format.align
        return
      }
      if view.starts(with: "fmt ", at: offset) {
        guard size >= 16, let body = view.slice(start, Int(size)), var tag = body.little(0, as: UInt16.self),
          let channels = body.little(2, as: UInt16.self), let rate = body.little(4, as: UInt32.self),
          let align = body.little(12, as: UInt16.self), let bits = body.little(14, as: UInt16.self), channels > 0
        else { throw fault.malformed("its 'fmt ' chunk at byte \(offset) is damaged") }
        if tag == 0xFFFE { tag = body.little(24, as: UInt16.self) ?? tag }
        format = (tag, Int(channels), Int(rate), Int(align), Int(bits))
      }
      // Chunks start at even offsets.
      offset = start + Int(size) + Int(size & 1)
    }
  }

  private static func coding(_ tag: UInt16, _ bits: Int, _ fault: FileFault) throws(DiagnosticsError) -> Coding {
    switch (tag, bits) {
    case (1, 8): .unsigned8
    case (1, 16): .signed16
    case (1, 24): .signed24
    case (1, 32): .signed32
    case (3, 32): .float32
    case (3, 64): .float64
    default:
      throw fault.unsupported(
        "coding \(tag) with \(bits) bits, expected PCM (1) of 8, 16, 24, 32 or float (3) of 32, 64")
    }
  }
}

enum WAVFile {
  /// The rate `writeTensor` writes: what speech models work at.
  static let defaultSampleRate = 16_000

  /// Samples `[frames]` or `[frames, channels]`: f32 from -1 to 1 (f64 from 64-bit floats), or, with an integer
  /// type expected, PCM samples as stored. With an expected type of more axes, axes of size 1 are added.
  static func read(_ path: String, expecting expected: TensorType?) throws(DiagnosticsError) -> Tensor {
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    let fault = FileFault(path: path, format: "wav file")
    let header = try WAVHeader(ByteView(file.bytes), fault)
    let isFloat = header.coding == .float32 || header.coding == .float64
    let keepsIntegers = expected.map { $0.dtype.isInteger } == true && !isFloat
    let shape = header.channels == 1 ? [header.frames] : [header.frames, header.channels]
    let dtype: DType = keepsIntegers ? .i32 : header.coding == .float64 ? .f64 : .f32
    guard let tensor = Tensor(zeros: dtype, shape) else { throw fault.outOfMemory(header.frames &* 8) }
    let samples = UnsafeRawBufferPointer(rebasing: file.bytes[header.dataOffset...])
    decode(samples, header.coding, tensor, raw: keepsIntegers)
    return ShapeFitting.withUnitAxes(tensor, expected)
  }

  private static func decode(_ bytes: UnsafeRawBufferPointer, _ coding: WAVHeader.Coding, _ tensor: Tensor, raw: Bool) {
    func fill(_ full: Double, _ sample: (Int) -> Int32) {
      for index in 0..<tensor.count {
        let value = sample(index)
        if raw { tensor.set(index, integer: Int64(value)) } else { tensor.set(index, Double(value) / full) }
      }
    }
    switch coding {
    case .unsigned8: fill(0x1p7) { Int32(bytes[$0]) - (raw ? 0 : 128) }
    case .signed16:
      fill(0x1p15) { Int32(Int16(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 2, as: Int16.self))) }
    case .signed24:
      fill(0x1p23) { index in
        let bits =
          UInt32(bytes[index * 3]) << 8 | UInt32(bytes[index * 3 + 1]) << 16 | UInt32(bytes[index * 3 + 2]) << 24
        return Int32(bitPattern: bits) >> 8
      }
    case .signed32: fill(0x1p31) { Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self)) }
    case .float32, .float64:
      tensor.mutableBytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(tensor.byteCount)))
    }
  }

  /// Writes `[frames]` or `[frames, channels]`, axes of size 1 before them left out: f32 and narrower floats as 32-bit
  /// floats, f64 as 64-bit floats, and u8, i16 and i32 as PCM.
  static func write(
    _ tensor: Tensor, to path: String, sampleRate: Int = defaultSampleRate
  ) throws(DiagnosticsError) {
    let shape = Array(tensor.shape.drop { $0 == 1 })
    let channels = shape.count == 2 ? shape[1] : 1
    let stored: Tensor?
    switch tensor.dtype {
    case .f16, .bf16: stored = try? tensor.converted(to: .f32)
    case .f32, .f64, .u8, .i16, .i32: stored = tensor
    default: stored = nil
    }
    guard let stored, shape.count <= 2, (1...0xFFFF).contains(channels), stored.byteCount <= 0xFFFF_0000 else {
      throw DiagnosticsError(
        "file-write",
        "\(tensor.type) is no sound, expected [frames] or [frames, channels] of a float type, u8, i16 or i32",
        file: path)
    }
    let size = stored.dtype.size
    var header = LittleEndianBytes()
    header.bytes += Array("RIFF".utf8)
    header.append(UInt32(36 + stored.byteCount + stored.byteCount % 2))
    header.bytes += Array("WAVEfmt ".utf8)
    header.append(UInt32(16))
    header.append(UInt16(stored.dtype.isFloat ? 3 : 1), UInt16(channels))
    header.append(UInt32(sampleRate), UInt32(truncatingIfNeeded: sampleRate * channels * size))
    header.append(UInt16(truncatingIfNeeded: channels * size), UInt16(size * 8))
    header.bytes += Array("data".utf8)
    header.append(UInt32(stored.byteCount))
    let padding = [UInt8](repeating: 0, count: stored.byteCount % 2)
    try AtomicFile.write(header.bytes + stored.withBytes { Array($0) } + padding, to: path)
  }
}

/// Sample frames a second of a .wav file.
package func soundRate(_ path: String) throws(DiagnosticsError) -> Int {
  let file = try MappedFile(path)
  defer { withExtendedLifetime(file) {} }
  return try WAVHeader(ByteView(file.bytes), FileFault(path: path, format: "wav file")).sampleRate
}
