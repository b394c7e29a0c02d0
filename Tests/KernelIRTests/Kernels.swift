// SPDX-License-Identifier: Apache-2.0
// Kernels as text, and running them over arrays.

import GraphSupport
import KernelIR
import TensorCore

enum Texts {
  static let softmax = """
    kernel softmax(%x: f32 read, %y: f32 write; n) tiles t in n {
      var m: f32 = -inf
      for j in 7 vector(4) {
        m max= %x[t * 7 + j]
      }
      var s: f32 = 0.0
      for k in 7 vector(4) {
        s += exp(%x[t * 7 + k] - m)
      }
      let r: f32 = 1.0 / s
      for l in 7 vector(4) {
        %y[t * 7 + l] = exp(%x[t * 7 + l] - m) * r
      }
    }

    """

  static let dense = """
    kernel dense(%x: f32 read, %w: f32 read, %b: f32 read, %y: f32 write; n) tiles p in 2 {
      contract acc: f32 rows i in n columns j in min(4, 6 - p * 4) tile(2, 4, 4) {
        a %x[i * 3]
        b packed %w[p * 12]
        depth 3 step a 1, b 0
      } epilogue {
        %y[i * 6 + p * 4 + j] = max(acc + %b[p * 4 + j], 0.0)
      }
    }

    """

  static let gated = """
    kernel gated(%x: f32 read, %w: f32 read, %y: f32 write; n) tiles p in 2 {
      contract value: f32, gate: f32 rows i in n columns j in min(2, 3 - p * 2) tile(2, 2, 4) {
        a %x[i * 3]
        b packed %w[p * 12]
        depth 3 step a 1, b 0
      } epilogue {
        %y[i * 3 + p * 2 + j] = value * max(gate, 0.0)
      }
    }

    """

  /// One of every statement and form of expression.
  static let everything = """
    kernel `a b`(%x: f16 read, %`y z`: i32 readWrite; n, m) scratch(%s: f64[16]) tiles t in (n + 3) // 4 * m {
      let a: f32 = select(t < 3 && !(n == m), -%x[t if t < m], nan)
      var b: f64 = nan(0xfff8000000000001):f64
      var i: i64 = -9223372036854775808
      var e: f64 = -inf:f64
      for j in 4 unrolled {
        if isNaN(a) {
          b = f64(a) * 0.1:f64 - 1e-300:f64
        } else {
          b += -(b + 1.0:f64) / 3.0:f64
        }
        (e, i) max= b at t * 4 + j last
      }
      while i > 0 {
        i = i >> 1 ^ 1 & i | ~i << 2
      }
      $0 = f64(t * 3 + n * m - 7)
      %s[2] = $0 * $0
      %`y z`[t * 2 if t % 2 != 0] = bitcast(a, i32) + rem(7:i32, 2:i32)
    }

    """
}

/// The kernel in a text that is right.
func parsed(_ text: String) throws -> Kernel { try KernelParser.parse(SourceText(path: "test.kernel", text)) }

/// Runs a kernel over f32 arrays and gives them back.
func run(_ kernel: Kernel, _ arrays: [[Float]], sizes: [Int], checkTiles: Bool = true) throws -> [[Float]] {
  let buffers = arrays.map { array in
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: array.count)
    _ = buffer.initialize(from: array)
    return buffer
  }
  defer { for buffer in buffers { buffer.deallocate() } }
  try KernelEvaluator.evaluate(
    kernel, buffers: buffers.map { UnsafeMutableRawBufferPointer($0) }, sizes: sizes, checkTiles: checkTiles)
  return buffers.map { Array($0) }
}
