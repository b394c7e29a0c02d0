// SPDX-License-Identifier: Apache-2.0
// The operating system's reasons as diagnostics.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

package enum SystemFailure {
  /// "cannot read 'x.npy': no such file or directory", from `errno` or a code of its kind.
  package static func diagnostics(
    _ id: String, _ action: String, _ path: String, code: Int32 = errno
  ) -> DiagnosticsError {
    DiagnosticsError(id, "\(action) '\(path)': \(reason(code))", file: path)
  }

  /// An `errno` in words.
  package static func reason(_ code: Int32) -> String {
    let text = String(cString: strerror(code))
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}
