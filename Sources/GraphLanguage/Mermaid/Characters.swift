// SPDX-License-Identifier: Apache-2.0
// The character classes of Mermaid's lexer, which are those of JavaScript's regular expressions.

extension Unicode.Scalar {
  /// `\s`
  var isMermaidSpace: Bool {
    switch value {
    case 9...13, 32, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF: true
    default: false
    }
  }

  /// What `.` does not match.
  var isLineTerminator: Bool { value == 10 || value == 13 || value == 0x2028 || value == 0x2029 }

  /// `\w`
  var isWordCharacter: Bool { isASCIIDigit || isASCIILetter || self == "_" }

  var isASCIIDigit: Bool { "0" <= self && self <= "9" }
  var isASCIILetter: Bool { ("a" <= self && self <= "z") || ("A" <= self && self <= "Z") }

  /// A letter outside of ASCII that may stand in a box id. Mermaid's table is the letters of Unicode 6.1 in the
  /// basic plane; the few whose category has changed since are named here.
  var isMermaidLetter: Bool {
    switch value {
    case 0x1885, 0x1886: return true
    case 0x19B0...0x19C0, 0x19C8, 0x19C9, 0x1CF2, 0x1CF3: return false
    default: break
    }
    guard value >= 0xAA, value <= 0xFFFF, let age = properties.age, age.major < 6 || (age.major == 6 && age.minor <= 1)
    else { return false }
    return switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  /// The characters besides `-` that may begin and continue a box id in ASCII.
  var isNodeCharacter: Bool {
    if isWordCharacter { return true }
    return switch self {
    case "!", "\"", "#", "$", "%", "&", "'", "*", "+", ".", "`", "?", "\\", "/": true
    default: false
    }
  }
}
