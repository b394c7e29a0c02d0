// SPDX-License-Identifier: Apache-2.0
// Size expressions of a plan image, evaluated in one pass with every overflow noticed.

import CLaminaRuntime

extension PlanImage {
  /// Fills `values`, one for each expression. `dims` has one number for each symbol that the caller binds; the others are
  /// taken as large as they can be.
  func evaluate(
    _ dims: UnsafeBufferPointer<Int64>, into values: UnsafeMutablePointer<Int64>
  ) throws(RuntimeError) {
    let symbols = symbols
    var index = 0
    for expression in expressions {
      let symbol = Int(expression.right)
      if lamina_operation(expression.operation) == LAMINA_SYMBOL {
        values[index] = symbol < dims.count ? dims[symbol] : values[Int(symbols[symbol].bound)]
      } else {
        values[index] = try evaluate(expression, values)
      }
      index &+= 1
    }
  }

  /// The value of an expression that is no symbol.
  @inline(__always)
  func evaluate(
    _ expression: lamina_expression, _ values: UnsafePointer<Int64>
  ) throws(RuntimeError) -> Int64 {
    let operation = lamina_operation(expression.operation)
    if operation == LAMINA_LITERAL { return expression.right }
    guard let value = apply(operation, values[Int(expression.left)], values[Int(expression.right)]) else {
      throw RuntimeError(LAMINA_BAD_SIZE)
    }
    return value
  }

  /// Whether a symbol is room for sizes that runs find: the caller binds it, and its name starts with '_'.
  func isRoom(_ symbol: Int) -> Bool {
    symbols[symbol].bound == UInt32.max && text(symbols[symbol].name).first == UInt8(ascii: "_")
  }

  /// The symbols that the caller binds: the first so many.
  var callerSymbolCount: Int {
    var count = 0
    for symbol in symbols where symbol.bound == UInt32.max { count &+= 1 }
    return count
  }

  private func apply(_ operation: lamina_operation, _ a: Int64, _ b: Int64) -> Int64? {
    let (value, overflow): (Int64, Bool)
    switch operation {
    case LAMINA_ADD: (value, overflow) = a.addingReportingOverflow(b)
    case LAMINA_SUBTRACT: (value, overflow) = a.subtractingReportingOverflow(b)
    case LAMINA_MULTIPLY: (value, overflow) = a.multipliedReportingOverflow(by: b)
    case LAMINA_MINIMUM: return a < b ? a : b
    case LAMINA_MAXIMUM: return a > b ? a : b
    case LAMINA_FLOOR_DIVIDE:
      let (quotient, failed) = a.dividedReportingOverflow(by: b)
      if failed { return nil }
      let (rest, _) = a.remainderReportingOverflow(dividingBy: b)
      return rest != 0 && (rest < 0) != (b < 0) ? quotient &- 1 : quotient
    default:
      if b == 0 { return nil }
      if b == -1 { return 0 }
      let (rest, _) = a.remainderReportingOverflow(dividingBy: b)
      return rest != 0 && (rest < 0) != (b < 0) ? rest &+ b : rest
    }
    return overflow ? nil : value
  }

  /// The bytes that an input or output needs room for.
  func byteCount(_ port: lamina_port, _ values: UnsafePointer<Int64>) throws(RuntimeError) -> Int64 {
    for index in indices[Int(port.shape.first)..<Int(port.shape.first) + Int(port.shape.count)]
    where values[Int(index)] < 0 { throw RuntimeError(LAMINA_BAD_SIZE) }
    let count = values[Int(port.capacity)]
    guard count >= 0, count <= LAMINA_MAX_BYTES else { throw RuntimeError(LAMINA_BAD_SIZE) }
    return (count &* PlanImage.bits(port.dtype) &+ 7) / 8
  }
}
