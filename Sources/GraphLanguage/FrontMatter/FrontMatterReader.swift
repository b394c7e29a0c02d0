// SPDX-License-Identifier: Apache-2.0
// The keys above the diagram, each checked, with suggestions for misspelt ones.

import GraphSupport
import Yams

/// Reads the YAML between the `---` lines.
struct FrontMatterReader {
  /// The keys that a file may have. `config` is Mermaid's own, and so is `displayMode`.
  static let keys = [
    "title", "weights", "dims", "seed", "stages", "ops", "include", "precision", "winograd", "config", "displayMode",
  ]

  private(set) var result = FrontMatter()
  private(set) var diagnostics: [Diagnostic] = []
  private let source: SourceText

  init(source: SourceText) { self.source = source }

  mutating func read(_ text: MappedText) {
    result.text = text.string
    switch YAML.parse(text) {
    case .failure(let problem): report("front-matter", problem.message, problem.range)
    case .success(let yaml):
      guard let root = yaml.root, !root.isNull else { return }
      guard let mapping = root.mapping else {
        return report("front-matter", "expected 'key: value' lines", yaml.range(root))
      }
      for (key, value) in mapping { read(key, value, yaml) }
    }
  }

  private mutating func read(_ key: Node, _ value: Node, _ yaml: YAML) {
    let name = key.string ?? ""
    switch name {
    case "title": result.title = string(value, "title", yaml)
    case "precision": result.precision = string(value, "precision", yaml)
    case "winograd": result.winograd = string(value, "winograd", yaml)
    case "seed": result.seed = integer(value, "seed", yaml)
    case "weights": result.weights = weights(value, yaml)
    case "include": result.includes = strings(value, "include", yaml)
    case "dims":
      for (name, size) in pairs(value, "dims", yaml) {
        if let dim = dim(name, size, yaml) { result.dims.append(dim) }
      }
    case "stages": result.stages = bindings(value, "stages", yaml)
    case "ops": result.operations = bindings(value, "ops", yaml)
    case "config", "displayMode": break
    default:
      report(
        "unknown-key", "unknown key '\(name)' in the front matter", yaml.range(key),
        fixIt: nearest(name, among: FrontMatterReader.keys))
    }
  }

  // MARK: Values

  private mutating func string(_ node: Node, _ what: String, _ yaml: YAML) -> Located<String>? {
    guard let value = node.string, !node.isNull else {
      report("front-matter", "'\(what)' must be a text", yaml.range(node))
      return nil
    }
    return Located(value, yaml.range(node))
  }

  private mutating func integer(_ node: Node, _ what: String, _ yaml: YAML) -> Located<Int>? {
    guard let text = node.string, let value = Int(text.filter { $0 != "_" }) else {
      report("front-matter", "'\(what)' must be a whole number", yaml.range(node))
      return nil
    }
    return Located(value, yaml.range(node))
  }

  private mutating func strings(_ node: Node, _ what: String, _ yaml: YAML) -> [Located<String>] {
    guard let sequence = node.sequence else { return string(node, what, yaml).map { [$0] } ?? [] }
    return sequence.compactMap { string($0, what, yaml) }
  }

  private mutating func pairs(_ node: Node, _ what: String, _ yaml: YAML) -> [(Located<String>, Node)] {
    if node.isNull { return [] }
    guard let mapping = node.mapping else {
      report("front-matter", "'\(what)' must be 'name: value' lines", yaml.range(node))
      return []
    }
    return mapping.compactMap { key, value in string(key, what, yaml).map { ($0, value) } }
  }

  private mutating func weights(_ node: Node, _ yaml: YAML) -> Weights? {
    guard node.mapping != nil else { return string(node, "weights", yaml).map(Weights.init(file:)) }
    var file: Located<String>?
    var map: [(parameter: Located<String>, tensor: Located<String>)] = []
    for (key, value) in pairs(node, "weights", yaml) {
      switch key.value {
      case "file": file = string(value, "file", yaml)
      case "map":
        for (parameter, tensor) in pairs(value, "map", yaml) {
          if let tensor = string(tensor, "map", yaml) { map.append((parameter, tensor)) }
        }
      default:
        report(
          "unknown-key", "unknown key '\(key.value)' in 'weights'", key.range,
          fixIt: nearest(key.value, among: ["file", "map"]))
      }
    }
    guard let file else {
      report("front-matter", "'weights' has no 'file'", yaml.range(node))
      return nil
    }
    var weights = Weights(file: file)
    weights.map = map
    return weights
  }

  /// `32`, `1..64`, `1..`, or `{range: 1..64, fast: [1, 8]}`
  private mutating func dim(_ name: Located<String>, _ node: Node, _ yaml: YAML) -> DimRange? {
    guard node.mapping != nil else { return range(node, name, yaml) }
    var dim: DimRange?
    var fast: [Located<Int>] = []
    for (key, value) in pairs(node, "dims", yaml) {
      switch key.value {
      case "range": dim = range(value, name, yaml)
      case "fast":
        fast = value.sequence?.compactMap { integer($0, "fast", yaml) } ?? integer(value, "fast", yaml).map { [$0] } ?? []
      default:
        report(
          "unknown-key", "unknown key '\(key.value)' in the dim '\(name.value)'", key.range,
          fixIt: nearest(key.value, among: ["range", "fast"]))
      }
    }
    var result = dim ?? DimRange(name: name, lower: 1, upper: nil)
    for fast in fast where fast.value < result.lower || fast.value > result.upper ?? .max {
      report("front-matter", "'fast' is outside of the range of '\(name.value)'", fast.range)
    }
    result.fast = Set(fast.map(\.value)).sorted()
    return result
  }

  private mutating func range(_ node: Node, _ name: Located<String>, _ yaml: YAML) -> DimRange? {
    let text = node.string ?? ""
    if let size = Int(text), size >= 0 { return DimRange(name: name, lower: size, upper: size) }
    if let dots = text.firstRange(of: "..") {
      let lower = Int(text[..<dots.lowerBound].trimmingWhitespace())
      let end = text[dots.upperBound...].trimmingWhitespace()
      let upper = Int(end)
      if let lower, lower >= 0, end.isEmpty || upper != nil {
        if let upper, upper < lower {
          report("front-matter", "the range of '\(name.value)' ends before it begins", yaml.range(node))
          return nil
        }
        return DimRange(name: name, lower: lower, upper: upper)
      }
    }
    report(
      "front-matter",
      "found '\(text.prefix(40))' for the dim '\(name.value)', expected a size or a range such as 1..64",
      yaml.range(node))
    return nil
  }

  // MARK: Bindings

  private mutating func bindings(_ node: Node, _ what: String, _ yaml: YAML) -> [Binding] {
    pairs(node, what, yaml).compactMap { box, value in
      let operations: [Expression]
      if let sequence = value.sequence {
        if sequence.isEmpty { report("front-matter", "'\(box.value)' is bound to no operation", yaml.range(value)) }
        operations = sequence.flatMap { binding($0, box.value, yaml) }
      } else {
        operations = binding(value, box.value, yaml)
      }
      return operations.isEmpty ? nil : Binding(box: box.value, boxRange: box.range, operations: operations)
    }
  }

  /// One operation, or one on each line of a block.
  private mutating func binding(_ node: Node, _ box: String, _ yaml: YAML) -> [Expression] {
    guard case .scalar = node, !node.isNull else {
      report(
        "front-matter", "'\(box)' must be bound to an operation such as 'Dense(10)', or to a list of them",
        yaml.range(node))
      return []
    }
    var parser = ExpressionParser(yaml.scalar(node))
    switch parser.parseWhole() {
    case .success(let expression): return [expression]
    case .failure(let problem):
      let lines = Label(FlowText(style: .plain, text: yaml.scalar(node))).lines.filter { !$0.text.isEmpty }
      if lines.count > 1, lines.allSatisfy({ $0.expression != nil }) { return lines.compactMap(\.expression) }
      report("operation-syntax", problem.message, problem.range, fixIt: problem.fixIt)
      return []
    }
  }

  private mutating func report(_ id: String, _ message: String, _ range: SourceRange, fixIt: String? = nil) {
    diagnostics.append(Diagnostic(.error, id, message, at: SourceLocation(source, range), fixIt: fixIt))
  }
}
