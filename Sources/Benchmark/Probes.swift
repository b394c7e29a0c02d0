// SPDX-License-Identifier: Apache-2.0
// What the machine can do: multiply-adds from registers, and memory read, written and copied.

import KernelIR
import LLVMBackend
import TensorCore

/// Rates of one core.
package struct Peak: Sendable {
  /// f32 operations per nanosecond (a fused multiply-add counts as two).
  package var flops: Double
  /// bf16 operations per nanosecond, products in pairs; the same as f32's where there is no instruction for them.
  package var halfFlops: Double
  /// Bytes per nanosecond by working set, smallest first.
  package var bandwidths: [Bandwidth]

  package struct Bandwidth: Sendable {
    /// The memory that holds the working set.
    package var name: String
    /// The working set.
    package var bytes: Int
    package var read: Double
    package var write: Double
    package var copy: Double
  }

  /// The rate at which data of this many bytes are read again and again: that of the next measured size.
  package func read(_ bytes: Int) -> Double {
    (bandwidths.first { $0.bytes >= bytes } ?? bandwidths[bandwidths.count - 1]).read
  }

  /// Those to show, one or two for each memory: sizes near where one level ends and the next begins are left out.
  package var levels: [Bandwidth] { bandwidths.filter { $0.bytes != 1 << 20 && $0.bytes != 2 << 20 } }

  /// One for each memory: that of the largest working set.
  package var memories: [Bandwidth] {
    levels.enumerated().filter { place, level in !levels[(place + 1)...].contains { $0.name == level.name } }.map(\.element)
  }

  package func copy(_ bytes: Int) -> Double {
    (bandwidths.first { $0.bytes >= bytes } ?? bandwidths[bandwidths.count - 1]).copy
  }

  package static func measure(_ settings: Settings) throws -> Peak {
    let target = settings.target
    let multiplyAdds = try MultiplyAdds(settings)
    let pairs = try target.hasPairProducts ? MultiplyAdds(settings, .pairs) : multiplyAdds
    let sizes = [
      ("L1", 24 << 10), ("L2", 512 << 10), ("L2", 1 << 20), ("L3", 2 << 20), ("L3", 4 << 20), ("L3", 10 << 20),
      ("DRAM", 192 << 20),
    ]
    let code = try (read: stream(target, .read), write: stream(target, .write), copy: stream(target, .copy))
    let bandwidths = sizes.map { name, bytes -> Bandwidth in
      let (a, b) = (Memory(floats: bytes / 4), Memory(floats: bytes / 8))
      func rate(_ code: LoadedKernels, _ arrays: [Memory], _ bytes: Int, _ moved: Int) -> Double {
        Double(moved) / Call(code: code, arrays: arrays, sizes: [Int64(bytes / 4)]).nanoseconds(settings)
      }
      // A copy reads one half of the working set and writes the other.
      return Bandwidth(
        name: name, bytes: bytes, read: rate(code.read, [a, a], bytes, bytes),
        write: rate(code.write, [a, a], bytes, bytes), copy: rate(code.copy, [a, b], bytes / 2, bytes))
    }
    return Peak(flops: multiplyAdds.rate(settings), halfFlops: pairs.rate(settings), bandwidths: bandwidths)
  }

  private enum Stream { case read, write, copy }

  /// Eight vectors an iteration; what is read is combined and the result kept.
  private static func stream(_ target: TargetDescription, _ kind: Stream) throws -> LoadedKernels {
    let type = ValueType(.f32, target.lanes(bits: 32))
    let module = try Module(name: "bandwidth")
    let b = Builder(
      module: module, target: target, function: "stream", parameters: [.pointer, .pointer, .i64, .i64, .pointer])
    let (from, to) = (b.load(.pointer, b.parameter(0)), b.load(.pointer, b.address(b.parameter(0), 1, .pointer)))
    let count = b.load(.i64, b.parameter(1))
    let aligned = AccessInfo(alignment: type.lanes * 4)
    let zero = b.zero(type)
    let sums = b.loop(
      from: b.int(0), to: count, step: b.int(8 * type.lanes), carrying: Array(repeating: zero, count: 8)
    ) { index, sums in
      sums.enumerated().map { place, sum in
        let offset = b.addNoWrap(index, b.int(place * type.lanes))
        switch kind {
        case .read: return b.add(sum, b.load(type, b.address(from, offset, .f32), aligned))
        case .write: b.store(zero, b.address(to, offset, .f32), aligned)
        case .copy:
          b.store(b.load(type, b.address(from, offset, .f32), aligned), b.address(to, offset, .f32), aligned)
        }
        return sum
      }
    }
    if kind == .read { b.store(sums.dropFirst().reduce(sums[0]) { b.add($0, $1) }, to) }
    b.returnVoid()
    return try LoadedKernels(module, function: "stream", target)
  }
}

/// What one instruction multiplies in each lane of 32 bits.
enum Products {
  case single
  /// Two of bf16.
  case pairs
  /// Four of u8 and i8.
  case quads

  var operands: (a: DType, b: DType) {
    switch self {
    case .single: (.f32, .f32)
    case .pairs: (.bf16, .bf16)
    case .quads: (.u8, .i8)
    }
  }
  var sum: DType { self == .quads ? .i32 : .f32 }
  /// Multiply-adds of a lane.
  var count: Int { Contract.stepsTogether(operands.a, operands.b) ?? 1 }
  var peakName: String {
    switch self {
    case .single: "FMA peak"
    case .pairs: "bf16 peak"
    case .quads: "int8 peak"
    }
  }

  func isInstruction(_ target: TargetDescription) -> Bool {
    switch self {
    case .single: true
    case .pairs: target.hasPairProducts
    case .quads: target.hasQuadProducts
    }
  }
}

/// Multiply-adds on registers: twelve or more chains, since one takes four cycles and two start in each.
struct MultiplyAdds {
  private let call: Call
  private let operations: Int

  /// - Parameter products: Those of an instruction that the target has.
  init(_ settings: Settings, _ products: Products = .single) throws {
    let target = settings.target
    let type = ValueType(products.sum.register, target.lanes(bits: 32))
    let chains = target.features.contains(.avx512f) ? 24 : 12
    let rounds = 2000
    let module = try Module(name: "multiply-add")
    let b = Builder(
      module: module, target: target, function: "probe", parameters: [.pointer, .pointer, .i64, .i64, .pointer])
    let memory = b.load(.pointer, b.parameter(0))
    let (factor, term) = (b.load(type, memory), b.load(type, b.address(memory, 64, .f32)))
    let start = (0..<chains).map { b.load(type, b.address(memory, 128 + 16 * $0, .f32)) }
    let sums = b.loop(from: b.int(0), to: b.int(rounds), step: b.int(1), carrying: start) { _, sums in
      let (x, y) = (b.bitcast(factor, type.with(.i32)), b.bitcast(term, type.with(.i32)))
      return sums.map {
        switch products {
        case .single: b.fma($0, factor, term)
        case .pairs: b.pairProducts(x, y, $0)
        case .quads: b.quadProducts(x, y, $0)
        }
      }
    }
    for (index, sum) in sums.enumerated() { b.store(sum, b.address(memory, 1024 + 16 * index, .f32)) }
    b.returnVoid()
    call = Call(
      code: try LoadedKernels(module, function: "probe", target), arrays: [Memory(floats: 4096)])
    operations = 2 * products.count * type.lanes * chains * rounds
  }

  /// Operations per nanosecond.
  func rate(_ settings: Settings) -> Double { Double(operations) / call.nanoseconds(settings) }
}
