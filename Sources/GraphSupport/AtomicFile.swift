// SPDX-License-Identifier: Apache-2.0
// Writing a file so that others see the old content or the whole new one, never a part.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Files written beside their place, synced and renamed over it.
///
/// A link is followed, an existing file keeps its permissions, and what is no regular file (`/dev/null`, a pipe) is
/// written straight. Errors have the id `file-write`.
package enum AtomicFile {
  package static func write(_ chunks: [UnsafeRawBufferPointer], to path: String) throws(DiagnosticsError) {
    var existing = stat()
    let exists = stat(path, &existing) == 0
    if exists && existing.st_mode & S_IFMT == S_IFDIR {
      throw DiagnosticsError("file-write", "cannot write '\(path)': it is a folder", file: path)
    }
    if exists && existing.st_mode & S_IFMT != S_IFREG {
      let descriptor = open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw SystemFailure.diagnostics("file-write", "cannot write", path) }
      defer { close(descriptor) }
      guard put(chunks, descriptor) else { throw SystemFailure.diagnostics("file-write", "cannot write", path) }
      return
    }
    let target = exists ? resolved(path) : path
    let folder = target.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(target[...$0]) } ?? ""
    let beside = "\(folder).lamina-\(String(UInt64.random(in: .min ... .max), radix: 36)).tmp"
    let descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw SystemFailure.diagnostics("file-write", "cannot write", path) }
    var written = put(chunks, descriptor)
    if written && exists { written = fchmod(descriptor, existing.st_mode & 0o7777) == 0 }
    written = written && fsync(descriptor) == 0
    var code = errno
    if close(descriptor) != 0 && written { (written, code) = (false, errno) }
    if written && rename(beside, target) != 0 { (written, code) = (false, errno) }
    if !written {
      unlink(beside)
      throw SystemFailure.diagnostics("file-write", "cannot write", path, code: code)
    }
  }

  package static func write(_ text: String, to path: String) throws(DiagnosticsError) {
    try write(Array(text.utf8), to: path)
  }

  package static func write(_ bytes: [UInt8], to path: String) throws(DiagnosticsError) {
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(DiagnosticsError) in try write([buffer], to: path) }
    }
    try result.get()
  }

  /// Everything into an open file; false with `errno` set.
  private static func put(_ chunks: [UnsafeRawBufferPointer], _ descriptor: Int32) -> Bool {
    for chunk in chunks {
      var rest = chunk[...]
      while !rest.isEmpty {
        let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
        let count = systemWrite(descriptor, part)
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { return false }
        rest = rest.dropFirst(count)
      }
    }
    return true
  }

  /// The path without links, so that a link stays one.
  private static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  write(descriptor, bytes.baseAddress, bytes.count)
}
