// SPDX-License-Identifier: Apache-2.0
// Writing for people and for programs.

import GraphSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Standard output and standard error. What cannot be written (a closed pipe) is dropped quietly.
enum Terminal {
  enum Color: String, CaseIterable { case auto, always, never }
  /// Set once, when the command line has been read.
  nonisolated(unsafe) static var color = Color.auto
  nonisolated(unsafe) static var writesJSON = false

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    bytes.withUnsafeBytes { buffer in
      var rest = UnsafeRawBufferPointer(buffer)
      while let base = rest.baseAddress, !rest.isEmpty {
        let count = Glibc.write(descriptor, base, rest.count)
        if count < 0 && errno == EINTR { continue }
        if count <= 0 { return }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      }
    }
  }

  static func print(_ text: String) { write("\(text)\n", to: STDOUT_FILENO) }
  static func error(_ text: String, ending: String = "\n") { write("\(text)\(ending)", to: STDERR_FILENO) }

  static var isColored: Bool {
    switch color {
    case .always: true
    case .never: false
    case .auto: getenv("NO_COLOR") == nil && isatty(STDERR_FILENO) == 1
    }
  }

  /// Shows findings on standard error, or as JSON on standard output.
  static func report(_ diagnostics: [Diagnostic]) {
    if writesJSON {
      print(diagnostics.json)
    } else {
      var text = DiagnosticRenderer(color: isColored).render(diagnostics)
      while text.last == "\n" { text.removeLast() }
      if !text.isEmpty { error(text) }
    }
  }

  static func exit(_ code: Int32) -> Never { Glibc.exit(code) }
}
