// SPDX-License-Identifier: Apache-2.0
// What Keras itself computed for each layer, as `make_cases.py` wrote it.

import Foundation
import GraphIR
import GraphLanguage
import GraphLayers
import GraphOptimizer
import GraphSupport
import TensorCore
import TensorFiles
import Testing

/// One box with inputs, weights and outputs.
struct KerasCase: Sendable, CustomTestStringConvertible {
  let name: String
  /// A whole file around the box.
  let text: String

  var testDescription: String { name }

  private func resolved() throws -> Graph {
    let (file, findings) = parseGraph(text, path: "case.graph")
    guard let file, !findings.contains(where: { $0.severity == .error }) else { throw DiagnosticsError(findings) }
    return try resolveModel(file).graph
  }

  /// The parameters of the box.
  func parameters() throws -> [Parameter] { try resolved().nodes.compactMap { $0.operation as? Parameter } }

  /// The box's model with Keras' weights bound.
  func graph() throws -> Graph {
    var weights: [String: Tensor] = [:]
    for parameter in try parameters() {
      weights[parameter.name] = try KerasCase.archive.tensor("\(name)/weight/\(parameter.name)")
    }
    return try resolved().binding(weights)
  }

  /// The names of the weights that Keras' layer has.
  var weightNames: Set<String> { Set(part("weight").map(\.name)) }
  var inputs: [String: Tensor] {
    get throws {
      Dictionary(uniqueKeysWithValues: try part("input").map { ($0.name, try KerasCase.archive.tensor($0.entry)) })
    }
  }
  /// In Keras' order.
  var outputs: [Tensor] {
    get throws { try part("output").map { try KerasCase.archive.tensor($0.entry) } }
  }

  private func part(_ kind: String) -> [(name: String, entry: TensorArchive.Entry)] {
    let prefix = "\(name)/\(kind)/"
    return KerasCase.archive.entries.filter { $0.name.hasPrefix(prefix) }.map {
      (String($0.name.dropFirst(prefix.count)), $0)
    }
  }

  static let archive: TensorArchive = {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    do {
      return try TensorArchive(folder.appending(path: "Fixtures/keras.safetensors").path)
    } catch {
      preconditionFailure("\(error)")
    }
  }()

  static let all: [KerasCase] = archive.metadata.filter { !$0.key.hasPrefix("signature ") }.map {
    KerasCase(name: $0.key, text: $0.value)
  }

  /// For each of Keras' layers its arguments, with defaults in Python's spelling.
  static let signatures: [(layer: String, arguments: [(name: String, standard: String?)])] =
    archive.metadata.filter { $0.key.hasPrefix("signature ") }.map { entry in
      let lines = entry.value.split(separator: "\n").map(String.init)
      let arguments = lines.map { line -> (String, String?) in
        guard let sign = line.range(of: " = ") else { return (line, nil) }
        return (String(line[..<sign.lowerBound]), String(line[sign.upperBound...]))
      }
      return (String(entry.key.dropFirst("signature ".count)), arguments)
    }
}
