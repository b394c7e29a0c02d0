// SPDX-License-Identifier: Apache-2.0
// The tokens of operations: names, numbers, strings and signs.

/// One token of an expression.
struct ExpressionToken {
  enum Kind: Equatable {
    case name(String)
    case integer(Int)
    case number(Double)
    case quantity(Double, Unit)
    /// `3x3`
    case shape([Int])
    case string(String)
    /// An operator, bracket or comma.
    case sign(String)
    case end
  }

  var kind: Kind
  /// Characters of the text that was read.
  var range: Range<Int>

  func isSign(_ sign: String) -> Bool { kind == .sign(sign) }
  func isName(_ name: String) -> Bool { kind == .name(name) }
}

extension Unicode.Scalar {
  /// May begin a name: a letter of any script, or `_`.
  var isNameStart: Bool {
    if isASCII { return isASCIILetter || self == "_" }
    return properties.isXIDStart
  }

  var isNamePart: Bool {
    if isASCII { return isWordCharacter }
    return properties.isXIDContinue
  }
}
