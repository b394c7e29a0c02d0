// SPDX-License-Identifier: Apache-2.0
// Running programs from tests, and a folder for their files.

import Foundation

struct Finished {
  var status: Int32
  var output: String
  var error: String
}

/// Runs a program to its end.
func shell(_ program: String, _ arguments: [String]) throws -> Finished {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  // Files: pipes of two streams would have to be drained at once.
  let folder = FileManager.default.temporaryDirectory
  let (output, error) = (folder.appending(path: UUID().uuidString), folder.appending(path: UUID().uuidString))
  defer { for url in [output, error] { try? FileManager.default.removeItem(at: url) } }
  for url in [output, error] { try Data().write(to: url) }
  process.standardOutput = try FileHandle(forWritingTo: output)
  process.standardError = try FileHandle(forWritingTo: error)
  process.standardInput = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  return Finished(
    status: process.terminationStatus, output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
    error: String(decoding: try Data(contentsOf: error), as: UTF8.self))
}

/// A folder that goes away with its owner.
final class Folder: Sendable {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "lamina-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }
  func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: file(name))) }
  func read(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: file(name)))) }
  func size(_ name: String) throws -> Int { try read(name).count }
}
