// SPDX-License-Identifier: Apache-2.0
// A file's bytes in memory without reading them: a read-only mapping that lives as long as its owner.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A regular file, mapped read-only. The file must not be made shorter meanwhile: writers that rename a new file over
/// the old one (`AtomicFile`) keep the mapping good.
package final class FileMapping: @unchecked Sendable {
  package let path: String
  /// The whole file; empty for an empty one. They are there only as long as this object: prefer `withBytes`.
  package let bytes: UnsafeRawBufferPointer
  /// The open file, for mapping parts of it elsewhere; -1 for an empty one.
  package let descriptor: Int32

  /// Errors have the id `file-read`.
  package init(_ path: String) throws(DiagnosticsError) {
    self.path = path
    // A pipe without a writer would block `open` for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw SystemFailure.diagnostics("file-read", "cannot read", path) }
    var keepsOpen = false
    defer { if !keepsOpen { close(descriptor) } }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemFailure.diagnostics("file-read", "cannot read", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "a folder" : "no regular file"
      throw DiagnosticsError("file-read", "cannot read '\(path)': it is \(kind)", file: path)
    }
    guard let size = Int(exactly: status.st_size), size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      self.descriptor = -1
      return
    }
    guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw SystemFailure.diagnostics("file-read", "cannot map", path)
    }
    bytes = UnsafeRawBufferPointer(start: start, count: size)
    self.descriptor = descriptor
    keepsOpen = true
  }

  /// Calls `body` with the file's bytes, which are there during the call.
  package func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(bytes)
  }

  deinit {
    guard let start = bytes.baseAddress else { return }
    munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
    close(descriptor)
  }

  /// Whether a path names a regular file, links followed.
  package static func isRegularFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }
}
