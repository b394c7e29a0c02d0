// SPDX-License-Identifier: Apache-2.0
// Random kernels, compiled for every width of vectors, against their definition.

import KernelIR
import TestKit
import Testing

@Suite struct RandomKernelTests {
  /// Functions that IEEE 754 fixes and sums that are exact in any order: the bits must be equal.
  @Test(arguments: 0..<24)
  func bitsAreThoseOfTheDefinition(_ seed: UInt64) throws {
    let random = RandomKernel(seed: seed)
    try Harness.check(random.kernel, random.buffers, sizes: random.sizes, tiles: random.tiles)
  }

  /// The same through the passes, which every kernel takes before it is compiled.
  @Test(arguments: 100..<112)
  func passesCompileToTheSameBits(_ seed: UInt64) throws {
    let random = RandomKernel(seed: seed)
    let kernel = KernelPasses.hoistInvariants(KernelPasses.simplifyIndices(random.kernel))
    try Harness.check(kernel, random.buffers, sizes: random.sizes, tiles: random.tiles)
  }
}
