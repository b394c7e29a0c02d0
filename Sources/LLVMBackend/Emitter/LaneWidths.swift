// SPDX-License-Identifier: Apache-2.0
// What a vector loop's body says about the number of lanes and copies.

import KernelIR
import TensorCore

/// The widths of what a vector loop computes and accesses.
struct LaneWidths {
  private var widths: Set<Int> = []
  private var seen: Set<Expr> = []
  /// Functions of many instructions.
  private(set) var longFunctions = 0
  /// Bits of the smallest element in memory.
  private(set) var smallestAccess = 64

  /// The width that decides the number of lanes: 32 bits where anything has them, so that 64-bit values take two
  /// registers; smaller ones alone use more lanes.
  var dominating: Int {
    if widths.contains(32) { return 32 }
    if widths.contains(64) { return 64 }
    return widths.max() ?? 32
  }

  mutating func visit(_ statements: [Statement], in emitter: KernelEmitter) {
    for statement in statements {
      switch statement {
      case .define(_, let e), .variable(_, let e), .assign(_, let e), .accumulate(_, _, let e),
        .accumulateIndex(_, _, _, let e, _, _):
        add(e.dtype)
        visit(e, in: emitter)
      case .store(let index, _, let value, _):
        if let dtype = emitter.kernel.dtype(ofBuffer: index) {
          smallestAccess = min(smallestAccess, dtype.bits)
          add(dtype.computeType)
        }
        visit(value, in: emitter)
      default: break
      }
      for e in statement.expressions { access(e, in: emitter) }
      for body in statement.bodies { visit(body, in: emitter) }
    }
  }

  private mutating func add(_ dtype: DType) {
    // Whole numbers of 64 bits are mostly indices, and conditions have no width.
    if dtype != .i64 && dtype != .bool { widths.insert(max(dtype.bits, 8)) }
    if dtype == .bool { widths.insert(8) }
  }

  /// Data, not the indices under loads.
  private mutating func visit(_ e: Expr, in emitter: KernelEmitter) {
    guard seen.insert(e).inserted else { return }
    switch e.kind {
    case .load: widths.insert(max(e.dtype.bits, 8))
    case .cast: add(e.dtype)
    case .unary(let function, _): longFunctions += function.length
    case .binary(.pow, _, _), .binary(.atan2, _, _): longFunctions += 4
    default: break
    }
    if case .load = e.kind { return }
    for child in e.children { visit(child, in: emitter) }
  }

  private mutating func access(_ e: Expr, in emitter: KernelEmitter) {
    var found = smallestAccess
    var nodes: Set<Expr> = []
    e.visit(&nodes) {
      if case .load(let index, _, _) = $0.kind, let dtype = emitter.kernel.dtype(ofBuffer: index) {
        found = min(found, dtype.bits)
      }
    }
    smallestAccess = found
  }
}

extension UnaryFunction {
  /// 0 for a few instructions, 1 for tens, 4 for a hundred.
  fileprivate var length: Int {
    switch self {
    case .neg, .abs, .sign, .floor, .ceil, .trunc, .round, .sqrt, .reciprocal, .isNaN, .isInf, .not, .bitNot: 0
    case .exp, .log, .sigmoid, .tanh, .erf, .gelu, .silu: 1
    case .expm1, .log1p, .log2, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .asinh, .acosh, .atanh, .erfc,
      .softplus, .mish:
      4
    }
  }
}
