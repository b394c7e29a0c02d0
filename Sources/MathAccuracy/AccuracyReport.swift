// SPDX-License-Identifier: Apache-2.0
// How far results are from exact values.

/// The worst of many results of one f32 function.
package struct AccuracyReport: Sendable {
  package var inputs = 0
  /// In units of the last place of the exact value (2^-149 at least).
  package var worstError = 0.0
  package var worstInput: Float = 0
  package var worstResult: Float = 0
  /// Results that are NaN, infinite or zero of a sign where the exact value, rounded, is not; or the other way round.
  package var mismatches = 0
  package var firstMismatch: (input: Float, result: Float, expected: Float)?

  package init() {}

  package mutating func add(_ input: Float, _ result: Float, exact: Double) {
    inputs += 1
    let rounded = Float(exact)
    if !rounded.isFinite || !result.isFinite {
      let agree = rounded.isNaN ? result.isNaN : rounded == result
      if !agree { addMismatch(input, result, rounded) }
      return
    }
    if rounded == 0 || result == 0 {
      if rounded.sign != result.sign && (rounded == result || result == 0) { addMismatch(input, result, rounded) }
    }
    // The exponent of the last place, from the exact value's own bits.
    let exponent = max(Int((exact.bitPattern >> 52) & 0x7FF) - 1023, -126) - 23
    let unit = Double(bitPattern: UInt64(1023 - exponent) << 52)
    let error = abs(Double(result) - exact) * unit
    if error > worstError {
      worstError = error
      worstInput = input
      worstResult = result
    }
  }

  private mutating func addMismatch(_ input: Float, _ result: Float, _ expected: Float) {
    mismatches += 1
    if firstMismatch == nil { firstMismatch = (input, result, expected) }
  }

  package mutating func merge(_ other: AccuracyReport) {
    inputs += other.inputs
    if other.worstError > worstError {
      worstError = other.worstError
      worstInput = other.worstInput
      worstResult = other.worstResult
    }
    mismatches += other.mismatches
    if firstMismatch == nil { firstMismatch = other.firstMismatch }
  }
}
