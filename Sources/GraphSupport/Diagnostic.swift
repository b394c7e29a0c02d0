// SPDX-License-Identifier: Apache-2.0
// What is wrong with an input, where, and what would be right.

/// One finding. The message is lower case without a full stop, quotes 'names', and says what was found and expected.
package struct Diagnostic: Sendable, Hashable {
  package enum Severity: String, Sendable { case error, warning, note }

  package var severity: Severity
  /// A stable kebab-case name such as `shape-mismatch`.
  package var id: String
  package var message: String
  /// Nil when the finding is about a whole file or a command line; then `file` may name it.
  package var location: SourceLocation?
  package var file: String?
  package var notes: [Note]
  /// What to write instead.
  package var fixIt: String?

  package struct Note: Sendable, Hashable {
    package var message: String
    package var location: SourceLocation?
    package init(_ message: String, at location: SourceLocation? = nil) {
      self.message = message
      self.location = location
    }
  }

  package init(
    _ severity: Severity = .error, _ id: String, _ message: String, at location: SourceLocation? = nil,
    file: String? = nil, notes: [Note] = [], fixIt: String? = nil
  ) {
    self.severity = severity
    self.id = id
    self.message = message
    self.location = location
    self.file = file
    self.notes = notes
    self.fixIt = fixIt
  }
}

/// The input is wrong: exit code 1 and every finding on standard error.
package struct DiagnosticsError: Error, Sendable {
  package var diagnostics: [Diagnostic]

  package init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }
  package init(_ id: String, _ message: String, at location: SourceLocation? = nil, file: String? = nil) {
    diagnostics = [Diagnostic(.error, id, message, at: location, file: file)]
  }
}

/// A fault of ours: exit code 70, with what is needed to reproduce it.
package struct InternalError: Error, Sendable, CustomStringConvertible {
  package var message: String
  /// The path of a file that shows the fault, when one was written.
  package var reproducer: String?

  package init(_ message: String, reproducer: String? = nil) {
    self.message = message
    self.reproducer = reproducer
  }

  package var description: String { message }
}
