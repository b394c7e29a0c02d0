// SPDX-License-Identifier: Apache-2.0
// Weights in half precision.

extension Tensor {
  /// The elements of an f32 tensor rounded to bf16, to nearest, ties to even; nil when memory is short. What was read of
  /// a mapped file is given back.
  package func roundedToBFloat() -> Tensor? {
    guard dtype == .f32, let result = Tensor(zeros: .bf16, shape) else { return nil }
    let target = result.mutableBytes
    let step = 1 << 18
    for start in stride(from: 0, to: count, by: step) {
      let end = Swift.min(start + step, count)
      withBytes { bytes in
        for index in start..<end {
          let value = bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
          target.storeBytes(of: bfloatBits(single: value), toByteOffset: index * 2, as: UInt16.self)
        }
      }
      storage.dropPages(byteOffset + start * 4..<byteOffset + end * 4)
    }
    return result
  }
}

/// The bfloat16 bit pattern nearest to a value, ties to even.
package func bfloatBits(single value: Float) -> UInt16 {
  let bits = value.bitPattern
  if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
  return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
}
