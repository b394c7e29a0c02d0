// SPDX-License-Identifier: Apache-2.0
// The processor that code is made for.

internal import CLLVM
import GraphSupport

/// Instruction sets that the emitter chooses by.
package struct CPUFeatures: OptionSet, Hashable, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let sse42 = CPUFeatures(rawValue: 1 << 0)
  package static let avx2 = CPUFeatures(rawValue: 1 << 1)
  package static let fma = CPUFeatures(rawValue: 1 << 2)
  package static let f16c = CPUFeatures(rawValue: 1 << 3)
  package static let avx512f = CPUFeatures(rawValue: 1 << 4)
  package static let avx512vl = CPUFeatures(rawValue: 1 << 5)
  package static let avx512bw = CPUFeatures(rawValue: 1 << 6)
  package static let avx512dq = CPUFeatures(rawValue: 1 << 7)
  package static let avx512bf16 = CPUFeatures(rawValue: 1 << 8)
  package static let avx512vnni = CPUFeatures(rawValue: 1 << 9)

  /// The x86-64 levels of the psABI.
  package static let v2: CPUFeatures = [.sse42]
  package static let v3: CPUFeatures = [.sse42, .avx2, .fma, .f16c]
  package static let v4: CPUFeatures = [v3, .avx512f, .avx512vl, .avx512bw, .avx512dq]
}

/// A processor, the width of its vectors and its instruction sets.
package struct TargetDescription: Hashable, Sendable {
  /// `native`, or a level: `x86-64-v2`, `x86-64-v3`, `x86-64-v4`.
  package let name: String
  package let features: CPUFeatures
  /// 128, 256 or 512.
  package let vectorBits: Int

  /// The processor this runs on.
  package static let native: TargetDescription = {
    let features = CPUFeatures(rawValue: lamina_host_features())
    return TargetDescription(name: "native", features: features, vectorBits: width(features))
  }()

  /// What the environment variable `LAMINA_CPU` names, else the processor this runs on. Fails with `unknown-cpu`, and
  /// with `cpu-too-new` where the code could not run here.
  package static func host(_ override: String?) throws(DiagnosticsError) -> TargetDescription {
    guard let override, !override.isEmpty else { return native }
    let chosen = try named(override)
    guard native.features.isSuperset(of: chosen.features) else {
      throw DiagnosticsError("cpu-too-new", "this processor cannot run code for '\(override)'")
    }
    return chosen
  }

  /// A target by name, for this machine or another.
  package static func named(_ name: String) throws(DiagnosticsError) -> TargetDescription {
    switch name {
    case "native": return native
    #if arch(x86_64)
      case "x86-64-v2": return TargetDescription(name: name, features: .v2, vectorBits: width(.v2))
      case "x86-64-v3": return TargetDescription(name: name, features: .v3, vectorBits: width(.v3))
      case "x86-64-v4": return TargetDescription(name: name, features: .v4, vectorBits: width(.v4))
    #endif
    default:
      throw DiagnosticsError(
        "unknown-cpu", "unknown processor '\(name)', expected native, x86-64-v2, x86-64-v3 or x86-64-v4")
    }
  }

  private static func width(_ features: CPUFeatures) -> Int {
    features.isSuperset(of: .v4) ? 512 : features.isSuperset(of: .v3) ? 256 : 128
  }

  /// Whether a fused multiply-add is an instruction.
  package var hasFMA: Bool {
    #if arch(x86_64)
      features.contains(.fma)
    #else
      true
    #endif
  }

  /// Whether pairs of bf16 products are added to an f32 sum by an instruction.
  package var hasPairProducts: Bool { features.isSuperset(of: [.avx512bf16, .avx512vl]) }

  /// Whether four products of 8-bit integers are added to an i32 sum by an instruction.
  package var hasQuadProducts: Bool { features.isSuperset(of: [.avx512vnni, .avx512vl]) }

  /// Whether loads and stores with a mask per lane are instructions (else remainders run scalar).
  package var hasMaskedAccess: Bool { vectorBits >= 256 }

  /// Lanes of one register for elements of this many bits.
  package func lanes(bits: Int) -> Int { vectorBits / bits }

  /// What distinguishes this target's code in a cache key.
  package var key: String {
    #if arch(x86_64)
      "x86_64 \(name) \(features.rawValue) \(vectorBits)"
    #else
      "arm64 \(name) \(features.rawValue) \(vectorBits)"
    #endif
  }

  /// LLVM's names of processor and features. The host is asked; its features are complete and exact, also where a
  /// hypervisor hides some, and its name serves scheduling only (LLVM 14 calls a newer one "generic").
  var processor: (cpu: String, features: String) {
    guard name == "native" else { return (name, "") }
    return Self.hostProcessor
  }

  private static let hostProcessor: (cpu: String, features: String) = {
    func taken(_ raw: UnsafeMutablePointer<CChar>?) -> String {
      guard let raw else { return "" }
      defer { llvm.DisposeMessage(raw) }
      return String(cString: raw)
    }
    return (taken(llvm.GetHostCPUName()), taken(llvm.GetHostCPUFeatures()))
  }()

  /// The attributes of every function. `min-legal-vector-width` stays away: as 0 it would split 512-bit vectors on
  /// processors that prefer 256.
  var functionAttributes: [(String, String)] {
    let (cpu, features) = processor
    var attributes = [("target-cpu", cpu)]
    if !features.isEmpty { attributes.append(("target-features", features)) }
    attributes.append(("prefer-vector-width", String(vectorBits)))
    return attributes
  }
}
