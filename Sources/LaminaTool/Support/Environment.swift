// SPDX-License-Identifier: Apache-2.0
// What the operating system tells.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The value of an environment variable; nil when it is unset.
func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// Whether a path names something.
func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// The bytes of a file; nil when there is none.
func fileSize(_ path: String) -> Int? {
  var info = stat()
  return stat(path, &info) == 0 ? Int(info.st_size) : nil
}
