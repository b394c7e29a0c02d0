// SPDX-License-Identifier: Apache-2.0
// What one tile of a kernel costs, as an estimate: enough to decide what is worth a second thread.
//
// Rates are those of one core with 512-bit vectors at about 4 GHz, data in the second-level cache.

import TensorCore

/// Work and traffic of one tile.
package struct KernelCost: Sendable, Equatable {
  /// Arithmetic operations; a fused multiply-add counts as two, a transcendental function as one.
  package var flops = 0.0
  /// Those among them that multiply and add bf16 operands.
  package var halfFlops = 0.0
  /// Bytes loaded and stored, each access counted once; operands of contractions once per contraction.
  package var bytesRead = 0.0
  package var bytesWritten = 0.0
  /// Time of the arithmetic alone.
  package var computeNanoseconds = 0.0

  /// The time of one tile.
  package var nanoseconds: Double {
    Swift.max(computeNanoseconds, (bytesRead + bytesWritten) / Self.bytesPerNanosecond) + 1
  }

  private static let bytesPerNanosecond = 100.0

  /// Estimates a tile for given sizes; sizes that are missing count as 64. Tiles may differ: the last rows may be fewer.
  package static func estimate(_ kernel: Kernel, sizes: [Int] = [], tile: Int = 0) -> KernelCost {
    var estimate = CostEstimate(kernel, sizes, tile: tile)
    estimate.add(kernel.body, count: 1, lanes: 1)
    return estimate.cost
  }
}

private struct CostEstimate {
  private let kernel: Kernel
  private let sizes: [Int]
  private let tile: Int
  var cost = KernelCost()

  init(_ kernel: Kernel, _ sizes: [Int], tile: Int) {
    self.kernel = kernel
    self.sizes = sizes
    self.tile = tile
  }

  /// Adds statements that run `count` times, `lanes` of these at once.
  mutating func add(_ statements: [Statement], count: Double, lanes: Double) {
    for statement in statements {
      switch statement {
      case .contract(let contract):
        add(contract, count: count)
      case .loop(let loop):
        var inner = lanes
        if case .vector = loop.mode { inner = 16 }
        let extent = Swift.max(value(loop.extent), 0)
        add(loop.body, count: count * extent, lanes: inner)
        // A vector loop takes whole vectors.
        if lanes == 1 { cost.computeNanoseconds += count * extent / inner * 0.25 }
      default:
        addOperations(statement, count, lanes)
        for body in statement.bodies { add(body, count: count, lanes: lanes) }
      }
    }
  }

  private mutating func addOperations(_ statement: Statement, _ count: Double, _ lanes: Double) {
    var seen: Set<Expr> = []
    for e in statement.expressions {
      e.visit(&seen) { node in
        let weight = Self.nanoseconds(node)
        if case .load(let buffer, _, _) = node.kind {
          cost.bytesRead += count * Double(kernel.dtype(ofBuffer: buffer)?.bits ?? 32) / 8
        } else if weight > 0 {
          cost.flops += count
        }
        cost.computeNanoseconds += count * weight / lanes
      }
    }
    switch statement {
    case .store(let buffer, _, _, _):
      cost.bytesWritten += count * Double(kernel.dtype(ofBuffer: buffer)?.bits ?? 32) / 8
    case .accumulate, .accumulateIndex:
      cost.flops += count
      cost.computeNanoseconds += count / lanes
    default: break
    }
  }

  private mutating func add(_ contract: Contract, count: Double) {
    let rows = Swift.max(value(contract.rows), 0)
    let columns = Swift.max(value(contract.columns), 0)
    let groups = Double(contract.accumulators.count)
    let depth = contract.depth.reduce(1.0) { $0 * Swift.max(value($1.extent), 0) }
    let flops = 2 * rows * columns * groups * depth * count
    let a = Double(kernel.dtype(ofBuffer: contract.a)?.bits ?? 32) / 8
    let b = Double(kernel.dtype(ofBuffer: contract.b)?.bits ?? 32) / 8
    cost.flops += flops
    cost.bytesRead += count * depth * (rows * a + columns * groups * b)
    let isHalf = contract.sumType == .f32 && [contract.a, contract.b].allSatisfy { kernel.dtype(ofBuffer: $0) == .bf16 }
    if isHalf { cost.halfFlops += flops }
    cost.computeNanoseconds += flops / (contract.sumType == .f64 ? 100 : isHalf ? 400 : 200)
    add(contract.epilogue, count: count * rows * columns, lanes: 16)
  }

  /// The time of one node by itself, in one lane.
  private static func nanoseconds(_ node: Expr) -> Double {
    let width = node.dtype.bits > 32 ? 2.0 : 1
    switch node.kind {
    // Index arithmetic rides along with the accesses it is for.
    case .integer, .real, .axis, .size, .local: return 0
    case .load: return 0.25 * width
    case .select, .cast, .bitcast: return node.dtype == .i64 ? 0 : 0.25 * width
    case .unary(let function, _):
      switch function {
      case .neg, .abs, .sign, .floor, .ceil, .trunc, .round, .isNaN, .isInf, .not, .bitNot: return 0.25 * width
      case .sqrt, .reciprocal: return width
      case .exp, .expm1, .log2: return 1.5 * width
      case .log, .log1p, .sigmoid, .tanh, .silu, .erf, .gelu: return 2.5 * width
      default: return 4 * width
      }
    case .binary(let function, let a, _):
      if a.dtype == .i64 { return 0 }
      switch function {
      case .div, .floorDiv, .mod, .rem: return width
      case .pow, .atan2: return 6 * width
      default: return 0.25 * width
      }
    }
  }

  /// An extent as a number, with axes other than the tile's at 0.
  private func value(_ e: Expr) -> Double {
    switch e.kind {
    case .integer(let value): return Double(value)
    case .size(let index): return index < sizes.count ? Double(sizes[index]) : 64
    case .axis(let axis): return axis == kernel.tileAxis ? Double(tile) : 0
    case .binary(let function, let a, let b):
      let (x, y) = (value(a), value(b))
      switch function {
      case .add: return x + y
      case .sub: return x - y
      case .mul: return x * y
      case .floorDiv, .div: return y == 0 ? 0 : (x / y).rounded(.down)
      case .mod, .rem: return y == 0 ? 0 : x - y * (x / y).rounded(.down)
      case .min: return Swift.min(x, y)
      case .max: return Swift.max(x, y)
      default: return 1
      }
    case .select(_, let a, let b): return Swift.max(value(a), value(b))
    default: return 1
    }
  }
}
