// SPDX-License-Identifier: Apache-2.0
// `lamina bench --peers`: a model side by side with other runtimes.

import ArgumentParser
import GraphIR
import GraphOptimizer
import GraphSupport
import Lamina
import TensorCore

struct PeerOptions: ParsableArguments {
  @Flag(help: "Run an ONNX model with other runtimes too, in turns, and print the ratios.")
  var peers = false
  @Option(help: ArgumentHelp("With --peers: only this runtime.", valueName: "name"))
  var peer: [String] = []
  @Option(help: ArgumentHelp("With --peers: the Python that has them.", valueName: "path"))
  var python = "python3"
  @Option(help: ArgumentHelp("With --peers: how many turns each has.", valueName: "number"))
  var rounds = 7
  @Option(help: ArgumentHelp("With --peers: how long one may take to its first result.", valueName: "seconds"))
  var patience = 300.0

  func validate() throws {
    guard rounds > 0, rounds <= 1000 else { throw ValidationError("--rounds is \(rounds), expected 1 to 1000") }
    guard patience > 0, patience <= 86400 else { throw ValidationError("--patience is \(patience), expected up to 86400") }
    guard peers || peer.isEmpty else { throw ValidationError("--peer goes with --peers") }
  }
}

extension Bench {
  /// The largest difference, as a part of an output's largest element, at which runtimes agree.
  private static func tolerance(_ precision: Precision) -> Double { precision == .f32 ? 1e-3 : 5e-2 }

  func comparePeers(_ file: String) throws {
    guard ModelSource.isONNX(file) else {
      throw DiagnosticsError("peer-model", "other runtimes read ONNX models, found '\(file)'", file: file)
    }
    let source = try model.load(file)
    let precision = precision.precision ?? source.precision
    let ports = source.graph.inputs.map { (name: source.graph[$0].name ?? "", type: source.graph.type($0)) }
    let inputs = try randomInputs(ports, seed: 1, dims: smallestSizes(source.graph))
    let threads = threads == 0 ? processorCount() : threads
    let progress = Progress(isQuiet: options.quiet)
    let run = try PeerRun(
      python: peerOptions.python, model: file, dims: model.dim, threads: threads, precision: precision,
      winograd: self.precision.winograd ?? source.winograd, rounds: peerOptions.rounds,
      seconds: seconds / Double(peerOptions.rounds), patience: peerOptions.patience
    ) { progress.show($0) }
    defer { run.clean() }
    let known = try run.peers()
    let wanted = try chosen(known.peers)
    let results = try run.run(
      wanted.filter { $0.missing.isEmpty }, inputs: zip(ports, inputs).map { ($0.name, $1) })
    progress.finish()
    let absent = wanted.filter { !$0.missing.isEmpty }
    let ours = results.first { $0.name == "lamina" }
    let best = results.filter { $0.name != "lamina" && $0.hasRun }.min { $0.median < $1.median }
    if options.json {
      Terminal.print(json(results, absent, ours, best, threads, precision, python: known.python))
    } else {
      Terminal.print(table(results, ours, threads, precision, python: known.python))
      if let ours, let best, ours.hasRun {
        Terminal.print("\nLamina ÷ \(best.name): \(decimals(ours.median / best.median, 2))")
      }
      for peer in options.quiet ? [] : absent {
        Terminal.print(
          "not found: \(peer.name); \(peerOptions.python) -m pip install \(peer.missing.joined(separator: " "))")
      }
    }
    if let failure = ours?.failure { throw InternalError("Lamina did not run: \(failure)") }
    // One that computes something else may be wrong; all of them are not.
    let differences = results.compactMap(\.difference)
    if let least = differences.min(), !(least <= Self.tolerance(precision)) {
      throw FoundDifference(message: "no other runtime computes the same: the difference is \(short(least)) at least")
    }
  }

  private func chosen(_ peers: [PeerRun.Peer]) throws -> [PeerRun.Peer] {
    for name in peerOptions.peer where !peers.contains(where: { $0.name == name }) {
      let names = peers.map(\.name)
      throw DiagnosticsError([
        Diagnostic(
          .error, "unknown-peer", "unknown runtime '\(name)', expected \(names.joined(separator: ", "))",
          fixIt: nearest(name, among: names))
      ])
    }
    return peerOptions.peer.isEmpty ? peers : peers.filter { peerOptions.peer.contains($0.name) }
  }

  private func short(_ value: Double) -> String {
    value == 0 ? "0" : value.isFinite ? NumberText.short(value, digits: 2) : "\(value)"
  }

  private func table(
    _ results: [PeerResult], _ ours: PeerResult?, _ threads: Int, _ precision: Precision, python: String
  ) -> String {
    var table = Table(
      headings: ["runtime", "version", "first result", "min", "median", "Lamina ÷ it", "difference", ""],
      numeric: [2, 3, 4, 5, 6])
    for result in results {
      guard result.hasRun else {
        table.rows.append([result.name, result.version, "", "", "", "", "", result.failure ?? ""])
        continue
      }
      let ratio = result.name == "lamina" ? nil : ours.map { decimals($0.median / result.median, 2) }
      table.rows.append([
        result.name, result.version, timeText(result.readySeconds * 1e9), timeText(result.minimum),
        timeText(result.median), ratio ?? "", result.name == "lamina" ? "" : result.difference.map(short) ?? "–",
      ])
    }
    return "\(precision), \(threads) thread\(threads == 1 ? "" : "s"), Python \(python)\n\n\(table.text)"
  }

  private func json(
    _ results: [PeerResult], _ absent: [PeerRun.Peer], _ ours: PeerResult?, _ best: PeerResult?, _ threads: Int,
    _ precision: Precision, python: String
  ) -> String {
    func number(_ value: Double?) -> String { value.map { $0.isFinite ? "\($0)" : "null" } ?? "null" }
    let rows = results.map { result in
      "{\"name\": \(jsonString(result.name)), \"version\": \(jsonString(result.version)), "
        + "\"ready_s\": \(number(result.hasRun ? result.readySeconds : nil)), \"min_ns\": \(number(result.minimum)), "
        + "\"median_ns\": \(number(result.median)), \"difference\": \(number(result.difference)), "
        + "\"failure\": \(result.failure.map(jsonString) ?? "null")}"
    }
    let missing = absent.map { peer in
      "{\"name\": \(jsonString(peer.name)), \"install\": [\(peer.missing.map(jsonString).joined(separator: ", "))]}"
    }
    var ratio: Double?
    if let ours, let best, ours.hasRun { ratio = ours.median / best.median }
    return "{\"threads\": \(threads), \"precision\": \(jsonString(precision.rawValue)), "
      + "\"python\": \(jsonString(python)), \"best\": \(best.map { jsonString($0.name) } ?? "null"), "
      + "\"ratio\": \(number(ratio)),\n \"runtimes\": [\(rows.joined(separator: ",\n  "))],\n "
      + "\"missing\": [\(missing.joined(separator: ", "))]}"
  }
}
