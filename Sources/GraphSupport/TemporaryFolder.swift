// SPDX-License-Identifier: Apache-2.0
// A folder for files that are needed for a while.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A new folder that goes away, with everything in it, when its owner does, or sooner by `remove`.
package final class TemporaryFolder: Sendable {
  package let path: String

  /// In `parent`, else where the system wants temporary files; its name starts with `prefix`. Errors have the id
  /// `file-write`.
  package init(in parent: String? = nil, prefix: String = "lamina-") throws(DiagnosticsError) {
    let base = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    // `mkdtemp` puts letters of its own in place of the last six.
    var template = Array("\(base)/\(prefix)XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemFailure.diagnostics("file-write", "cannot make a folder in", base) }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  package func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The names of what is in it, sorted.
  package var names: [String] { Self.names(in: path) }

  /// The names of what is in a folder, sorted; none when it cannot be read.
  package static func names(in folder: String) -> [String] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  package func remove() { Self.removeTree(path) }

  /// Links are removed, what they lead to stays.
  private static func removeTree(_ folder: String) {
    for name in names(in: folder) {
      let inner = "\(folder)/\(name)"
      if unlink(inner) != 0 { removeTree(inner) }
    }
    rmdir(folder)
  }

  deinit { remove() }
}
