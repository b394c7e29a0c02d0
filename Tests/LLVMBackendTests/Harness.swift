// SPDX-License-Identifier: Apache-2.0
// Runs a kernel compiled and by its definition over the same memory, and compares.

import CLaminaRuntime
import GraphSupport
import KernelIR
import LLVMBackend
import TensorCore
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Memory that ends at a page nobody may touch, so that an access behind its end is a crash.
final class GuardedMemory {
  let bytes: UnsafeMutableRawBufferPointer
  private let base: UnsafeMutableRawPointer
  private let mapped: Int

  init(_ contents: [UInt8]) {
    let page = 4096
    let pages = (contents.count + page - 1) / page * page
    mapped = pages + page
    base = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    mprotect(base + pages, page, PROT_NONE)
    bytes = UnsafeMutableRawBufferPointer(start: base + (pages - contents.count), count: contents.count)
    bytes.copyBytes(from: contents)
  }

  deinit { munmap(base, mapped) }
}

/// Seeded numbers (splitmix64).
struct Random: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

enum Harness {
  /// This machine and narrower ones that it can run.
  static let targets: [TargetDescription] = {
    let levels = ["x86-64-v2", "x86-64-v3"].compactMap { try? TargetDescription.host($0) }
    return [.native] + levels.filter { $0.vectorBits < TargetDescription.native.vectorBits }
  }()

  static func compiler(_ target: TargetDescription) -> KernelCompiler {
    KernelCompiler(target: target, cache: KernelCache(folder: nil), threads: 1)
  }

  static func parse(_ text: String) throws -> Kernel {
    do {
      return try KernelParser.parse(SourceText(path: "kernel", text))
    } catch let error as DiagnosticsError {
      throw InternalError("\(error.diagnostics.map { "\($0.location?.description ?? ""): \($0.message)" })")
    }
  }

  static func bytes<T>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

  /// Calls a loaded kernel.
  static func call(
    _ function: UnsafeRawPointer, _ kernel: Kernel, _ buffers: [UnsafeMutableRawPointer], _ sizes: [Int],
    _ tiles: Range<Int>
  ) {
    let entry = unsafeBitCast(function, to: lamina_kernel.self)
    let pointers: [UnsafeMutableRawPointer?] = buffers
    let counts = sizes.map { Int64($0) }
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: max(kernel.scratchBytes, 1), alignment: 64)
    defer { scratch.deallocate() }
    pointers.withUnsafeBufferPointer { pointers in
      counts.withUnsafeBufferPointer { counts in
        entry(pointers.baseAddress, counts.baseAddress, Int64(tiles.lowerBound), Int64(tiles.upperBound), scratch)
      }
    }
  }

  /// Runs a kernel on every target and compares each buffer with the evaluator's, floats within `ulps`.
  static func check(
    _ kernel: Kernel, _ contents: [[UInt8]], sizes: [Int] = [], tiles: Int, ulps: Double = 0,
    targets: [TargetDescription] = targets, sourceLocation: Testing.SourceLocation = #_sourceLocation
  ) throws {
    let expected = contents.map { GuardedMemory($0) }
    try KernelEvaluator.evaluate(kernel, buffers: expected.map(\.bytes), sizes: sizes)
    for target in targets {
      let loaded = try compiler(target).load([kernel])
      let memory = contents.map { GuardedMemory($0) }
      // Two calls, so that the range of tiles counts.
      let middle = tiles / 2
      let pointers = memory.map { $0.bytes.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 64)! }
      call(loaded.functions[0], kernel, pointers, sizes, middle..<tiles)
      call(loaded.functions[0], kernel, pointers, sizes, 0..<middle)
      withExtendedLifetime(loaded) {}
      for (index, parameter) in kernel.parameters.enumerated() {
        let differences = compare(memory[index].bytes, expected[index].bytes, parameter.dtype, ulps).prefix(3)
        if differences.isEmpty { continue }
        Issue.record(
          "\(kernel.name) on \(target.name), '\(parameter.name)': \(differences.joined(separator: ", "))",
          sourceLocation: sourceLocation)
      }
      withExtendedLifetime((memory, expected)) {}
    }
  }

  static func compare(
    _ found: UnsafeMutableRawBufferPointer, _ expected: UnsafeMutableRawBufferPointer, _ dtype: DType, _ ulps: Double
  ) -> [String] {
    func reals<T: BinaryFloatingPoint>(_ type: T.Type, _ least: T) -> [String] {
      zip(found.bindMemory(to: type), expected.bindMemory(to: type)).enumerated().compactMap { index, pair in
        let (x, y) = pair
        if x.isNaN && y.isNaN || x == y && (x.sign == y.sign || ulps > 0) { return nil }
        let unit = Double(max(y.magnitude.ulp, least))
        if x.isFinite && y.isFinite && abs(Double(x) - Double(y)) <= ulps * unit { return nil }
        return "[\(index)] is \(x), expected \(y)"
      }
    }
    switch dtype {
    case .f32: return reals(Float.self, .leastNonzeroMagnitude)
    case .f64: return reals(Double.self, .leastNonzeroMagnitude)
    case .f16, .bf16:
      // Which NaN a half is, is the processor's choice.
      let infinity: UInt16 = dtype == .f16 ? 0x7C00 : 0x7F80
      let (x, y) = (found.bindMemory(to: UInt16.self), expected.bindMemory(to: UInt16.self))
      return zip(x, y).enumerated().compactMap { index, pair in
        let areNaN = pair.0 & 0x7FFF > infinity && pair.1 & 0x7FFF > infinity
        return pair.0 == pair.1 || areNaN ? nil : "[\(index)] is \(pair.0), expected \(pair.1), as bits"
      }
    default:
      return zip(found, expected).enumerated().compactMap { index, pair in
        pair.0 == pair.1 ? nil : "byte [\(index)] is \(pair.0), expected \(pair.1)"
      }
    }
  }
}
