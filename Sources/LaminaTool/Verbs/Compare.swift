// SPDX-License-Identifier: Apache-2.0
// `lamina compare`: compiled code against the interpreter.

import ArgumentParser
import GraphIR
import GraphInterpreter
import GraphLayers
import GraphOptimizer
import GraphSupport
import Lamina
import PlanIR
import TensorCore

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare compiled code with the interpreter, box by box.",
    discussion: """
      Example: lamina compare graphs/cifar10.graph --random 7 --repro wrong

      First the whole model's outputs, then every box alone with the interpreter's values as its inputs, so that the
      first wrong box is named even where errors grow. Only the values still needed are in memory. Exit code 3 when
      anything differs by more than ATOL + RTOL · |reference|. With --precision bf16 the interpreter rounds what
      products multiply as the compiled code does, and the error against f32 is reported beside.
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: ArgumentHelp("An input; without any they are random.", valueName: "name=path"))
  var input: [String] = []
  @Option(help: ArgumentHelp("The seed of random inputs.", valueName: "seed"))
  var random = 1
  @Option(help: ArgumentHelp("The most threads to use; 0 for all cores this process may use.", valueName: "number"))
  var threads = 0
  @Option(help: "The absolute difference that is allowed.")
  var atol = 1e-4
  @Option(help: "The difference that is allowed relative to the reference.")
  var rtol = 1e-3
  @Option(help: ArgumentHelp("Write the smallest model that still differs into this folder.", valueName: "folder"))
  var repro: String?
  @OptionGroup var precision: PrecisionOptions
  @OptionGroup var timing: TimingOptions
  @OptionGroup var options: OutputOptions

  func validate() throws {
    guard atol >= 0, rtol >= 0 else { throw ValidationError("--atol and --rtol must not be negative") }
    guard threads >= 0 else { throw ValidationError("--threads must not be negative") }
  }

  func run() throws {
    options.apply()
    let times = timing.start()
    let source = try times.measure { try model.load(inputs: input) }
    if !options.quiet && !options.json { Terminal.report(source.resolved.warnings) }
    let compile = try compileOptions(source, precision)
    let graph = try CompiledModel.definition(source.graph, compile)
    let ports = graph.inputs.map { (name: graph[$0].name ?? "", type: graph.type($0)) }
    let inputs =
      input.isEmpty
      ? try randomInputs(ports, seed: random, dims: smallestSizes(graph)) : try readInputs(input, ports, bound: source.boundInputs)
    let sizes = try bindSizes(ports, inputs, ranges: graph.callerRanges)
    let tolerance = Tolerance(absolute: atol, relative: rtol)
    let named = Dictionary(zip(ports.map(\.name), inputs), uniquingKeysWith: { first, _ in first })

    let exact = compile.precision == .f32 ? nil : try interpret(source.graph, inputs: named)
    let whole = try times.measure { try compareWhole(graph, named, exact, inputs, compile, tolerance) }
    var parts = PartComparer(graph, inputs: inputs, sizes: sizes, options: compile, threads: threads, tolerance: tolerance)
    var boxCount = 0
    let difference = try times.measure { try parts.firstDifference { _, count in boxCount = count } }
    let reproduction = try difference.flatMap { difference in
      try repro.map { folder in
        var reproducer = Reproducer(difference, of: graph)
        return try reproducer.write(to: folder)
      }
    }
    let differs = difference != nil || whole.contains { !$0.comparison.matches }
    if options.json {
      Terminal.print(json(whole, difference, graph, boxCount, reproduction, times))
    } else if !options.quiet || differs {
      Terminal.print(table(whole))
      if !differs { Terminal.print("\n\(boxCount) box\(boxCount == 1 ? "" : "es") agree") }
    }
    times.show()
    if let difference {
      if !options.json { Terminal.print("\n" + text(difference, graph) + (reproduction.map { "\nsee \($0)" } ?? "")) }
      throw FoundDifference(message: "\(place(difference)) differs from the interpreter")
    }
    if differs {
      throw FoundDifference(
        message: "the model differs from the interpreter, but no box by itself: the fault is in what joins them, or "
          + "rounding grows from box to box")
    }
  }

  private struct OutputComparison {
    var name: String
    var type: TensorType
    var comparison: TensorComparison
    /// The largest difference from f32 relative to the largest f32 value, where the products are rounded.
    var precisionError: Double?
  }

  /// The outputs of the whole model; `exact` are those in f32 when the graph's are rounded.
  private func compareWhole(
    _ graph: Graph, _ named: [String: Tensor], _ exact: [String: Tensor]?, _ inputs: [Tensor],
    _ compile: CompileOptions, _ tolerance: Tolerance
  ) throws -> [OutputComparison] {
    let expected = try timed("interpret") { try interpret(graph, inputs: named) }
    let compiled = try CompiledModel(graph, compile)
    return zip(compiled.plan.outputs, try compiled.run(inputs, threads: threads)).compactMap { port, result in
      guard let reference = expected[port.name] else { return nil }
      let error = exact?[port.name].map { exact in
        let largest = exact.doubles().reduce(0) { max($0, $1.magnitude) }
        let difference = TensorComparison(result, exact, absolute: 0, relative: 0).maxAbsoluteError
        return largest > 0 ? difference / largest : difference
      }
      return OutputComparison(
        name: port.name, type: result.type,
        comparison: TensorComparison(result, reference, absolute: tolerance.absolute, relative: tolerance.relative),
        precisionError: error)
    }
  }

  private func table(_ outputs: [OutputComparison]) -> String {
    let isRounded = outputs.contains { $0.precisionError != nil }
    var table = Table(
      headings: ["output", "type", "max error", "max ULP", "result"] + (isRounded ? ["error against f32"] : []),
      numeric: [2, 3])
    for output in outputs {
      let comparison = output.comparison
      table.rows.append([
        output.name, output.type.description, NumberText.short(comparison.maxAbsoluteError, digits: 3), countText(Int(clamping: comparison.maxULP)),
        comparison.matches ? "agrees" : "\(countText(comparison.mismatchCount)) of \(countText(comparison.count)) differ",
      ] + (output.precisionError.map { ["\(NumberText.short($0 * 100, digits: 3)) % of the largest"] } ?? []))
    }
    return table.text
  }

  /// `graphs/x.graph:7:5: 'conv1'`
  private func place(_ difference: PartDifference) -> String {
    let origin = difference.part.origin
    return (origin.location.map { "\($0): " } ?? "") + "'\(origin.path)'"
  }

  /// The operators of the part that differs.
  private func operators(_ part: GraphPart, _ graph: Graph) -> String {
    part.nodes.map { place in
      let node = graph.nodes[place]
      return type(of: node.operation).name
    }.joined(separator: ", ")
  }

  private func text(_ difference: PartDifference, _ graph: Graph) -> String {
    let comparison = difference.comparison
    var text = "first difference: \(place(difference)) (\(operators(difference.part, graph)))"
    text += "\n  result    \(graph.type(difference.value)), \(countText(comparison.mismatchCount)) of \(countText(comparison.count)) elements"
    if let worst = comparison.worst {
      text += "\n  worst     \(comparison.position(worst)): \(comparison.worstActual), expected \(comparison.worstReference)"
    }
    return text
      + "\n  error     at most \(NumberText.short(comparison.maxAbsoluteError, digits: 3)), \(countText(Int(clamping: comparison.maxULP))) ULP"
  }

  private func json(
    _ outputs: [OutputComparison], _ difference: PartDifference?, _ graph: Graph, _ boxCount: Int, _ repro: String?,
    _ times: PhaseTimes?
  ) -> String {
    func figures(_ comparison: TensorComparison) -> String {
      let error = comparison.maxAbsoluteError
      return "\"differing\": \(comparison.mismatchCount), \"elements\": \(comparison.count), "
        + "\"maxError\": \(error.isFinite ? "\(error)" : "null"), \"maxULP\": \(comparison.maxULP)"
    }
    let rows = outputs.map { output in
      let error = output.precisionError.map { ", \"errorAgainstF32\": \($0.isFinite ? "\($0)" : "null")" } ?? ""
      return "{\"output\": \(jsonString(output.name)), \"type\": \(jsonString(output.type.description)), "
        + "\(figures(output.comparison))\(error)}"
    }
    var text = "{\"boxes\": \(boxCount), \"outputs\": [\(rows.joined(separator: ",\n "))]"
    if let difference {
      text += ",\n \"first\": {\"box\": \(jsonString(difference.part.origin.path)), "
      text += "\"place\": \(jsonString(difference.part.origin.location?.description ?? "")), "
      text += "\"operators\": \(jsonString(operators(difference.part, graph))), \(figures(difference.comparison))}"
    }
    if let repro { text += ",\n \"repro\": \(jsonString(repro))" }
    return text + times.jsonMember + "}"
  }
}
