// SPDX-License-Identifier: Apache-2.0
// `lamina compare`: compiled code against the interpreter.

import ArgumentParser
import GraphIR
import GraphInterpreter
import GraphLayers
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
      anything differs by more than ATOL + RTOL · |reference|.
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
  @OptionGroup var options: OutputOptions

  func validate() throws {
    guard atol >= 0, rtol >= 0 else { throw ValidationError("--atol and --rtol must not be negative") }
    guard threads >= 0 else { throw ValidationError("--threads must not be negative") }
  }

  func run() throws {
    options.apply()
    let source = try model.load(inputs: input)
    if !options.quiet && !options.json { Terminal.report(source.resolved.warnings) }
    let graph = source.graph
    let ports = graph.inputs.map { (name: graph[$0].name ?? "", type: graph.type($0)) }
    let inputs =
      input.isEmpty
      ? try randomInputs(ports, seed: random, dims: smallestSizes(graph)) : try readInputs(input, ports, bound: source.boundInputs)
    let sizes = try bindSizes(ports, inputs, ranges: graph.callerRanges)
    let tolerance = Tolerance(absolute: atol, relative: rtol)
    let compile = try compileOptions()

    let whole = try compareWhole(graph, ports.map(\.name), inputs, compile, tolerance)
    var parts = PartComparer(graph, inputs: inputs, sizes: sizes, options: compile, threads: threads, tolerance: tolerance)
    var boxCount = 0
    let difference = try parts.firstDifference { _, count in boxCount = count }
    let reproduction = try difference.flatMap { difference in
      try repro.map { folder in
        var reproducer = Reproducer(difference, of: graph)
        return try reproducer.write(to: folder)
      }
    }
    let differs = difference != nil || whole.contains { !$0.comparison.matches }
    if options.json {
      Terminal.print(json(whole, difference, graph, boxCount, reproduction))
    } else if !options.quiet || differs {
      Terminal.print(table(whole))
      if !differs { Terminal.print("\n\(boxCount) box\(boxCount == 1 ? "" : "es") agree") }
    }
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

  private typealias OutputComparison = (name: String, type: TensorType, comparison: TensorComparison)

  /// The outputs of the whole model.
  private func compareWhole(
    _ graph: Graph, _ names: [String], _ inputs: [Tensor], _ compile: CompileOptions, _ tolerance: Tolerance
  ) throws -> [OutputComparison] {
    let expected = try interpret(graph, inputs: Dictionary(zip(names, inputs), uniquingKeysWith: { first, _ in first }))
    let compiled = try CompiledModel(graph, compile)
    return zip(compiled.plan.outputs, try compiled.run(inputs, threads: threads)).compactMap { port, result in
      expected[port.name].map { reference in
        (
          name: port.name, type: result.type,
          comparison: TensorComparison(result, reference, absolute: tolerance.absolute, relative: tolerance.relative)
        )
      }
    }
  }

  private func table(_ outputs: [OutputComparison]) -> String {
    var table = Table(headings: ["output", "type", "max error", "max ULP", "result"], numeric: [2, 3])
    for (name, type, comparison) in outputs {
      table.rows.append([
        name, type.description, NumberText.short(comparison.maxAbsoluteError, digits: 3), countText(Int(clamping: comparison.maxULP)),
        comparison.matches ? "agrees" : "\(countText(comparison.mismatchCount)) of \(countText(comparison.count)) differ",
      ])
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
    _ outputs: [OutputComparison], _ difference: PartDifference?, _ graph: Graph, _ boxCount: Int, _ repro: String?
  ) -> String {
    func figures(_ comparison: TensorComparison) -> String {
      let error = comparison.maxAbsoluteError
      return "\"differing\": \(comparison.mismatchCount), \"elements\": \(comparison.count), "
        + "\"maxError\": \(error.isFinite ? "\(error)" : "null"), \"maxULP\": \(comparison.maxULP)"
    }
    let rows = outputs.map { name, type, comparison in
      "{\"output\": \(jsonString(name)), \"type\": \(jsonString(type.description)), \(figures(comparison))}"
    }
    var text = "{\"boxes\": \(boxCount), \"outputs\": [\(rows.joined(separator: ",\n "))]"
    if let difference {
      text += ",\n \"first\": {\"box\": \(jsonString(difference.part.origin.path)), "
      text += "\"place\": \(jsonString(difference.part.origin.location?.description ?? "")), "
      text += "\"operators\": \(jsonString(operators(difference.part, graph))), \(figures(difference.comparison))}"
    }
    if let repro { text += ",\n \"repro\": \(jsonString(repro))" }
    return text + "}"
  }
}
