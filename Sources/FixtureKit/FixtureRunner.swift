// SPDX-License-Identifier: Apache-2.0
// Runs the commands of a fixture.

import GraphIR
import GraphLanguage
import GraphLayers
import GraphLowering
import GraphSupport
import Lamina
import PlanIR
import TensorCore

/// What one command of a fixture found.
package struct FixtureResult: Sendable {
  package var command: Fixture.Command
  /// What is wrong, in lines for people; empty when the command passes.
  package var failures: [String]
  /// What came out, in the form of an expectation.
  package var actual: [String]
}

/// How fixtures run.
package struct FixtureOptions: Sendable {
  package var compile: CompileOptions
  /// Rewrites expectations with what came out.
  package var blesses: Bool
  /// Whether executables are built: they need the runtime archive.
  package var buildsExecutables: Bool

  package init(compile: CompileOptions = CompileOptions(), blesses: Bool = false, buildsExecutables: Bool = true) {
    self.compile = compile
    self.blesses = blesses
    self.buildsExecutables = buildsExecutables
  }
}

/// Runs every command of a fixture file.
package func runFixture(_ path: String, _ options: FixtureOptions) throws -> [FixtureResult] {
  if ModelSource.isONNX(path) { return try runONNXCase(path, options) }
  var fixture = try Fixture(path: path)
  // What a person drew, before boxes are bound.
  if fixture.commands.allSatisfy({ $0.line == 0 }), isUnbound(fixture.path) {
    fixture.commands = [Fixture.Command(kind: .unbound, words: [], options: [], expected: [], line: 0)]
  }
  let runner = FixtureRunner(fixture: fixture, options: options)
  var results: [FixtureResult] = []
  for command in fixture.commands { results.append(try runner.run(command)) }
  if options.blesses && fixture.commands.contains(where: { $0.line > 0 }) {
    let keepsExpectations = zip(results, fixture.commands).map { $1.wantsExpectation ? $0.actual : [] }
    try fixture.bless(keepsExpectations)
    for (place, command) in fixture.commands.enumerated() where command.wantsExpectation {
      results[place].failures.removeAll { $0.hasPrefix(differencePrefix) }
    }
  }
  return results
}

/// Whether no box of a file has an operation.
private func isUnbound(_ path: String) -> Bool {
  guard let file = loadGraphFile(path).0 else { return false }
  do {
    _ = try resolveModel(file)
    return false
  } catch let error as DiagnosticsError {
    return error.diagnostics.count == file.diagram.boxes.count
      && error.diagnostics.allSatisfy { $0.id == "no-operation" }
  } catch {
    return false
  }
}

private let differencePrefix = "found, expected:"

extension Fixture.Command {
  /// Whether an expectation belongs to it: always for some kinds, else once it has one or asks with a word.
  fileprivate var wantsExpectation: Bool {
    switch kind {
    case .error, .fmt, .kernels, .plan: true
    case .check, .run: !expected.isEmpty || !words.isEmpty
    case .unbound, .onnx: false
    }
  }
}

private struct FixtureRunner {
  let fixture: Fixture
  let options: FixtureOptions

  private static let optionNames: Set<String> = ["random", "atol", "rtol", "weights", "model", "seed"]

  func run(_ command: Fixture.Command) throws -> FixtureResult {
    do {
      let (actual, failures) = try outcome(command)
      var found = failures
      if command.wantsExpectation && actual != command.expected { found.append(difference(actual, command.expected)) }
      return FixtureResult(command: command, failures: found, actual: actual)
    } catch let error as DiagnosticsError {
      return FixtureResult(command: command, failures: lines(error.diagnostics), actual: [])
    } catch let error as InternalError {
      return FixtureResult(command: command, failures: ["internal error: \(error.message)"], actual: [])
    }
  }

  private func outcome(_ command: Fixture.Command) throws -> (actual: [String], failures: [String]) {
    switch command.kind {
    case .check:
      let source = try load(command, fixesSizes: true)
      let types = source.resolved.boxes.filter { $0.depth == 0 }.map { box in
        "\(box.path) \(box.outputs.map { source.resolved.graph.type($0.value).description }.joined(separator: ", "))"
      }
      return (types + lines(source.resolved.warnings), layoutFailures())
    case .error:
      do {
        _ = try load(command, fixesSizes: true)
      } catch let error as DiagnosticsError {
        return (lines(error.diagnostics), [])
      }
      return ([], ["no error was found"])
    case .unbound:
      return ([], try unboundFailures())
    case .onnx:
      return ([], ["an ONNX model is tested with the data beside it"])
    case .fmt:
      let (text, failures) = formatted(fixture.subject)
      return (text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init), failures)
    case .kernels:
      let source = try load(command, fixesSizes: false)
      var compile = options.compile
      compile.follow(source)
      let lowered = try CompiledModel.lower(source.graph, compile)
      return (["\(lowered.plan.kernels.count) kernels, \(lowered.plan.steps.count) steps"], [])
    case .plan:
      let source = try load(command, fixesSizes: false)
      var compile = options.compile
      compile.follow(source)
      let plan = try CompiledModel.lower(source.graph, compile).plan
      let dims = smallestSizes(source.graph).merging(command.sizes(Self.optionNames)) { $1 }
      guard let arena = plan.arenaBytes(dims), let bound = plan.lowerBound(dims) else {
        return ([], ["the arena has no size for \(dims)"])
      }
      return (["arena \(arena), lower bound \(bound), weights \(plan.weightsByteCount)"], [])
    case .run:
      let source = try load(command, fixesSizes: false)
      var options = options
      options.compile.follow(source)
      let runs = try ModelRuns(
        try CompiledModel.definition(source.graph, options.compile),
        seed: command.option("random").flatMap(Int.init) ?? 1, sizes: command.sizes(Self.optionNames))
      return try runs.compareAll(options, tolerance(command))
    }
  }

  private func load(_ command: Fixture.Command, fixesSizes: Bool) throws -> ModelSource {
    let sizes = fixesSizes ? command.sizes(Self.optionNames) : [:]
    let weights = command.option("weights").map { "\(folder)/\($0)" }
    return try ModelSource.load(
      fixture.path, weights: weights, seed: command.option("seed").flatMap(Int.init),
      options: ResolveOptions(model: command.option("model"), dims: sizes))
  }

  private func tolerance(_ command: Fixture.Command) -> Tolerance {
    Tolerance(
      absolute: command.option("atol").flatMap(Double.init) ?? 1e-5,
      relative: command.option("rtol").flatMap(Double.init) ?? 1e-4)
  }

  private var folder: String { fixture.path.lastIndex(of: "/").map { String(fixture.path[..<$0]) } ?? "." }

  /// Boxes that running does not list.
  private func unboundFailures() throws -> [String] {
    let (file, findings) = loadGraphFile(fixture.path)
    guard let file, findings.isEmpty else { return lines(findings) }
    do {
      _ = try resolveModel(file)
    } catch let error as DiagnosticsError {
      let listed = Set(error.diagnostics.filter { $0.id == "no-operation" }.compactMap(\.location))
      return file.diagram.boxes.filter { !listed.contains(file.location($0.range)) }.map {
        "box '\($0.id)' has no operation and is not listed"
      } + layoutFailures()
    }
    return ["boxes without operations were accepted"]
  }

  // MARK: Layout

  /// Formatting the formatted text changes nothing, and it means the same.
  private func layoutFailures() -> [String] { formatted(fixture.lines.joined(separator: "\n")).failures }

  private func formatted(_ text: String) -> (text: String, failures: [String]) {
    let (file, findings) = parseGraph(text, path: fixture.path)
    guard let file, !findings.contains(where: { $0.severity == .error }) else { return ("", lines(findings)) }
    let once = file.formatted
    let (again, errors) = parseGraph(once, path: fixture.path)
    guard let again, !errors.contains(where: { $0.severity == .error }) else {
      return (once, ["the canonical layout cannot be read:"] + lines(errors))
    }
    var failures: [String] = []
    if again.formatted != once { failures.append("formatting twice changes the text again") }
    if again.diagram.boxes.map(\.id) != file.diagram.boxes.map(\.id) { failures.append("formatting changes the boxes") }
    return (once, failures)
  }

  // MARK: Expectations

  /// One line for each finding: place, id, message and suggestion. Files are named without the fixture's folder.
  private func lines(_ diagnostics: [Diagnostic]) -> [String] {
    diagnostics.map { finding in
      var place = "-"
      if let location = finding.location {
        let (line, column) = location.file.position(at: location.range.start)
        place = location.file.path == fixture.path ? "\(line):\(column)" : short("\(location)")
      }
      let kind = finding.severity == .error ? "" : "\(finding.severity.rawValue) "
      return "\(place) \(kind)\(finding.id): \(short(finding.message))\(finding.fixIt.map { "; \($0)" } ?? "")"
    }
  }

  private func short(_ text: String) -> String {
    let prefix = folder + "/"
    var result = ""
    var rest = text[...]
    while !rest.isEmpty {
      if rest.hasPrefix(prefix) {
        rest = rest.dropFirst(prefix.count)
      } else {
        result.append(rest.removeFirst())
      }
    }
    return result
  }

  private func difference(_ actual: [String], _ expected: [String]) -> String {
    let found = actual.filter { !expected.contains($0) }.map { "+ \($0)" }
    let missing = expected.filter { !actual.contains($0) }.map { "- \($0)" }
    let lines = missing + found
    return "\(differencePrefix)\n" + (lines.isEmpty ? ["the same lines in another order"] : lines).joined(separator: "\n")
  }
}
