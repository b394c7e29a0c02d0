// SPDX-License-Identifier: Apache-2.0
// Atomic writing and mapping of files.

import Glibc
import GraphSupport
import Testing

@Suite struct AtomicFileTests {
  private let folder: String

  init() {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    folder = "\(parent)/atomic-file-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    mkdir(folder, 0o700)
  }

  private func names() -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.allSatisfy({ $0 == "." }) { names.append(name) }
    }
    return names.sorted()
  }

  private func text(_ file: FileMapping) -> String { file.withBytes { String(decoding: $0, as: UTF8.self) } }

  @Test func replacesWholeFiles() throws {
    let path = "\(folder)/数据.txt"
    try AtomicFile.write("one", to: path)
    chmod(path, 0o640)
    let old = try FileMapping(path)
    try AtomicFile.write("another text", to: path)
    // The old file lives on for those who have it open.
    #expect(text(old) == "one")
    #expect(text(try FileMapping(path)) == "another text")
    var status = stat()
    stat(path, &status)
    #expect(status.st_mode & 0o777 == 0o640)
    #expect(names() == ["数据.txt"])
    try AtomicFile.write("", to: path)
    #expect(text(try FileMapping(path)) == "")
  }

  @Test func followsLinks() throws {
    let target = "\(folder)/target"
    try AtomicFile.write("old", to: target)
    symlink("target", "\(folder)/link")
    try AtomicFile.write("new", to: "\(folder)/link")
    #expect(text(try FileMapping(target)) == "new")
    #expect(names() == ["link", "target"])
  }

  @Test func failuresLeaveNothing() throws {
    func message(_ body: () throws(DiagnosticsError) -> Void) -> String {
      do throws(DiagnosticsError) { try body() } catch { return error.diagnostics[0].message }
      return "no error"
    }
    #expect(
      message { () throws(DiagnosticsError) in try AtomicFile.write("x", to: folder) }
        == "cannot write '\(folder)': it is a folder")
    let nowhere = "\(folder)/no/file"
    #expect(
      message { () throws(DiagnosticsError) in try AtomicFile.write("x", to: nowhere) }
        == "cannot write '\(nowhere)': no such file or directory")
    try AtomicFile.write("x", to: "/dev/null")
    #expect(names().isEmpty)
    #expect(
      message { () throws(DiagnosticsError) in _ = try FileMapping(nowhere) }
        == "cannot read '\(nowhere)': no such file or directory")
    #expect(
      message { () throws(DiagnosticsError) in _ = try FileMapping("/dev/null") }
        == "cannot read '/dev/null': it is no regular file")
  }
}
