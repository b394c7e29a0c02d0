// SPDX-License-Identifier: Apache-2.0
// Reads a whole file with a size limit and an error that says what is wrong.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Reads a regular file or a pipe of at most `limit` bytes. The error names the path and the cause.
package func readFile(_ path: String, limit: Int = 1 << 31) throws(DiagnosticsError) -> [UInt8] {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw SystemFailure.diagnostics("file-read", "cannot read", path) }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw SystemFailure.diagnostics("file-read", "cannot read", path) }
  if status.st_mode & S_IFMT == S_IFDIR {
    throw DiagnosticsError("file-read", "cannot read '\(path)': it is a folder", file: path)
  }
  if Int(status.st_size) > limit { throw tooLarge(path, limit) }
  // A pipe or a file that grows says its size only by ending.
  var bytes = [UInt8](repeating: 0, count: max(4096, min(Int(status.st_size) + 1, limit + 1)))
  var count = 0
  while true {
    let got = bytes.withUnsafeMutableBytes { buffer in
      read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
    }
    if got < 0 && errno == EINTR { continue }
    guard got >= 0 else { throw SystemFailure.diagnostics("file-read", "cannot read", path) }
    if got == 0 { break }
    count += got
    if count > limit { throw tooLarge(path, limit) }
    if count == bytes.count { bytes += [UInt8](repeating: 0, count: min(count, limit + 1 - count)) }
  }
  bytes.removeLast(bytes.count - count)
  return bytes
}

private func tooLarge(_ path: String, _ limit: Int) -> DiagnosticsError {
  DiagnosticsError("file-size", "cannot read '\(path)': it has more than \(limit) bytes", file: path)
}
