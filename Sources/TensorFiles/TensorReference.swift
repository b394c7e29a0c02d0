// SPDX-License-Identifier: Apache-2.0
// `PATH` or `PATH:KEY` on a command line.

import GraphSupport

/// A file, and which of its tensors (or, in a CSV file, which columns) is meant.
package struct TensorReference: Hashable, Sendable {
  package var path: String
  package var key: String?

  package init(path: String, key: String? = nil) {
    self.path = path
    self.key = key
  }

  /// A file to read: the whole text when such a file exists, else it is split at the last ':' that leaves one.
  package init(reading text: String) {
    self.init(path: text)
    if FileMapping.isRegularFile(text) { return }
    for colon in text.utf8.indices.reversed() where text.utf8[colon] == UInt8(ascii: ":") {
      let path = String(text[..<colon])
      if FileMapping.isRegularFile(path) {
        self.init(path: path, key: String(text[text.utf8.index(after: colon)...]))
        return
      }
    }
  }

  /// A file to write: split at the first ':' that leaves the name of a file with several tensors.
  package init(writing text: String) {
    self.init(path: text)
    for colon in text.utf8.indices where text.utf8[colon] == UInt8(ascii: ":") {
      let path = String(text[..<colon])
      if let format = try? TensorFormat(path: path), format.holdsNames {
        self.init(path: path, key: String(text[text.utf8.index(after: colon)...]))
        return
      }
    }
  }
}
