// SPDX-License-Identifier: Apache-2.0
// Numbers for people.

package enum NumberText {
  /// A number with up to `digits` significant digits and no needless zeros: `0.125`, `1234`, `1.5e-07`, `-inf`. Whole
  /// numbers are given in full up to six digits.
  package static func short(_ value: Double, digits: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    guard value != 0 else { return "0" }
    let isWhole = value == value.rounded() && value.magnitude < 1e6
    let (mantissa, exponent) = decimal(value.magnitude, isWhole ? 6 : max(digits, 1))
    let sign = value < 0 ? "-" : ""
    if exponent < -5 || exponent >= max(digits, 6) {
      let fraction = mantissa.count > 1 ? ".\(mantissa.dropFirst())" : ""
      let size = "\(exponent.magnitude)"
      return "\(sign)\(mantissa.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(size.count < 2 ? "0" : "")\(size)"
    }
    if exponent < 0 { return "\(sign)0.\(String(repeating: "0", count: -exponent - 1))\(mantissa)" }
    let whole = mantissa.prefix(exponent + 1)
    let zeros = String(repeating: "0", count: exponent + 1 - whole.count)
    let fraction = mantissa.dropFirst(exponent + 1)
    return "\(sign)\(whole)\(zeros)\(fraction.isEmpty ? "" : ".\(fraction)")"
  }

  /// A positive number as `d.ddd · 10^exponent`, rounded to `limit` digits, without zeros at the end.
  private static func decimal(_ value: Double, _ limit: Int) -> (digits: String, exponent: Int) {
    // The shortest text that reads back gives all digits that matter.
    let parts = value.description.split(separator: "e")
    let places = (parts.first ?? "0").split(separator: ".", omittingEmptySubsequences: false)
    let whole = places.first ?? "0"
    var digits = (whole + (places.count > 1 ? places[1] : "")).compactMap(\.wholeNumberValue)
    var exponent = whole.count - 1 + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.first == 0, digits.count > 1 {
      digits.removeFirst()
      exponent -= 1
    }
    if digits.count > limit {
      let roundsUp = digits[limit] >= 5
      digits.removeSubrange(limit...)
      if roundsUp {
        var index = limit - 1
        while index >= 0, digits[index] == 9 {
          digits[index] = 0
          index -= 1
        }
        if index >= 0 {
          digits[index] += 1
        } else {
          digits.insert(1, at: 0)
          exponent += 1
        }
      }
    }
    while digits.last == 0, digits.count > 1 { digits.removeLast() }
    return (digits.map(String.init).joined(), exponent)
  }
}
