// SPDX-License-Identifier: Apache-2.0
// Size expressions of a plan image, evaluated in one pass with every overflow noticed.

import CLaminaRuntime

extension PlanImage {
  /// Fills `values`, one for each expression. `dims` has one number for each symbol.
  func evaluate(
    _ dims: UnsafeBufferPointer<Int64>, into values: UnsafeMutablePointer<Int64>
  ) throws(RuntimeError) {
    var index = 0
    for expression in expressions {
      let operation = lamina_operation(expression.operation)
      if operation == LAMINA_LITERAL {
        values[index] = expression.right
      } else if operation == LAMINA_SYMBOL {
        values[index] = dims[Int(expression.right)]
      } else {
        guard let value = apply(operation, values[Int(expression.left)], values[Int(expression.right)]) else {
          throw RuntimeError(LAMINA_BAD_SIZE)
        }
        values[index] = value
      }
      index &+= 1
    }
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

  /// The bytes of a tensor of these sizes.
  func byteCount(
    _ shape: lamina_list, _ dtype: UInt32, _ values: UnsafePointer<Int64>
  ) throws(RuntimeError) -> Int64 {
    var count: Int64 = 1
    for index in indices[Int(shape.first)..<Int(shape.first) + Int(shape.count)] {
      let size = values[Int(index)]
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow, product <= LAMINA_MAX_BYTES else { throw RuntimeError(LAMINA_BAD_SIZE) }
      count = product
    }
    return (count &* PlanImage.bits(dtype) &+ 7) / 8
  }
}
