// SPDX-License-Identifier: Apache-2.0
// Measures generated kernels, each against what the machine did in the same run.

import ArgumentParser
import KernelIR
import LLVMBackend
import OpenBLAS

@main struct KernelBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-kernels",
    abstract: "Measures generated kernels in % of the multiply-adds and bandwidth that this machine reaches.",
    discussion: """
      Every figure is the minimum of many short repeats on the thread's processor clock, one core. Products and \
      convolutions are compared with multiply-adds on registers, measured again right before each; single rows with \
      reading their weights, chains with copying.

      Example: bench-kernels --filter 768 --cpu x86-64-v3
      """)

  @Option(help: "Only cases whose group or name contains this.")
  var filter: String?

  @Option(help: "The processor to make code for: native, x86-64-v2, x86-64-v3 or x86-64-v4.")
  var cpu = "native"

  @Option(help: "How often each case is measured.")
  var repeats = 50

  @Flag(help: "Print JSON, a line a case.")
  var json = false

  func validate() throws {
    guard (1...100_000).contains(repeats) else { throw ValidationError("--repeats is \(repeats), expected 1 to 100000") }
  }

  func run() throws {
    let target = try TargetDescription.named(cpu)
    guard TargetDescription.native.features.isSuperset(of: target.features) else {
      throw ValidationError("this processor cannot run code for '\(cpu)'")
    }
    let settings = Settings(target: target, repeats: repeats, repeatNanoseconds: 200_000)
    let table = Table(json: json)
    let peak = try Peak.measure(settings)
    table.machine(peak, target)
    try contractions(settings, peak, table)
    try elementwise(settings, peak, table)
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

  private func contractions(_ settings: Settings, _ peak: Peak, _ table: Table) throws {
    let multiplyAdds = try MultiplyAdds(settings)
    for item in ContractionCase.all(settings.target) where wants(item.group, item.name) {
      let (code, milliseconds) = try compiled(item.kernel, settings.target)
      let call = Call(code: code, arrays: item.arrays.map { Memory(floats: $0) }, sizes: item.sizes.map(Int64.init), tiles: item.tiles)
      // The clock of the processor drifts: its peak is taken before and after.
      let before = multiplyAdds.rate(settings)
      let time = call.nanoseconds(settings)
      let flops = max(before, multiplyAdds.rate(settings))
      let ratio =
        item.group == "one row"
        ? Ratio(value: Double(item.weightBytes) / time / peak.read(item.weightBytes), of: "read bandwidth")
        : Ratio(value: item.flops / time / flops, of: "FMA peak")
      table.row(item.group, item.name, nanoseconds: time, rate: item.flops / time, "GFLOP/s", ratio, milliseconds)
      guard item.sizes.count == 3, let library = OpenBLAS.shared else { continue }
      let theirs = library.nanoseconds(settings, item.sizes, item.arrays)
      table.row(
        item.group, "\(item.name), OpenBLAS \(library.coreName)", nanoseconds: theirs, rate: item.flops / theirs,
        "GFLOP/s", Ratio(value: item.flops / theirs / flops, of: "FMA peak"), 0)
    }
  }

  private func elementwise(_ settings: Settings, _ peak: Peak, _ table: Table) throws {
    for (group, items) in [("chain", ElementwiseCase.chains), ("function", ElementwiseCase.functions)] {
      for item in items where wants(group, item.name) {
        let (code, milliseconds) = try compiled(item.kernel, settings.target)
        let call = Call(code: code, arrays: [Memory(floats: item.count), Memory(floats: item.count)])
        let time = call.nanoseconds(settings)
        let ratio = item.bytes.map { Ratio(value: Double($0) / time / peak.copy($0), of: "copy bandwidth") }
        table.row(
          group, item.name, nanoseconds: time, rate: Double(item.count) / time, "elements/ns", ratio, milliseconds)
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
