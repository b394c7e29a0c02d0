// SPDX-License-Identifier: Apache-2.0
// The p-norm of each window.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

package struct LpPool: PoolOperation {
  package static let name = "LpPool"
  package static let summary = "The p-norm of each window of each channel: (Σ |x|^p)^(1/p)."
  package static var attributes: [Attribute<Self>] { windowAttributes() + [Attribute("p", \.p, "the norm's power")] }
  package var windowOptions = WindowOptions()
  package var p = 2
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard p > 0 else { throw TypeError("'p' of 'LpPool' is \(p), expected 1 or more") }
    guard let x = operands[0] else { throw TypeError("'LpPool' needs an operand") }
    return [TensorType(x.dtype, try pooledShape(x))]
  }

  package func reference(_ values: [Double], size: Int, padded: Int) -> Double {
    pow(values.reduce(0) { $0 + pow(abs($1), Double(p)) }, 1 / Double(p))
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let (format, window) = try? geometry(x) else { return .leaf }
    let dtype = x.dtype.computeType
    let p = p
    return .reduction(
      ReductionLowering(
        extents: window.map { Dim($0.kernel) }, kind: .combine(.sum), accumulator: dtype,
        element: { context, index, reduced in
          let (source, isInside) = pooledSource(format, window, context, index, reduced)
          let x = context.operand(0, at: source, where: isInside)
          let magnitude = Expr.unary(.abs, x)
          let power = p == 1 ? magnitude : p == 2 ? x * x : .binary(.pow, magnitude, .constant(Double(p), dtype))
          return isInside.map { .select($0, power, .constant(0, dtype)) } ?? power
        },
        finish: { _, _, value in
          p == 1 ? value : p == 2 ? .unary(.sqrt, value) : .binary(.pow, value, .constant(1 / Double(p), dtype))
        }))
  }

  /// dX = sign(x) · |x|^(p-1) · Σ over windows of G / y^(p-1)
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let spread = PoolGradient(self, of: context.type(x).shape)
    let sign = try context.emit(Sign(), x)
    if p == 1 { return [try context.emit(Mul(), sign, try context.emit(spread, seed))] }
    let power = try context.scalar(Double(p - 1), like: x)
    // Where a window is all zeros its gradient is taken as 0: the sign is.
    let tiny = try context.scalar(context.type(x).dtype == .f16 ? 1e-4 : 1e-30, like: x)
    let norm = try context.emit(Max(), try context.emit(Pow(), context.results[0], power), tiny)
    let shares = try context.emit(spread, try context.emit(Div(), seed, norm))
    let outer = try context.emit(Mul(), sign, try context.emit(Pow(), try context.emit(Abs(), x), power))
    return [try context.emit(Mul(), outer, shares)]
  }
}
