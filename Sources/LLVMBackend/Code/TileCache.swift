// SPDX-License-Identifier: Apache-2.0
// What measurements of register tiles came to, kept for this processor.

import GraphSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Texts by name, in files beside the cached kernels. Nothing in them is trusted: whoever reads one checks it. As with
/// kernels, disk errors are no errors of the program.
package struct TileCache: Sendable {
  private let folder: String?
  private let processor: String

  /// - Parameter folder: Nil keeps nothing.
  package init(folder: String?, target: TargetDescription) {
    self.folder = folder
    processor = "\(target.key)\n\(Self.processorName)"
  }

  /// Beside the user's kernels.
  package init(target: TargetDescription) { self.init(folder: KernelCache.user.folder, target: target) }

  /// What is kept under a name.
  package func find(_ name: String) -> String? {
    guard let path = path(name), let bytes = try? readFile(path, limit: 1 << 16) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  package func insert(_ text: String, _ name: String) {
    guard let folder, let path = path(name) else { return }
    makeFolders(folder)
    try? AtomicFile.write(text, to: path)
  }

  private func path(_ name: String) -> String? {
    folder.map { folder in
      let digits = Array("0123456789abcdef".utf8)
      let hash = SHA256.hash(Array("tiles\n\(processor)\n\(name)".utf8))
      let text = String(decoding: hash.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
      return "\(folder)/\(text).tiles"
    }
  }

  /// The model of the processor: two with the same instructions may want other tiles.
  private static let processorName: String = {
    let text = (try? readFile("/proc/cpuinfo", limit: 1 << 22)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    let wanted = ["vendor_id", "cpu family", "model", "model name", "CPU implementer", "CPU part"]
    var lines: [String] = []
    // The first processor's lines; a blank one ends them.
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.isEmpty { break }
      let key = line.prefix { $0 != ":" && $0 != "\t" }
      if wanted.contains(String(key)) { lines.append(line.filter { $0 != "\t" }) }
    }
    return lines.joined(separator: "\n")
  }()
}
