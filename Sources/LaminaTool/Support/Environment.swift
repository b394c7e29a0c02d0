// SPDX-License-Identifier: Apache-2.0
// Environment variables.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The value of an environment variable; nil when it is unset.
func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
