// SPDX-License-Identifier: Apache-2.0
// Generated kernels, each against what the machine did in the same run.

import KernelIR
import LLVMBackend
import OpenBLAS

/// A figure as a part of what the machine can do.
package struct Ratio: Sendable {
  package var value: Double
  package var of: String
}

/// One measured kernel.
package struct KernelMeasurement: Sendable {
  package var group: String
  package var name: String
  /// Of one call.
  package var nanoseconds: Double
  package var rate: Double
  package var unit: String
  package var ratio: Ratio?
  /// What compiling took; nil for another library's.
  package var compileMilliseconds: Double?
}

/// Measures the kernels that goals are set for.
package struct KernelBenchmark {
  private let settings: Settings
  private let peak: Peak
  private let filter: String?
  private let report: (KernelMeasurement) -> Void

  /// - Parameter filter: Only cases whose group or name contains this.
  package init(_ settings: Settings, _ peak: Peak, filter: String?, report: @escaping (KernelMeasurement) -> Void) {
    self.settings = settings
    self.peak = peak
    self.filter = filter
    self.report = report
  }

  package func run() throws {
    try contractions()
    try elementwise()
  }

  private func wants(_ group: String, _ name: String) -> Bool {
    filter.map { group.contains($0) || name.contains($0) } ?? true
  }

  private func compiled(_ kernel: Kernel, _ target: TargetDescription) throws -> (LoadedKernels, milliseconds: Double) {
    let compiler = KernelCompiler(target: target, cache: KernelCache(folder: nil), threads: 1)
    let start = threadNanoseconds()
    let code = try compiler.load([kernel])
    return (code, (threadNanoseconds() - start) * 1e-6)
  }

  private func contractions() throws {
    var probes: [Products: MultiplyAdds] = [.single: try MultiplyAdds(settings)]
    for item in ContractionCase.all(settings.target) where wants(item.group, item.name) {
      let products = item.products.isInstruction(settings.target) ? item.products : .single
      let probe = try probes[products] ?? MultiplyAdds(settings, products)
      probes[products] = probe
      let (code, milliseconds) = try compiled(item.kernel, settings.target)
      let call = Call(code: code, arrays: item.arrays.map { Memory(floats: $0) }, sizes: item.sizes.map(Int64.init), tiles: item.tiles)
      // The clock of the processor drifts: its peak is taken before and after.
      let before = probe.rate(settings)
      let time = call.nanoseconds(settings)
      let flops = max(before, probe.rate(settings))
      let ratio =
        item.isOneRow
        ? Ratio(value: Double(item.weightBytes) / time / peak.read(item.weightBytes), of: "read bandwidth")
        : Ratio(value: item.flops / time / flops, of: products.peakName)
      report(
        KernelMeasurement(
          group: item.group, name: item.name, nanoseconds: time, rate: item.flops / time, unit: "GFLOP/s", ratio: ratio,
          compileMilliseconds: milliseconds))
      guard item.sizes.count == 3, let library = OpenBLAS.shared else { continue }
      let theirs = library.nanoseconds(settings, item.sizes, item.arrays)
      report(
        KernelMeasurement(
          group: item.group, name: "\(item.name), OpenBLAS \(library.coreName)", nanoseconds: theirs,
          rate: item.flops / theirs, unit: "GFLOP/s", ratio: Ratio(value: item.flops / theirs / flops, of: "FMA peak")))
    }
  }

  private func elementwise() throws {
    for (group, items) in [("chain", ElementwiseCase.chains), ("function", ElementwiseCase.functions)] {
      for item in items where wants(group, item.name) {
        let (code, milliseconds) = try compiled(item.kernel, settings.target)
        let call = Call(code: code, arrays: [Memory(floats: item.count), Memory(floats: item.count)])
        let time = call.nanoseconds(settings)
        let ratio = item.bytes.map { Ratio(value: Double($0) / time / peak.copy($0), of: "copy bandwidth") }
        report(
          KernelMeasurement(
            group: group, name: item.name, nanoseconds: time, rate: Double(item.count) / time, unit: "elements/ns",
            ratio: ratio, compileMilliseconds: milliseconds))
      }
    }
  }
}

extension OpenBLAS {
  /// Nanoseconds of one product of row-major matrices of sizes m, k, n.
  fileprivate func nanoseconds(_ settings: Settings, _ sizes: [Int], _ arrays: [Int]) -> Double {
    let memory = arrays.map { Memory(floats: $0) }
    let floats = memory.map { $0.pointer.assumingMemoryBound(to: Float.self) }
    let time = minimumNanoseconds(settings) {
      _ = gemm(
        rows: sizes[0], columns: sizes[2], depth: sizes[1], Operand(floats[0], rowStride: sizes[1]),
        Operand(floats[1], rowStride: sizes[2]), into: floats[2], rowStride: sizes[2])
    }
    return withExtendedLifetime(memory) { time }
  }
}
