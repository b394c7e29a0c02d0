// SPDX-License-Identifier: Apache-2.0
// The built tool, as tests run it.

import FixtureKit
import Foundation
import Testing

enum Command {
  static let root = URL(fileURLWithPath: #filePath).appending(path: "../../..").standardizedFileURL.path

  /// The folder of the built products: `LAMINA_BUILD`, or the one this test bundle is in.
  private static let folder: String? = {
    if let chosen = ProcessInfo.processInfo.environment["LAMINA_BUILD"], !chosen.isEmpty { return chosen }
    let program = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0]).resolvingSymlinksInPath()
    let places = [program.deletingLastPathComponent().path, "\(root)/.build/release"]
    return places.first { FileManager.default.isExecutableFile(atPath: "\($0)/lamina") }
  }()

  static var isBuilt: Bool { folder.map { FileManager.default.isExecutableFile(atPath: "\($0)/lamina") } ?? false }
  static var hasRuntime: Bool {
    folder.map { FileManager.default.fileExists(atPath: "\($0)/libLaminaRuntimeEmbedded.a") } ?? false
  }

  /// Runs `lamina` in the repository's root.
  static func lamina(_ arguments: [String], environment: [String] = []) throws -> FinishedProgram {
    let folder = try #require(folder)
    return try runProgram("\(folder)/lamina", arguments, environment: environment, in: root)
  }

  static func lamina(_ arguments: String...) throws -> FinishedProgram { try lamina(arguments) }
}

extension FinishedProgram {
  /// Standard output as one JSON value.
  var json: Any? { try? JSONSerialization.jsonObject(with: Data(output.utf8), options: .fragmentsAllowed) }
}
