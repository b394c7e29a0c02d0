// SPDX-License-Identifier: Apache-2.0
// `lamina plan`: the memory that a model takes, before it runs.

import ArgumentParser
import GraphDrawing
import GraphLowering
import GraphSupport
import Lamina
import PlanIR

struct PlanMemory: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Show a model's memory before it runs.",
    discussion: """
      Example: lamina plan graphs/cifar10.graph --dim N=32 -o plan.svg

      Intermediate results lie in one arena, in places that others had before them. Shown are its exact size, what no
      placement could go under (the most bytes that are live during one step), and each piece of it: where it starts
      and during which steps it is needed. Sizes that are named are taken as --dim says, else at their lowest; the
      worst case over their declared ranges stands beside.
      """)

  @OptionGroup var model: ModelOptions
  @Option(name: .shortAndLong, help: ArgumentHelp("Draw it: a path that ends in .svg.", valueName: "path"))
  var output: String?
  @Option(help: ArgumentHelp("How many pieces to list, the largest first; 0 for all.", valueName: "number"))
  var top = 30
  @OptionGroup var options: OutputOptions

  func validate() throws {
    guard top >= 0 else { throw ValidationError("--top is \(top), expected 0 or more") }
    if let output, !output.hasSuffix(".svg") { throw ValidationError("--output must end in .svg, found '\(output)'") }
  }

  func run() throws {
    options.apply()
    let source = try model.load()
    let plan = try CompiledModel.lower(source.graph, try compileOptions()).plan
    let dims = smallestSizes(source.graph)
    guard let layout = plan.layout(dims), let bound = plan.lowerBound(dims), let scratch = plan.scratchBytes(dims)
    else {
      throw DiagnosticsError("no-plan", "the arena has no size for these dims: \(dims)")
    }
    let pieces = zip(plan.buffers, layout.places).map {
      MemoryPiece(
        name: $0.name, offset: $1.offset, byteCount: $1.byteCount,
        steps: $0.firstStep...max($0.firstStep, $0.lastStep))
    }
    if let output {
      let picture = memoryPicture(pieces, arena: layout.byteCount, bound: bound, steps: plan.steps.count)
      try AtomicFile.write(picture, to: output)
    }
    if options.json { return printJSON(pieces, arena: layout.byteCount, bound: bound, scratch: scratch, plan) }
    var table = Table(headings: ["", "bytes", ""])
    table.numeric = [1]
    let over = bound == 0 ? 0 : Double(layout.byteCount - bound) / Double(bound) * 100
    table.rows = [
      ["arena", countText(layout.byteCount), bytesText(layout.byteCount)],
      ["lower bound", countText(bound), "\(decimals(over, 1)) % below the arena"],
      ["scratch of a thread", countText(scratch), bytesText(scratch)],
      ["weights", countText(plan.weightsByteCount), bytesText(plan.weightsByteCount)],
    ]
    if let worst = worstCase(plan) {
      table.rows.append(["arena at most", countText(worst.byteCount), worst.dims])
    }
    Terminal.print(table.text)
    if options.quiet { return }
    var list = Table(headings: ["offset", "bytes", "steps", "holds"])
    list.numeric = [0, 1]
    let shown = pieces.sorted { ($1.byteCount, $0.offset) < ($0.byteCount, $1.offset) }
    for piece in top == 0 ? shown[...] : shown.prefix(top) {
      list.rows.append([
        countText(piece.offset), countText(piece.byteCount),
        "\(piece.steps.lowerBound)–\(piece.steps.upperBound)", piece.name,
      ])
    }
    Terminal.print("\n" + list.text)
    if top > 0 && shown.count > top { Terminal.print("… and \(shown.count - top) more (--top 0)") }
    if let output { Terminal.print("\n\(output)") }
  }

  /// The largest arena over bindings of the named sizes to the ends of their ranges; nil without named sizes.
  private func worstCase(_ plan: Plan) -> (byteCount: Int, dims: String)? {
    guard !plan.callerSymbols.isEmpty else { return nil }
    let bindings = plan.sampleDims.compactMap { dims in plan.arenaBytes(dims).map { (byteCount: $0, dims: dims) } }
    guard let worst = bindings.max(by: { $0.byteCount < $1.byteCount }) else { return nil }
    let names = plan.callerSymbols.map(\.name)
    return (worst.byteCount, "at " + names.map { "\($0)=\(worst.dims[$0] ?? 0)" }.joined(separator: ", "))
  }

  private func printJSON(_ pieces: [MemoryPiece], arena: Int, bound: Int, scratch: Int, _ plan: Plan) {
    let rows = pieces.map {
      "{\"name\": \(jsonString($0.name)), \"offset\": \($0.offset), \"bytes\": \($0.byteCount), "
        + "\"first_step\": \($0.steps.lowerBound), \"last_step\": \($0.steps.upperBound)}"
    }
    Terminal.print(
      "{\"arena\": \(arena), \"lower_bound\": \(bound), \"scratch\": \(scratch), "
        + "\"weights\": \(plan.weightsByteCount), "
        + "\"buffers\": [\(rows.joined(separator: ",\n "))]}")
  }
}
