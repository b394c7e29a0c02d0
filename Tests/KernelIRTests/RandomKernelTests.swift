// SPDX-License-Identifier: Apache-2.0
// Random kernels are legal, survive their text, and mean the same after every pass.

import GraphSupport
import KernelIR
import TensorCore
import TestKit
import Testing

@Suite struct RandomKernelTests {
  static func make(_ seed: UInt64) -> RandomKernel {
    var options = RandomKernel.Options()
    options.isExact = seed % 2 == 0
    options.maximumExtent = 20
    return RandomKernel(seed: seed, options: options)
  }

  @Test(arguments: 0..<60)
  func textRoundTrips(_ seed: UInt64) throws {
    let kernel = Self.make(seed).kernel
    #expect(KernelVerifier.verify(kernel).map(\.message) == [])
    let text = KernelPrinter.print(kernel)
    let back = try parsed(text)
    #expect(back == kernel)
    #expect(KernelPrinter.print(back) == text)
  }

  @Test(arguments: 0..<60)
  func passesKeepEveryBit(_ seed: UInt64) throws {
    let random = Self.make(seed)
    let expected = try random.evaluated()
    let simple = KernelPasses.simplifyIndices(random.kernel)
    let hoisted = KernelPasses.hoistInvariants(random.kernel)
    let both = KernelPasses.hoistInvariants(simple)
    for (name, kernel) in [("simplified", simple), ("hoisted", hoisted), ("both", both)] {
      #expect(KernelVerifier.verify(kernel).map(\.message) == [], "\(name)")
      let same = try random.evaluated(kernel) == expected
      #expect(same, "\(name)\n\(KernelPrinter.print(random.kernel))\n\(KernelPrinter.print(kernel))")
    }
  }

  /// The generator must reach every part of the language, or the tests above prove little.
  @Test func everyStatementOccurs() {
    var found: Set<String> = []
    for seed in 0..<60 as Range<UInt64> {
      Self.make(seed).kernel.body.visitAll { statement in
        switch statement {
        case .loop(let loop):
          switch loop.mode {
          case .serial: found.insert("serial")
          case .unrolled: found.insert("unrolled")
          case .vector: found.insert("vector")
          }
        case .define: found.insert("define")
        case .variable: found.insert("variable")
        case .assign: found.insert("assign")
        case .accumulate: found.insert("accumulate")
        case .accumulateIndex: found.insert("accumulateIndex")
        case .store: found.insert("store")
        case .prefetch: found.insert("prefetch")
        case .branch: found.insert("branch")
        case .repeatWhile: found.insert("while")
        case .contract: found.insert("contract")
        }
      }
    }
    #expect(found.count == 13, "\(found.sorted())")
  }
}
