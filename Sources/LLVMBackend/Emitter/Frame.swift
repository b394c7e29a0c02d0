// SPDX-License-Identifier: Apache-2.0
// Where emitted values live: one frame per loop body or branch, values hoisted to the outermost legal one.

import KernelIR

/// The code between two nested scopes, with the values already emitted in it.
struct Frame {
  enum Kind {
    /// A loop's body. Values that do not change in it go to the end of `preheader`, which runs once when the loop has
    /// at least one iteration; `isEntered` tells that this is known at compile time.
    case loop(preheader: Block, isEntered: Bool)
    /// Runs whenever its parent does, such as one copy of an unrolled body.
    case plain
    /// May not run at all: nothing is hoisted out of it.
    case conditional
  }

  var kind: Kind
  var memo: [MemoKey: Value] = [:]
  /// Expressions whose placement depends on what is bound in this frame.
  var placed: [Int] = []
}

/// An emitted expression: all lanes, or only the first one of the current vector.
struct MemoKey: Hashable {
  var number: Int
  var isFirstLane: Bool
}

/// What an expression's placement depends on.
struct Placement {
  /// The innermost frame whose bindings it reads; -1 for constants.
  var level: Int
  var hasLoad = false
  /// Mentions the axis of the current vector loop.
  var usesLanes = false
  /// Reads what statements change: valid inside one statement only.
  var isVolatile = false
  /// Its code has blocks of its own and stays where it is.
  var isPinned = false
}

/// What a name stands for.
enum Binding {
  /// An immutable value and the frame in which it is available.
  case value(Value, level: Int)
  /// An index: another name of the expression, so that its steps from lane to lane stay visible.
  case alias(Expr)
  /// A variable's address.
  case variable(Value, ValueType)
}
