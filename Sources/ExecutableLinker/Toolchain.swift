// SPDX-License-Identifier: Apache-2.0
// The system's linker driver and the runtime archive: where they are, and running the former.

import GraphSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Programs that building needs.
struct Toolchain {
  /// A C compiler driver, used for linking only.
  let driver: String
  /// Options that come before all others.
  let driverOptions: [String]

  /// The first of `LAMINA_CC`, cc, gcc, clang on the search path.
  static func find() throws(DiagnosticsError) -> Toolchain {
    if let chosen = environment("LAMINA_CC") {
      guard let path = search(chosen) else {
        throw DiagnosticsError("link-driver", "LAMINA_CC is '\(chosen)', which is no program")
      }
      return Toolchain(driver: path, driverOptions: [])
    }
    for name in ["cc", "gcc", "clang"] {
      guard let path = search(name) else { continue }
      // The Swift toolchain brings clang and lld, without a linker called `ld`.
      let needsLLD = search("ld") == nil && search("ld.lld") != nil
      return Toolchain(driver: path, driverOptions: needsLLD ? ["-fuse-ld=lld"] : [])
    }
    throw DiagnosticsError(
      "link-driver", "found none of cc, gcc, clang to link with, expected one (for example from 'apt install gcc')")
  }

  /// A program of the search path, by one of several names.
  static func tool(_ names: [String]) throws(DiagnosticsError) -> String {
    for name in names { if let path = search(name) { return path } }
    throw DiagnosticsError(
      "link-driver",
      "found no \(names.joined(separator: " or ")), expected one (for example from 'apt install binutils')")
  }

  /// The archive of the embedded runtime: `LAMINA_RUNTIME`, or beside the program or library this code is in.
  static func runtimeArchive() throws(DiagnosticsError) -> String {
    let name = "libLaminaRuntimeEmbedded.a"
    if let chosen = environment("LAMINA_RUNTIME") {
      let path = isFile(chosen) ? chosen : "\(chosen)/\(name)"
      guard isFile(path) else {
        throw DiagnosticsError("link-runtime", "LAMINA_RUNTIME is '\(chosen)', expected \(name) or its folder")
      }
      return path
    }
    var folders: [String] = []
    if let path = realpath("/proc/self/exe", nil) {
      folders.append(parent(of: String(cString: path)))
      free(path)
    }
    // This code may be in a library that another program loaded, as tests are.
    if let file = fileOfThisCode() { folders.append(parent(of: file)) }
    for folder in folders {
      for place in ["\(folder)/\(name)", "\(folder)/../lib/lamina/\(name)"] where isFile(place) { return place }
    }
    throw DiagnosticsError(
      "link-runtime",
      "found no \(name) in \(folders.map { "'\($0)'" }.joined(separator: " or ")), "
        + "expected it there or in LAMINA_RUNTIME")
  }

  /// The file that this function was loaded from, by the kernel's list of mappings.
  private static func fileOfThisCode() -> String? {
    let here: @convention(c) () -> Void = {}
    let address = UInt(bitPattern: unsafeBitCast(here, to: Int.self))
    guard let maps = try? readFile("/proc/self/maps", limit: 1 << 24) else { return nil }
    // A line is `start-end rights offset device inode path`.
    for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
      let ends = fields.first?.split(separator: "-") ?? []
      guard fields.count == 6, ends.count == 2, let start = UInt(ends[0], radix: 16),
        let end = UInt(ends[1], radix: 16),
        start <= address, address < end
      else { continue }
      return String(fields[5].drop { $0 == " " })
    }
    return nil
  }

  /// Runs a program to its end; what it wrote to standard error comes with the failure.
  static func run(_ program: String, _ arguments: [String], log: String) throws(DiagnosticsError) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    let words = [program] + arguments
    var vector: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for word in vector { free(word) } }
    var process = pid_t()
    let code = posix_spawn(&process, program, &actions, nil, &vector, environ)
    guard code == 0 else { throw SystemFailure.diagnostics("link-failed", "cannot start", program, code: code) }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    guard status != 0 else { return }
    let bytes = (try? readFile(log, limit: 1 << 20)) ?? []
    let text = String(decoding: bytes.prefix(8000), as: UTF8.self)
    let end = status & 0x7F == 0 ? "ended with \(status >> 8 & 0xFF)" : "was stopped by signal \(status & 0x7F)"
    throw DiagnosticsError("link-failed", "'\(program)' \(end):\n\(text)")
  }

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func search(_ name: String) -> String? {
    if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
    for folder in (environment("PATH") ?? "/usr/bin:/bin").split(separator: ":") {
      let path = "\(folder)/\(name)"
      if access(path, X_OK) == 0 { return path }
    }
    return nil
  }

  private static func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }
}

/// The folder of a path, `.` when it names none.
func parent(of path: String) -> String {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// A path's last part.
func lastName(of path: String) -> String {
  path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.utf8.index(after: $0)...]) } ?? path
}
