// SPDX-License-Identifier: Apache-2.0
// A model with Lamina and with the other runtimes that a Python has, in turns.

import ArgumentParser
import Benchmark
import GraphOptimizer
import GraphSupport
import Lamina
import TensorCore
import TensorFiles

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Set when the user wants to stop: the runtimes end by themselves then, and what was measured is kept.
private nonisolated(unsafe) var isInterrupted: sig_atomic_t = 0

/// What one runtime did with the model.
struct PeerResult {
  var name: String
  var version: String
  /// Seconds from its start to its first result.
  var readySeconds = 0.0
  /// Nanoseconds of a call: the least of all, and the least of the turns' medians.
  var minimum = Double.infinity
  var median = Double.infinity
  /// The largest difference of any output from Lamina's, as a part of the output's largest element; nil for Lamina and
  /// where the outputs cannot be compared.
  var difference: Double?
  /// Why it did not take part.
  var failure: String?

  var hasRun: Bool { failure == nil }
}

/// Runtimes in processes of their own that take turns, so that a noisy moment hits all alike.
struct PeerRun {
  /// A runtime that the Python could have.
  struct Peer {
    var name: String
    var version: String
    /// Packages to install.
    var missing: [String]
  }

  var python: String
  var model: String
  var dims: [String]
  var threads: Int
  var precision: Precision
  var winograd: WinogradLimit
  var rounds: Int
  /// Of one turn.
  var seconds: Double
  /// How long a runtime may take to its first result.
  var patience: Double
  /// Tells what is being done.
  var progress: (String) -> Void

  /// The case's folder: the inputs, and a folder of outputs for each runtime.
  private let scratch: TemporaryFolder
  private var folder: String { scratch.path }

  init(
    python: String, model: String, dims: [String], threads: Int, precision: Precision, winograd: WinogradLimit,
    rounds: Int, seconds: Double, patience: Double, progress: @escaping (String) -> Void
  ) throws(DiagnosticsError) {
    (self.python, self.dims, self.threads) = (python, dims, threads)
    (self.precision, self.winograd) = (precision, winograd)
    (self.rounds, self.seconds, self.patience, self.progress) = (rounds, seconds, patience, progress)
    guard let whole = realpath(model, nil) else { throw SystemFailure.diagnostics("file-read", "cannot read", model) }
    self.model = String(cString: whole)
    free(whole)
    scratch = try TemporaryFolder(prefix: "lamina-peers-")
    signal(SIGINT) { _ in isInterrupted = 1 }
    try AtomicFile.write(peerProgram, to: scratch.file("peers.py"))
  }

  /// Removes what the run wrote.
  func clean() { scratch.remove() }

  /// What the Python has.
  func peers() throws -> (peers: [Peer], python: String) {
    let process = try WorkerProcess([python, "\(folder)/peers.py", "list"], log: "\(folder)/list.log")
    var peers: [Peer] = []
    do {
      while true {
        let words = try process.answer(within: 60).split(separator: " ").map(String.init)
        if words.count == 2, words[0] == "python" { return (peers, words[1]) }
        guard words.count == 4, words[0] == "peer" else { continue }
        let missing = words[3] == "-" ? [] : words[3].split(separator: ",").map(String.init)
        peers.append(Peer(name: words[1], version: words[2] == "-" ? "" : words[2], missing: missing))
      }
    } catch let failure as PeerFailure {
      throw DiagnosticsError("peer-python", "'\(python)' cannot list the runtimes it has: \(failure.reason)")
    }
  }

  /// Runs the model with Lamina and these runtimes; the first result is Lamina's.
  func run(_ peers: [Peer], inputs: [(name: String, tensor: Tensor)]) throws -> [PeerResult] {
    makeFolder("inputs")
    for input in inputs { try writeTensor(input.tensor, to: "\(folder)/inputs/\(peerFileName(input.name))") }
    var runners: [(process: WorkerProcess, result: PeerResult)] = []
    var failed: [PeerResult] = []
    for peer in [Peer(name: "lamina", version: LaminaCommand.configuration.version, missing: [])] + peers
    where isInterrupted == 0 {
      progress("starting \(peer.name)")
      var result = PeerResult(name: peer.name, version: peer.version)
      let start = ContinuousClock.now
      do {
        let process = try WorkerProcess(
          try command(peer.name), environment: ["OMP_NUM_THREADS": "\(threads)"], log: "\(folder)/\(peer.name).log")
        _ = try process.answer(within: patience)
        result.readySeconds = (ContinuousClock.now - start) / .seconds(1)
        runners.append((process, result))
      } catch let failure as PeerFailure {
        result.failure = failure.reason
        failed.append(result)
      }
    }
    for round in 0..<rounds where isInterrupted == 0 {
      progress("turn \(round + 1) of \(rounds)")
      // Another one begins each time.
      for place in runners.indices {
        let place = (place + round) % runners.count
        turn(runners[place].process, &runners[place].result)
      }
    }
    if isInterrupted != 0, runners.contains(where: { $0.result.median == .infinity }) {
      throw DiagnosticsError("interrupted", "stopped before every runtime had its turn")
    }
    for runner in runners { runner.process.send("quit") }
    for runner in runners { runner.process.end(after: 10) }
    let ours = try? outputs("lamina")
    return try (runners.map(\.result) + failed).map { result in
      var result = result
      if result.name != "lamina", result.hasRun, let ours {
        result.difference = try Self.difference(ours, outputs(result.name))
      }
      return result
    }.sorted { ($0.name == "lamina" ? 0 : 1, $0.median) < ($1.name == "lamina" ? 0 : 1, $1.median) }
  }

  private func command(_ name: String) throws -> [String] {
    guard name == "lamina" else {
      return [python, "\(folder)/peers.py", "run", name, model, folder, "\(threads)", precision.rawValue]
    }
    makeFolder(name)
    guard let program = realpath("/proc/self/exe", nil) else {
      throw SystemFailure.diagnostics("peer-start", "cannot find", "/proc/self/exe")
    }
    defer { free(program) }
    return [
      String(cString: program), "peer", "--case", folder, "--model", model, "--threads", "\(threads)", "--out",
      "\(folder)/lamina", "--precision", precision.rawValue, "--winograd", winograd.rawValue,
    ] + dims.flatMap { ["--dim", $0] }
  }

  private func turn(_ process: WorkerProcess, _ result: inout PeerResult) {
    guard result.hasRun else { return }
    process.send("go \(seconds) 3 1000000")
    do {
      let answer = try process.answer(within: 60 + 100 * seconds)
      // {"event": "slice", "ns": [min, p10, median, p90], …}
      let numbers = answer.drop { $0 != "[" }.dropFirst().prefix { $0 != "]" }
        .split(separator: ",").compactMap { Double($0.filter { $0 != " " }) }
      guard numbers.count >= 3 else { throw PeerFailure(reason: "found '\(answer)', expected times") }
      result.minimum = min(result.minimum, numbers[0])
      result.median = min(result.median, numbers[2])
    } catch let failure as PeerFailure {
      if isInterrupted == 0 { result.failure = failure.reason }
    } catch {}
  }

  // MARK: Outputs

  private func outputs(_ name: String) throws -> [String: Tensor] {
    var tensors: [String: Tensor] = [:]
    for file in TemporaryFolder.names(in: "\(folder)/\(name)") where file.hasSuffix(".npy") {
      tensors[file] = try readTensor("\(folder)/\(name)/\(file)")
    }
    return tensors
  }

  /// Nil when the outputs are not the same ones. A single output has the same name everywhere, if need be.
  private static func difference(_ ours: [String: Tensor], _ theirs: [String: Tensor]) -> Double? {
    var pairs = ours.compactMap { name, tensor in theirs[name].map { (tensor, $0) } }
    if pairs.isEmpty, ours.count == 1, theirs.count == 1 { pairs = zip(ours.values, theirs.values).map { ($0, $1) } }
    guard pairs.count == ours.count, pairs.allSatisfy({ $0.count == $1.count }) else { return nil }
    var worst = 0.0
    for (ours, theirs) in pairs {
      let (x, y) = (ours.doubles(), theirs.doubles())
      let largest = y.reduce(0) { max($0, $1.magnitude) }
      for (x, y) in zip(x, y) where x != y && !(x.isNaN && y.isNaN) {
        let difference = (x - y).magnitude / (largest > 0 ? largest : 1)
        worst = difference.isNaN ? .infinity : max(worst, difference)
      }
    }
    return worst
  }

  private func makeFolder(_ name: String) { mkdir("\(folder)/\(name)", 0o777) }
}

/// The file of a tensor in a case's folder: names may be paths.
func peerFileName(_ name: String) -> String { String(name.map { $0 == "/" ? "_" : $0 }) + ".npy" }
