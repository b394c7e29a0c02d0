// SPDX-License-Identifier: Apache-2.0
// The errors of one file, all built in one way.

import GraphSupport

/// Builds the errors of one file; `format` is what messages call it (`npy file`, `npz member 'x'` …).
struct FileFault: Sendable {
  let path: String
  let format: String

  /// The file breaks its format's rules.
  func malformed(_ message: String) -> DiagnosticsError {
    DiagnosticsError("malformed-file", "malformed \(format): \(message)", file: path)
  }

  /// The file may be right, but holds what is not read here.
  func unsupported(_ message: String) -> DiagnosticsError {
    DiagnosticsError("unsupported-file", "\(format): \(message)", file: path)
  }

  /// Memory for a tensor is short.
  func outOfMemory(_ byteCount: Int) -> DiagnosticsError {
    DiagnosticsError("out-of-memory", "not enough memory for \(byteCount) bytes", file: path)
  }

  /// A text file's error at a byte offset: with its source line where that costs little, else with line and column in
  /// the message.
  func malformed(_ fault: TextFault, in bytes: UnsafeRawBufferPointer) -> DiagnosticsError {
    let offset = min(max(fault.offset, 0), bytes.count)
    if bytes.count <= 1 << 24 {
      let source = SourceText(path: path, bytes: Array(bytes))
      let range = SourceRange(offset, min(offset + max(fault.length, 1), bytes.count))
      return DiagnosticsError("malformed-file", fault.message, at: SourceLocation(source, range), file: path)
    }
    var (line, start) = (1, 0)
    for index in 0..<offset where bytes[index] == UInt8(ascii: "\n") { (line, start) = (line + 1, index + 1) }
    let column = String(decoding: bytes[start..<offset], as: UTF8.self).count + 1
    return DiagnosticsError("malformed-file", "line \(line), column \(column): \(fault.message)", file: path)
  }
}

/// What is wrong at a byte offset of a text.
struct TextFault: Error {
  var offset: Int
  var length = 1
  var message: String
}

/// A file's own text in a message: short, without control characters.
func quoted(_ bytes: some Collection<UInt8>, limit: Int = 40) -> String {
  let text = String(decoding: bytes.prefix(limit), as: UTF8.self)
  let clean = String(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "\u{FFFD}" : Character($0) })
  return bytes.count > limit ? "'\(clean)…'" : "'\(clean)'"
}

func quoted(_ text: String, limit: Int = 80) -> String { quoted(text.utf8, limit: limit) }
