// SPDX-License-Identifier: Apache-2.0
// How expressions change from lane to lane of a vector loop.

import KernelIR
import TensorCore

/// The lanes of an expression.
enum LaneShape {
  /// The same in all lanes.
  case uniform
  /// An i64 that grows by a uniform step from each lane to the next.
  case stride(Expr)
  case varying
}

extension KernelEmitter {
  /// The shape of an expression's lanes in the current vector loop; uniform outside.
  func shape(of e: Expr) -> LaneShape {
    guard let context = lanes else { return .uniform }
    let number = numbering.number(e)
    if let known = context.shapes[number] { return known }
    let shape = findShape(e, context)
    lanes?.shapes[number] = shape
    return shape
  }

  private func findShape(_ e: Expr, _ context: LaneContext) -> LaneShape {
    switch e.kind {
    case .integer, .real, .size: return .uniform
    case .axis(let axis): return axis == context.axis ? .stride(.int(1)) : .uniform
    case .local(let local):
      switch locals[local.id] {
      case .value(let value, _): return value.type.isVector ? .varying : .uniform
      case .variable(_, let type): return type.isVector ? .varying : .uniform
      case .alias(let e): return shape(of: e)
      case nil: return .uniform
      }
    case .load(_, let offset, let guardian): return uniform([offset] + (guardian.map { [$0] } ?? []))
    case .unary(.neg, let x) where e.dtype == .i64:
      if case .stride(let step) = shape(of: x) { return .stride(-step) }
      return shape(of: x)
    case .unary(_, let x), .cast(let x), .bitcast(let x): return uniform([x])
    case .select(let c, let x, let y): return uniform([c, x, y])
    case .binary(let function, let x, let y):
      guard e.dtype == .i64 else { return uniform([x, y]) }
      return binaryShape(function, x, y, context)
    }
  }

  private func uniform(_ parts: [Expr]) -> LaneShape {
    for part in parts {
      guard case .uniform = shape(of: part) else { return .varying }
    }
    return .uniform
  }

  private func binaryShape(_ function: BinaryFunction, _ x: Expr, _ y: Expr, _ context: LaneContext) -> LaneShape {
    switch (function, shape(of: x), shape(of: y)) {
    case (_, .uniform, .uniform): return .uniform
    case (_, .varying, _), (_, _, .varying): return .varying
    case (.add, .stride(let s), .uniform), (.add, .uniform, .stride(let s)), (.sub, .stride(let s), .uniform):
      return .stride(s)
    case (.sub, .uniform, .stride(let s)): return stepped(.int(0) - s)
    case (.add, .stride(let s), .stride(let t)): return stepped(s + t)
    case (.sub, .stride(let s), .stride(let t)): return stepped(s - t)
    case (.mul, .stride(let s), .uniform): return stepped(s * y)
    case (.mul, .uniform, .stride(let s)): return stepped(x * s)
    case (.floorDiv, .stride(let s), .uniform), (.mod, .stride(let s), .uniform):
      guard let step = s.integerValue, let divisor = y.integerValue, step > 0, divisor > 0 else { return .varying }
      // (d·k·lane + r) // d = k·lane + r // d.
      if step % divisor == 0 { return function == .mod ? .uniform : stepped(.integer(step / divisor)) }
      // All lanes in one block of the divisor when the first starts at a multiple of their span.
      let (span, overflow) = step.multipliedReportingOverflow(by: Int64(context.count))
      guard !overflow, divisor % span == 0, knownMultiple(of: x, context) % span == 0 else { return .varying }
      return function == .mod ? .stride(s) : .uniform
    default: return .varying
    }
  }

  /// Whether the first lane of a strided expression is surely a multiple of a number.
  func startsAtMultiple(_ e: Expr, of divisor: Int64) -> Bool {
    lanes.map { knownMultiple(of: e, $0) % divisor == 0 } ?? false
  }

  private func stepped(_ step: Expr) -> LaneShape { step.isZero ? .uniform : .stride(step) }

  /// A number that divides the value in the first lane; 0 when the value is 0.
  private func knownMultiple(of e: Expr, _ context: LaneContext) -> Int64 {
    let number = numbering.number(e)
    if let known = lanes?.multiples[number] { return known }
    let multiple = findMultiple(of: e, context)
    lanes?.multiples[number] = multiple
    return multiple
  }

  private func findMultiple(of e: Expr, _ context: LaneContext) -> Int64 {
    switch e.kind {
    case .integer(let value): return value == .min ? 1 : Swift.abs(value)
    case .axis(let axis): return axis == context.axis ? context.multiple : 1
    case .local(let local):
      if case .alias(let e) = locals[local.id] { return knownMultiple(of: e, context) }
      return 1
    case .binary(.add, let x, let y), .binary(.sub, let x, let y):
      return gcd(knownMultiple(of: x, context), knownMultiple(of: y, context))
    case .binary(.mul, let x, let y):
      let (product, overflow) = knownMultiple(of: x, context).multipliedReportingOverflow(
        by: knownMultiple(of: y, context))
      return overflow ? 1 : product
    default: return 1
    }
  }

  private func gcd(_ a: Int64, _ b: Int64) -> Int64 {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }
}
