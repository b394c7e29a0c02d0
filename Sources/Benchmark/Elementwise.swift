// SPDX-License-Identifier: Apache-2.0
// Kernels that work element by element.

import KernelIR
import LLVMBackend
import TensorCore

/// A loop over one array to measure.
struct ElementwiseCase {
  var name: String
  var count: Int
  var kernel: Kernel
  /// Bytes read and written, for cases bound by that.
  var bytes: Int?

  /// Functions on data in L1.
  static var functions: [ElementwiseCase] {
    UnaryFunction.allCases.compactMap { function in
      switch function {
      case .neg, .abs, .sign, .floor, .ceil, .trunc, .round, .isNaN, .isInf, .not, .bitNot: nil
      default: make(function.rawValue, 4096, bound: false) { .unary(function, $0) }
      }
    }
  }

  /// relu(x · 1.5 + 0.25) · 0.5 - x, in L2 and in memory.
  static var chains: [ElementwiseCase] {
    [("L2", 64 << 10), ("DRAM", 24 << 20)].map { place, count in
      make("chain in \(place)", count, bound: true) { x in
        .max(x * 1.5 + 0.25, .constant(0, .f32)) * 0.5 - x
      }
    }
  }

  private static func make(_ name: String, _ count: Int, bound: Bool, _ body: (Expr) -> Expr) -> ElementwiseCase {
    let index = Axis(id: 1, name: "i")
    let value = body(.load(0, .f32, at: .axis(index)))
    let kernel = Kernel(
      name: "elementwise", parameters: [.init("x", .f32, .read), .init("y", .f32, .write)],
      tileAxis: Axis(id: 0, name: "t"), tiles: .int(1),
      body: [
        .loop(
          Loop(
            index, .int(count), .vector(unroll: bound ? 4 : 1),
            [.store(buffer: 1, offset: .axis(index), value: value, guard: nil)]))
      ])
    return ElementwiseCase(name: name, count: count, kernel: kernel, bytes: bound ? 8 * count : nil)
  }
}
