// SPDX-License-Identifier: Apache-2.0
// Machine code of kernels by content, in memory and on disk.

import GraphSupport
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Finds and keeps machine code. Any number of threads and processes may use one folder: entries are written beside
/// their place and renamed, and one that is not whole counts as missing and is written anew. Disk errors are no errors
/// of the program: the kernel is compiled again.
package final class KernelCache: Sendable {
  /// Nil keeps code in memory only.
  package let folder: String?
  private let sizeLimit: Int
  private let trimInterval: Int
  private let memory = Mutex<[KernelKey: MachineCode]>([:])

  /// - Parameters:
  ///   - sizeLimit: bytes on disk, roughly kept by deleting the entries not used for longest.
  ///   - trimInterval: after how many new entries, on average, that is seen to; up to 256.
  package init(folder: String?, sizeLimit: Int = 256 << 20, trimInterval: Int = 256) {
    self.folder = folder
    self.sizeLimit = sizeLimit
    self.trimInterval = max(1, trimInterval)
  }

  /// The user's cache: `LAMINA_CACHE` names the folder, or is `off`; else `$XDG_CACHE_HOME/lamina` or
  /// `~/.cache/lamina`.
  package static let user = KernelCache(folder: userFolder)

  private static var userFolder: String? {
    func variable(_ name: String) -> String? {
      guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { return nil }
      return value
    }
    if let chosen = variable("LAMINA_CACHE") { return chosen == "off" ? nil : chosen }
    // The specification says that relative paths are to be ignored.
    if let base = variable("XDG_CACHE_HOME"), base.hasPrefix("/") { return base + "/lamina" }
    return variable("HOME").map { $0 + "/.cache/lamina" }
  }

  func find(_ key: KernelKey) -> MachineCode? {
    if let known = memory.withLock({ $0[key] }) { return known }
    guard let path = path(key), let code = Self.read(path, key) else { return nil }
    memory.withLock { $0[key] = code }
    return code
  }

  func insert(_ code: MachineCode, _ key: KernelKey) {
    memory.withLock { $0[key] = code }
    guard let folder, let path = path(key) else { return }
    makeFolders(folder)
    Self.write(Self.encoded(code, key), path, folder)
    // Keys are as good as random, so their first byte counts for all processes together.
    if let byte = Int(key.text.prefix(2), radix: 16), byte % trimInterval == 0 { trim(folder) }
  }

  private func path(_ key: KernelKey) -> String? { folder.map { "\($0)/\(key.text).kernel" } }

  // MARK: Entries

  /// Magic, format, entry point (4 bytes), size (8 bytes); SHA-256 of key and code; code.
  private static let magic: [UInt8] = Array("LMNK".utf8) + [1, 0, 0, 0]
  private static let headerSize = 52

  private static func encoded(_ code: MachineCode, _ key: KernelKey) -> [UInt8] {
    var bytes = magic
    bytes.append(contentsOf: littleEndian(code.entry, 4))
    bytes.append(contentsOf: littleEndian(code.bytes.count, 8))
    bytes.append(contentsOf: checksum(code, key))
    bytes.append(contentsOf: code.bytes)
    return bytes
  }

  private static func checksum(_ code: MachineCode, _ key: KernelKey) -> [UInt8] {
    SHA256.hash(Array(key.text.utf8) + littleEndian(code.entry, 4) + code.bytes)
  }

  private static func littleEndian(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private static func read(_ path: String, _ key: KernelKey) -> MachineCode? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size >= headerSize,
      status.st_size <= 64 << 20
    else { return nil }
    let size = Int(status.st_size)
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let got = systemRead(
          descriptor, UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...]))
        if got <= 0 { break }
        count += got
      }
    }
    guard bytes.count == size, Array(bytes[0..<8]) == magic else { return nil }
    func integer(_ start: Int, _ count: Int) -> UInt64 {
      (0..<count).reversed().reduce(0) { $0 << 8 | UInt64(bytes[start + $1]) }
    }
    let entry = Int(integer(8, 4))
    guard integer(12, 8) == UInt64(size - headerSize), entry < size - headerSize else { return nil }
    let code = MachineCode(bytes: Array(bytes[headerSize...]), entry: entry)
    guard Array(bytes[20..<headerSize]) == checksum(code, key) else { return nil }
    // A day's precision is enough to tell old entries, and keeps most reads free of a write.
    if status.st_mtim.tv_sec < time(nil) - 86400 { futimens(descriptor, nil) }
    return code
  }

  private static func write(_ bytes: [UInt8], _ path: String, _ folder: String) {
    let beside = "\(folder)/.\(String(UInt64.random(in: .min ... .max), radix: 36)).tmp"
    let descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { return }
    // No sync: the checksum finds what a crash leaves behind.
    let written = bytes.withUnsafeBytes { systemWrite(descriptor, $0) }
    if close(descriptor) != 0 || written != bytes.count || rename(beside, path) != 0 { unlink(beside) }
  }

  /// Deletes the entries unused for longest until three quarters of the limit are left, and what crashes left behind.
  private func trim(_ folder: String) {
    guard let directory = opendir(folder) else { return }
    defer { closedir(directory) }
    var entries: [(path: String, used: Int, size: Int)] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      let isEntry = name.hasSuffix(".kernel")
      guard isEntry || name.hasSuffix(".tmp") else { continue }
      var status = stat()
      let path = "\(folder)/\(name)"
      guard stat(path, &status) == 0 else { continue }
      if isEntry {
        // What a file takes on disk: most kernels are smaller than a block.
        entries.append((path, status.st_mtim.tv_sec, Int(status.st_blocks) * 512))
      } else if status.st_mtim.tv_sec < time(nil) - 3600 {
        unlink(path)
      }
    }
    var total = entries.reduce(0) { $0 + $1.size }
    guard total > sizeLimit else { return }
    entries.sort { $0.used < $1.used }
    for entry in entries where total > sizeLimit / 4 * 3 {
      unlink(entry.path)
      total -= entry.size
    }
  }
}

/// Makes a folder and those around it where they are missing.
func makeFolders(_ path: String) {
  if mkdir(path, 0o777) == 0 || errno != ENOENT { return }
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex else { return }
  makeFolders(String(path[..<slash]))
  mkdir(path, 0o777)
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
  read(descriptor, bytes.baseAddress, bytes.count)
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  write(descriptor, bytes.baseAddress, bytes.count)
}
