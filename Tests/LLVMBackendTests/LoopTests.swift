// SPDX-License-Identifier: Apache-2.0
// Loops of every form and extent.

import KernelIR
import TensorCore
import Testing

@Suite struct LoopTests {
  @Test func extents() throws {
    var random = Random(1)
    for unroll in [1, 4] {
      let kernel = try Harness.parse(
        """
        kernel extents(%x: f32 read, %y: f32 write; n) tiles t in 3 {
          for j in n vector(\(unroll)) {
            %y[t * n + j] = %x[t * n + j] * 2.0 + 1.0
          }
        }

        """)
      for n in 0...70 {
        let x = (0..<3 * n).map { _ in Float.random(in: -4...4, using: &random) }
        try Harness.check(kernel, [Harness.bytes(x), Harness.bytes(x.map { _ in Float(7) })], sizes: [n], tiles: 3, ulps: 1)
      }
    }
  }
}
