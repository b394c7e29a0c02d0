// SPDX-License-Identifier: Apache-2.0
// Encoding PNG images of 8 or 16 bits.

import GraphSupport

enum PNGEncoder {
  /// The file's bytes for `height` rows of big-endian samples, `channels` from 1 to 4 and 8 or 16 bits a sample.
  static func encode(
    _ pixels: [UInt8], width: Int, height: Int, channels: Int, depth: Int, _ fault: FileFault
  ) throws(DiagnosticsError) -> [UInt8] {
    try Zlib.require(fault)
    let colour: UInt8 = [1: 0, 2: 4, 3: 2, 4: 6][channels] ?? 0
    guard
      let data = Zlib.compressed(
        filtered(pixels, rowBytes: width * channels * depth / 8, distance: channels * depth / 8)),
      data.count < Int(Int32.max)
    else { throw fault.outOfMemory(pixels.count) }
    var out: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    append("IHDR", bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [UInt8(depth), colour, 0, 0, 0], to: &out)
    append("IDAT", data, to: &out)
    append("IEND", [], to: &out)
    return out
  }

  /// Each row behind the filter (none, left or up) whose differences are smallest, as the specification advises.
  private static func filtered(_ pixels: [UInt8], rowBytes: Int, distance: Int) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(pixels.count + pixels.count / max(rowBytes, 1))
    var best = [UInt8](repeating: 0, count: rowBytes)
    var trial = best
    for start in stride(from: 0, to: pixels.count, by: max(rowBytes, 1)) {
      var (bestKind, bestCost) = (UInt8(0), Int.max)
      for kind in UInt8(0)...2 {
        var cost = 0
        for index in 0..<rowBytes {
          let prediction: UInt8 =
            switch kind {
            case 1: index >= distance ? pixels[start + index - distance] : 0
            case 2: start >= rowBytes ? pixels[start + index - rowBytes] : 0
            default: 0
            }
          trial[index] = pixels[start + index] &- prediction
          cost += Int(Int8(bitPattern: trial[index]).magnitude)
        }
        if cost < bestCost {
          (bestKind, bestCost) = (kind, cost)
          swap(&best, &trial)
        }
      }
      out.append(bestKind)
      out += best
    }
    return out
  }

  private static func append(_ type: StaticString, _ body: [UInt8], to out: inout [UInt8]) {
    out += bigEndian(UInt32(body.count))
    let start = out.count
    out += UnsafeBufferPointer(start: type.utf8Start, count: type.utf8CodeUnitCount)
    out += body
    let crc = out[start...].withUnsafeBytes { Zlib.crc32($0) }
    out += bigEndian(crc)
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
}
