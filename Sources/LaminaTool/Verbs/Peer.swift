// SPDX-License-Identifier: Apache-2.0
// `lamina peer`: takes part in a benchmark of several runtimes, under the orders of the program that measures them all.

import ArgumentParser
import GraphIR
import GraphLayers
import GraphSupport
import Lamina
import PlanIR
import TensorCore
import TensorFiles

/// Reads a case (`model.onnx`, `inputs/NAME.npy` with `_` for `/`), runs it once, writes `OUT/NAME.npy`, says `ready`, and then times
/// calls back to back for every line `go SECONDS MIN MAX` on standard input, until `quit`.
struct Peer: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Take part in a side-by-side benchmark.",
    discussion: "Example: lamina peer --case cases/mlp_b1 --threads 1 --out results",
    shouldDisplay: false)

  @Option(name: .customLong("case"), help: ArgumentHelp("The folder of the case.", valueName: "folder"))
  var folder: String
  @Option(help: ArgumentHelp("The model, when it is not the case's model.onnx.", valueName: "path"))
  var model: String?
  @Option(help: ArgumentHelp("Fix a named size.", valueName: "name=size"))
  var dim: [String] = []
  @Option(help: ArgumentHelp("The most threads to use.", valueName: "number"))
  var threads = 1
  @Option(help: ArgumentHelp("Where to write the outputs of the first call.", valueName: "folder"))
  var out: String
  @OptionGroup var precision: PrecisionOptions

  func run() throws {
    let start = ContinuousClock.now
    let source = try ModelSource.load(
      model ?? "\(folder)/model.onnx", options: ResolveOptions(dims: try LoadOptions.sizes(dim)))
    let inputs = try source.graph.inputs.map { input in
      let name = source.graph[input].name ?? ""
      return try readTensor("\(folder)/inputs/\(peerFileName(name))")
    }
    let loaded = ContinuousClock.now
    let model = try CompiledModel(source.graph, try compileOptions(source, precision))
    let compiled = ContinuousClock.now
    var session = try ModelSession(model, inputs, threads: threads)
    try session.run()
    let done = ContinuousClock.now
    for (port, tensor) in zip(model.plan.outputs, session.outputs) {
      try writeTensor(tensor, to: "\(out)/\(peerFileName(port.name))")
    }
    say(
      "{\"event\": \"ready\", \"import_s\": 0, \"load_s\": \(seconds(loaded - start)), "
        + "\"compile_s\": \(seconds(compiled - loaded)), \"first_s\": \(seconds(done - compiled))}")
    while let line = readLine() {
      let words = line.split(separator: " ")
      if words.first == "quit" { break }
      guard words.count == 4, words[0] == "go", let limit = Double(words[1]), let least = Int(words[2]),
        let most = Int(words[3])
      else { throw ValidationError("found '\(line)' on standard input, expected 'go SECONDS MIN MAX' or 'quit'") }
      let times = try slice(&session, seconds: limit, least: least, most: most).sorted()
      guard let first = times.first else { continue }
      let parts = [first] + [0.1, 0.5, 0.9].map { times[Int(Double(times.count - 1) * $0)] }
      say("{\"event\": \"slice\", \"ns\": \(parts), \"n\": \(times.count)}")
    }
    say("{\"event\": \"bye\"}")
  }

  /// The nanoseconds of each call of a slice.
  private func slice(_ session: inout ModelSession, seconds limit: Double, least: Int, most: Int) throws -> [Int] {
    var times: [Int] = []
    let end = ContinuousClock.now + .seconds(limit)
    var before = ContinuousClock.now
    while times.count < most && (times.count < least || before < end) {
      try session.run()
      let after = ContinuousClock.now
      let (seconds, attoseconds) = (after - before).components
      times.append(Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000))
      before = after
    }
    return times
  }

  private func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }

  private func say(_ text: String) { Terminal.print("@@PEER \(text)") }
}
