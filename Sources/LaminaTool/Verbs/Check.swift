// SPDX-License-Identifier: Apache-2.0
// `lamina check`: every error in one go, else what the model is made of.

import ArgumentParser
import GraphIR
import GraphLanguage
import GraphLayers
import GraphSupport
import Lamina
import TensorCore

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show every error and warning, or a table of the model.",
    discussion: "Example: lamina check graphs/cifar10.graph")

  @ArgumentParser.Argument(help: ArgumentHelp("The files.", valueName: "file"))
  var files: [String]
  @Option(help: ArgumentHelp("Fix a named size.", valueName: "name=size"))
  var dim: [String] = []
  @Option(help: ArgumentHelp("The model to take, for files with several.", valueName: "name"))
  var model: String?
  @Flag(help: "Check the diagram's syntax only.")
  var syntax = false
  @OptionGroup var timing: TimingOptions
  @OptionGroup var options: OutputOptions

  func run() throws {
    options.apply()
    var failures: [Diagnostic] = []
    for file in files {
      do {
        try check(file)
      } catch let error as DiagnosticsError {
        failures += error.diagnostics
      }
    }
    if !failures.isEmpty { throw DiagnosticsError(failures) }
  }

  private func check(_ path: String) throws {
    let times = timing.start()
    defer { times.show() }
    if ModelSource.isONNX(path) {
      let options = ResolveOptions(model: model, dims: try LoadOptions.sizes(dim))
      let source = try times.measure { try ModelSource.load(path, options: options) }
      return syntax ? wellFormed(path, times) : show(path, source.resolved, source.resolved.warnings, times)
    }
    let (file, findings) = try times.measure { timed("read") { loadGraphFile(path) } }
    guard let file, !findings.contains(where: { $0.severity == .error }) else { throw DiagnosticsError(findings) }
    if syntax { return wellFormed(path, times) }
    let dims = try LoadOptions.sizes(dim)
    let resolved = try times.measure {
      try timed("resolve") { try resolveModel(file, ResolveOptions(model: model, dims: dims)) }
    }
    let fast = try fastCombinations(
      Dictionary(file.frontMatter.dims.map { ($0.name.value, $0.fast) }, uniquingKeysWith: { first, _ in first }),
      names: Array(resolved.graph.callerRanges.keys), file)
    show(path, resolved, findings + resolved.warnings, times, fast)
  }

  private func wellFormed(_ path: String, _ times: PhaseTimes?) {
    if options.quiet { return }
    Terminal.print(
      options.json ? "{\"file\": \(jsonString(path)), \"errors\": 0\(times.jsonMember)}" : "\(path): well-formed")
  }

  private func show(
    _ path: String, _ model: ResolvedModel, _ warnings: [Diagnostic], _ times: PhaseTimes?, _ fast: [[String: Int]] = []
  ) {
    if !options.json { Terminal.report(warnings) }
    if options.quiet { return }
    if options.json { return Terminal.print(json(path, model, warnings, times, fast)) }
    Terminal.print(table(path, model))
    if !fast.isEmpty { Terminal.print("code of its own for \(fast.map(sizesText).joined(separator: "; "))") }
  }

  private func table(_ path: String, _ model: ResolvedModel) -> String {
    let boxes = statistics(model)
    var table = Table(headings: ["box", "operation", "type", "parameters", "FLOPs", "bytes"], numeric: [3, 4, 5])
    for box in boxes {
      let indent = String(repeating: "  ", count: box.depth)
      table.rows.append([
        box.depth == 0 ? box.path : indent + (box.path.split(separator: "/").last.map(String.init) ?? box.path),
        shortened(box.operation), box.types.map(\.description).joined(separator: ", "),
        box.parameterCount == 0 ? "" : countText(box.parameterCount), text(box.flops), text(box.bytes),
      ])
    }
    let top = boxes.filter { $0.depth == 0 }
    let parameters = top.reduce(0) { $0 + $1.parameterCount }
    let totals = [
      ("FLOPs", top.reduce(Dim(0)) { $0 + $1.flops }), ("bytes", top.reduce(Dim(0)) { $0 + $1.bytes }),
    ]
    table.rows.append(
      ["total", "", "", countText(parameters)] + totals.map { $0.1.isConstant ? text($0.1) : "" })
    let untrained = top.reduce(0) { $0 + $1.untrainedCount }
    if untrained > 0 { table.rows.append(["not trained", "", "", countText(untrained), "", ""]) }
    // Sums over named sizes have a term for nearly every box, and would make their column too wide to read.
    let sums = totals.filter { !$0.1.isConstant }.map { "\n\($0.0) in total: \($0.1)" }
    return "\(path)\n\(table.text)\(sums.isEmpty ? "" : "\n")\(sums.joined())"
  }

  private func json(
    _ path: String, _ model: ResolvedModel, _ warnings: [Diagnostic], _ times: PhaseTimes?, _ fast: [[String: Int]]
  ) -> String {
    let boxes = statistics(model)
    let rows = boxes.map { box in
      "{\"box\": \(jsonString(box.path)), \"operation\": \(jsonString(box.operation)), "
        + "\"types\": [\(box.types.map { jsonString($0.description) }.joined(separator: ", "))], "
        + "\"parameters\": \(box.parameterCount), \"flops\": \(number(box.flops)), \"bytes\": \(number(box.bytes))}"
    }
    let top = boxes.filter { $0.depth == 0 }
    let parameters = top.reduce(0) { $0 + $1.parameterCount }
    let untrained = top.reduce(0) { $0 + $1.untrainedCount }
    return "{\"file\": \(jsonString(path)), \"parameters\": \(parameters), \"not_trained\": \(untrained), "
      + "\"fast\": [\(fast.map(sizesJSON).joined(separator: ", "))], "
      + "\"warnings\": \(warnings.json), \"boxes\": [\n \(rows.joined(separator: ",\n "))]\(times.jsonMember)}"
  }

  private func number(_ dim: Dim) -> String { dim.value.map(String.init) ?? jsonString(dim.description) }
  private func text(_ dim: Dim) -> String { dim == 0 ? "" : dim.value.map(countText) ?? dim.description }
  private func shortened(_ text: String) -> String { text.count > 48 ? String(text.prefix(47)) + "…" : text }
}
