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
      worst case over their declared ranges stands beside, and the arena of each combination of sizes that has code of
      its own (--fast N=1,8, or 'fast' in the file's dims).
      """)

  @OptionGroup var model: ModelOptions
  @Option(name: .shortAndLong, help: ArgumentHelp("Draw it: a path that ends in .svg.", valueName: "path"))
  var output: String?
  @Option(help: ArgumentHelp("How many pieces to list, the largest first; 0 for all.", valueName: "number"))
  var top = 30
  @OptionGroup var timing: TimingOptions
  @OptionGroup var options: OutputOptions

  func validate() throws {
    guard top >= 0 else { throw ValidationError("--top is \(top), expected 0 or more") }
    if let output, !output.hasSuffix(".svg") { throw ValidationError("--output must end in .svg, found '\(output)'") }
  }

  func run() throws {
    options.apply()
    let times = timing.start()
    let (source, plan) = try times.measure {
      let source = try model.load()
      return (source, try CompiledModel.lower(source.graph, try compileOptions(source)).plan)
    }
    times.show()
    let dims = smallestSizes(source.graph)
    guard let layout = plan.layout(dims), let bound = plan.lowerBound(dims), let scratch = plan.scratchBytes(dims)
    else {
      throw DiagnosticsError("no-plan", "the arena has no size for these dims: \(dims)")
    }
    let steps = plan.steps(for: dims)
    let pieces = zip(plan.buffers, layout.places).filter { steps.contains($0.0.firstStep) }.map {
      MemoryPiece(
        name: $0.name, offset: $1.offset, byteCount: $1.byteCount,
        steps: $0.firstStep - steps.lowerBound...max($0.firstStep, $0.lastStep) - steps.lowerBound)
    }
    if let output {
      let picture = memoryPicture(pieces, arena: layout.byteCount, bound: bound, steps: steps.count)
      try AtomicFile.write(picture, to: output)
    }
    if options.json { return printJSON(pieces, arena: layout.byteCount, bound: bound, scratch: scratch, plan, times) }
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
    for variant in plan.variants {
      let bytes = plan.arenaBytes(dims.merging(variant.sizes) { _, new in new }) ?? 0
      let isShown = steps.lowerBound == variant.firstStep
      table.rows.append([
        "own code, arena", countText(bytes), "at \(sizesText(variant.sizes))" + (isShown ? ", shown here" : ""),
      ])
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

  private func printJSON(_ pieces: [MemoryPiece], arena: Int, bound: Int, scratch: Int, _ plan: Plan, _ times: PhaseTimes?) {
    let rows = pieces.map {
      "{\"name\": \(jsonString($0.name)), \"offset\": \($0.offset), \"bytes\": \($0.byteCount), "
        + "\"first_step\": \($0.steps.lowerBound), \"last_step\": \($0.steps.upperBound)}"
    }
    Terminal.print(
      "{\"arena\": \(arena), \"lower_bound\": \(bound), \"scratch\": \(scratch), "
        + "\"weights\": \(plan.weightsByteCount), "
        + "\"fast\": [\(plan.variants.map { sizesJSON($0.sizes) }.joined(separator: ", "))], "
        + "\"buffers\": [\(rows.joined(separator: ",\n "))]\(times.jsonMember)}")
  }
}
