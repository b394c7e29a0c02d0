// SPDX-License-Identifier: Apache-2.0
// The text of a box, an edge or a subgraph, line by line, with what reads as operations.

import GraphSupport

/// A label with its entities decoded, split at `<br/>` and line ends.
package struct Label: Sendable {
  package enum Style: Sendable { case plain, quoted, markdown }

  package var style: Style
  package var lines: [LabelLine]
  /// The text between the delimiters, in the file.
  package var range: SourceRange

  package init(style: Style, lines: [LabelLine], range: SourceRange) {
    self.style = style
    self.lines = lines
    self.range = range
  }

  /// The lines joined by line ends.
  package var text: String { lines.map(\.text).joined(separator: "\n") }

  /// Where the lines that read as operations begin: the longest run at the end in which every line reads as one.
  private var operationStart: Int { (lines.lastIndex { $0.expression == nil } ?? -1) + 1 }

  /// The lines before the operation.
  package var title: String { lines[..<operationStart].map(\.text).joined(separator: "\n") }

  /// The last lines, as far as they read as expressions. A name alone reads as one: whether it names an operation is
  /// for the resolver to say.
  package var operations: [Expression] { lines[operationStart...].compactMap(\.expression) }

  /// Why the last line does not read as an operation although it looks like a call; nil when it is free text.
  /// To be reported when the box needs an operation and has no binding.
  package var problem: Problem? { lines.last?.problem }

  /// A syntax error in a line that looks like an operation.
  package struct Problem: Error {
    package var message: String
    package var range: SourceRange
    package var fixIt: String?
  }
}

/// One line of a label; a call whose brackets stay open goes on over the next lines.
package struct LabelLine: Sendable {
  /// Without white space at its ends.
  package var text: String
  package var range: SourceRange
  /// Nil when the line does not read as an expression.
  package var expression: Expression?
  package var problem: Label.Problem?

  package init(text: String, range: SourceRange, expression: Expression? = nil, problem: Label.Problem? = nil) {
    self.text = text
    self.range = range
    self.expression = expression
    self.problem = problem
  }
}
