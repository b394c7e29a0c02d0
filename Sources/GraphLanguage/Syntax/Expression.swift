// SPDX-License-Identifier: Apache-2.0
// What is written in a box or a binding: calls, values, formulas and conditions, each with its place in the file.

import GraphSupport

/// One expression. The reader does not know which names are operations: `gelu(x * scale + bias)` is a call here, and
/// whoever resolves it decides between an operation and a formula.
package struct Expression: Sendable {
  package indirect enum Kind: Sendable {
    case integer(Int)
    case number(Double)
    /// `1MB`, `20ms`, `5%`.
    case quantity(Double, Unit)
    case boolean(Bool)
    case none
    case string(String)
    /// A name, dotted or plain: `relu`, `onnx.LSTM`.
    case name(String)
    /// `(3, 3)`, and its shorthand `3x3`.
    case tuple([Expression])
    case list([Expression])
    case call(Call)
    case unary(UnaryOperator, Expression)
    case binary(BinaryOperator, Expression, Expression)
  }

  package var kind: Kind
  /// In the file that was read, also when the text came through entities, `<br/>` or a YAML string.
  package var range: SourceRange
  /// Levels of expressions below and including this one; bounded by `ExpressionParser.depthLimit`.
  package let depth: Int

  package init(_ kind: Kind, range: SourceRange) {
    self.kind = kind
    self.range = range
    let below: Int =
      switch kind {
      case .integer, .number, .quantity, .boolean, .none, .string, .name: 0
      case .tuple(let items), .list(let items): items.lazy.map(\.depth).max() ?? 0
      case .call(let call): call.arguments.lazy.map(\.value.depth).max() ?? 0
      case .unary(_, let operand): operand.depth
      case .binary(_, let left, let right): max(left.depth, right.depth)
      }
    depth = below + 1
  }

  /// The call this is, where a name alone is a call without arguments: `Flatten` is `Flatten()`.
  package var asCall: Call? {
    switch kind {
    case .call(let call): call
    case .name(let name): Call(name: name, nameRange: range, arguments: [])
    default: nil
    }
  }
}

/// `Name(positional, name = value)`
package struct Call: Sendable {
  /// Dotted or plain.
  package var name: String
  package var nameRange: SourceRange
  /// In the order written; positional ones come before named ones.
  package var arguments: [Argument]

  package init(name: String, nameRange: SourceRange, arguments: [Argument]) {
    self.name = name
    self.nameRange = nameRange
    self.arguments = arguments
  }
}

/// One argument of a call.
package struct Argument: Sendable {
  /// Nil for a positional argument.
  package var name: String?
  package var nameRange: SourceRange?
  package var value: Expression

  package init(name: String? = nil, nameRange: SourceRange? = nil, value: Expression) {
    self.name = name
    self.nameRange = nameRange
    self.value = value
  }
}

package enum UnaryOperator: String, Sendable {
  case minus = "-"
  case not
}

/// In the order of binding, loosest first.
package enum BinaryOperator: String, Sendable, CaseIterable {
  case or, and
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case remainder = "%"
  case power = "**"

  /// A larger number binds tighter.
  package var precedence: Int {
    switch self {
    case .or: 1
    case .and: 2
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: 4
    case .add, .subtract: 5
    case .multiply, .divide, .floorDivide, .remainder: 6
    case .power: 8
    }
  }

  package var isComparison: Bool { precedence == 4 }
}

/// The unit written directly after a number.
package enum Unit: String, Sendable, CaseIterable {
  case bytes = "B"
  case kilobytes = "kB"
  case megabytes = "MB"
  case gigabytes = "GB"
  case kibibytes = "KiB"
  case mebibytes = "MiB"
  case gibibytes = "GiB"
  case nanoseconds = "ns"
  case microseconds = "us"
  case milliseconds = "ms"
  case seconds = "s"
  case minutes = "min"
  case hours = "h"
  case percent = "%"

  /// What one of this unit is in bytes, seconds, or as a plain number.
  package var scale: Double {
    switch self {
    case .bytes, .seconds: 1
    case .kilobytes: 1e3
    case .megabytes: 1e6
    case .gigabytes: 1e9
    case .kibibytes: 1024
    case .mebibytes: 1_048_576
    case .gibibytes: 1_073_741_824
    case .nanoseconds: 1e-9
    case .microseconds: 1e-6
    case .milliseconds: 1e-3
    case .minutes: 60
    case .hours: 3600
    case .percent: 0.01
    }
  }
}
