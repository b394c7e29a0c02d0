// SPDX-License-Identifier: Apache-2.0
// What all graphs of one file share while it is imported: the file, what was asked, and what was found wrong.

import GraphIR
import GraphSupport
import TensorCore

/// One attempt to import a file.
final class ImportSession {
  let file: ONNXFile
  let options: ImportOptions
  /// Inputs whose given values are constants of the model.
  let bound: Set<String>
  /// Whether the sizes of the given inputs take the place of names.
  let isSpecialised: Bool
  /// Whether slices up to a named size are taken to lie inside their axis.
  let assumesInside: Bool
  /// Whether sizes that only a run tells are run-time sizes.
  let findsSizes: Bool
  let functions: [FunctionKey: FunctionProto]

  /// Named sizes and what they are taken not to exceed.
  var assumptions: [String: Int] = [:]
  /// Inputs whose values would let more of the model be understood.
  var neededInputs: Set<String> = []
  private(set) var diagnostics: [Diagnostic] = []
  private var remarks: [Diagnostic] = []
  /// Unsupported operators and the nodes that have them, in order of appearance.
  private var unsupported: [(operation: String, nodes: [String])] = []
  /// Nodes translated so far, those of functions and branches each time they are inlined.
  private var nodeCount = 0
  private var usedNames: Set<String> = []

  struct FunctionKey: Hashable {
    var domain: String
    var name: String
    var overload: String
  }

  /// Functions in functions may grow without bound.
  private static let nodeLimit = 1_000_000
  /// More errors than this help nobody.
  private static let errorLimit = 50

  init(
    _ file: ONNXFile, _ options: ImportOptions, bound: Set<String>, assumesInside: Bool, isSpecialised: Bool,
    findsSizes: Bool
  ) {
    self.assumesInside = assumesInside
    self.findsSizes = findsSizes
    self.file = file
    self.options = options
    self.bound = bound
    self.isSpecialised = isSpecialised
    functions = Dictionary(
      file.model.functions.map {
        (FunctionKey(domain: normalised($0.domain), name: $0.name, overload: $0.overload), $0)
      },
      uniquingKeysWith: { first, _ in first })
  }

  var hasUnsupported: Bool { !unsupported.isEmpty }

  /// What the model was taken to be where it does not say.
  var warnings: [Diagnostic] {
    assumptions.sorted { $0.key < $1.key }.map { name, limit in
      Diagnostic(
        .warning, "assumed-size", "'\(name)' is at most \(limit): a slice of an axis of \(limit) ends there",
        file: file.path)
    }
      + remarks
  }

  var failed: Bool { !diagnostics.isEmpty || !unsupported.isEmpty }

  func report(_ id: String, _ message: String, notes: [String] = []) {
    guard diagnostics.count < Self.errorLimit else { return }
    diagnostics.append(
      Diagnostic(.error, id, message, file: file.path, notes: notes.map { Diagnostic.Note($0) }))
  }

  /// Says something about how the model was understood.
  func warn(_ id: String, _ message: String) {
    if remarks.contains(where: { $0.message == message }) { return }
    remarks.append(Diagnostic(.warning, id, message, file: file.path))
  }

  func reportUnsupported(_ operation: String, _ node: String) {
    if let index = unsupported.firstIndex(where: { $0.operation == operation }) {
      unsupported[index].nodes.append(node)
    } else {
      unsupported.append((operation, [node]))
    }
  }

  /// Everything that is wrong, unsupported operators first.
  ///
  /// - Parameter symbols: the sizes that are names.
  func findings(_ symbols: [String]) -> [Diagnostic] {
    var diagnostics = diagnostics
    if !symbols.isEmpty, let last = diagnostics.indices.last, diagnostics[last].id == "import" {
      let names = symbols.map { "'\($0)'" }.joined(separator: ", ")
      diagnostics[last].notes.append(
        Diagnostic.Note(
          "the sizes \(names) are open: what cannot be told of every size can be of one, with --dim NAME=SIZE"))
    }
    return unsupported.map { operation, nodes in
      let shown = nodes.prefix(3).joined(separator: ", ") + (nodes.count > 3 ? " and \(nodes.count - 3) more" : "")
      return Diagnostic(
        .error, "unsupported-operator", "the operator '\(operation)' is not supported", file: file.path,
        notes: [
          Diagnostic.Note("\(nodes.count == 1 ? "it is" : "they are") \(shown)"),
          Diagnostic.Note("export the model so that it is made of other operators; 'lamina ops' lists those there are"),
        ])
    } + diagnostics
  }

  /// Counts a node; false when the model has too many.
  func mayTranslate() -> Bool {
    nodeCount += 1
    if nodeCount == Self.nodeLimit + 1 {
      report("model-size", "the model has more than \(Self.nodeLimit) nodes once its functions are inlined")
    }
    return nodeCount <= Self.nodeLimit
  }

  /// A node's name, made different from those before it.
  func uniqueName(_ name: String) -> String {
    var unique = name
    var number = 1
    while !usedNames.insert(unique).inserted {
      number += 1
      unique = "\(name)#\(number)"
    }
    return unique
  }
}

/// The default domain has two names.
func normalised(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }
