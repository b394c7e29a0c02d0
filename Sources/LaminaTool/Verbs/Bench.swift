// SPDX-License-Identifier: Apache-2.0
// `lamina bench`: how fast a model runs, kernel by kernel, against what this machine reaches in the same run.

import ArgumentParser
import Benchmark
import GraphDrawing
import GraphLowering
import GraphSupport
import KernelIR
import LLVMBackend
import Lamina
import PlanIR
import TensorCore

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a model's speed, kernel by kernel.",
    discussion: """
      Example: lamina bench graphs/digits.graph --threads 1

      The inputs are random. Times are of whole calls, one after the other; kernels are timed in calls of their own and
      compared with the multiply-adds and the memory bandwidth that the machine reaches in the same run, whichever
      limits them: 100 % is the physical limit of one core. -o roofline.svg draws them under the roofs of the machine.
      With --kernels, the kernels that goals are set for are measured instead, each alone.

      With --peers, an ONNX model is run by other runtimes too, those that the Python has: onnxruntime, OpenVINO,
      LiteRT (MODEL.tflite beside the model), IREE, TVM, PyTorch, JAX and tinygrad. Each has a process of its own and
      the same inputs; they take turns, so that a noisy moment hits all alike, and a figure is the smallest of the
      turns' medians.
      """)

  @Argument(help: ArgumentHelp("The model.", valueName: "file"))
  var file: String?
  @OptionGroup var model: LoadOptions
  @Option(help: ArgumentHelp("The most threads to use; 0 for all cores this process may use.", valueName: "number"))
  var threads = 0
  @Option(help: ArgumentHelp("How long to measure.", valueName: "seconds"))
  var seconds = 1.0
  @Option(help: ArgumentHelp("How many kernels to list, the slowest first; 0 for all.", valueName: "number"))
  var top = 20
  @Option(
    name: .shortAndLong, help: ArgumentHelp("Draw the kernels under the machine's limits: an .svg.", valueName: "path"))
  var output: String?
  @Flag(help: "Measure the kernels that goals are set for.")
  var kernels = false
  @Option(help: ArgumentHelp("With --kernels: only cases whose group or name contains this.", valueName: "text"))
  var filter: String?
  @OptionGroup var precision: PrecisionOptions
  @OptionGroup var peerOptions: PeerOptions
  @OptionGroup var tuning: TuningOptions
  @OptionGroup var timing: TimingOptions
  @OptionGroup var options: OutputOptions

  func validate() throws {
    guard kernels != (file != nil) else { throw ValidationError("bench takes a model, or --kernels") }
    guard !kernels || !timing.timings else { throw ValidationError("--timings is of a model's compilation") }
    guard !kernels || output == nil else { throw ValidationError("--output is a picture of a model's kernels") }
    if let output, !output.hasSuffix(".svg") { throw ValidationError("--output must end in .svg, found '\(output)'") }
    guard seconds > 0, seconds <= 3600 else { throw ValidationError("--seconds is \(seconds), expected up to 3600") }
    guard !tuning.tune || !(kernels || peerOptions.peers) else { throw ValidationError("--tune is of a model's kernels") }
    guard !kernels || !peerOptions.peers else { throw ValidationError("--peers runs a model, not --kernels") }
    guard threads >= 0 else { throw ValidationError("--threads is \(threads), expected 0 or more") }
    guard top >= 0 else { throw ValidationError("--top is \(top), expected 0 or more") }
  }

  func run() throws {
    options.apply()
    let target = try compileOptions().target
    guard TargetDescription.native.features.isSuperset(of: target.features) else {
      throw ValidationError("this processor cannot run code for '\(target.name)'")
    }
    if peerOptions.peers, let file { return try comparePeers(file) }
    let peak = try Peak.measure(Settings(target: target, repeats: kernels ? 50 : 10))
    if kernels {
      try measureKernels(target, peak)
    } else if let file {
      let times = timing.start()
      try measure(try times.measure { try model.load(file) }, target, peak, times)
    }
  }

  // MARK: A model

  private func measure(
    _ source: ModelSource, _ target: TargetDescription, _ peak: Peak, _ phases: PhaseTimes?
  ) throws {
    let compile = try tuning.tuned(source, try compileOptions(source, precision), options)
    let compiled = try phases.measure { try CompiledModel(source.graph, compile) }
    let ports = compiled.plan.inputs.map { (name: $0.name, type: $0.type) }
    var session = try ModelSession(
      compiled, try randomInputs(ports, seed: 1, dims: smallestSizes(source.graph)), threads: threads)
    try session.run()
    let times = try calls(&session).sorted()
    var steps = try session.profile().map { Double($0) }
    // The least of some calls: a step is disturbed in some of them only.
    let end = ContinuousClock.now + .seconds(seconds)
    var count = 1
    while count < 1000, count < 5 || ContinuousClock.now < end {
      for (step, time) in try session.profile().enumerated() { steps[step] = min(steps[step], Double(time)) }
      count += 1
    }
    let rows = KernelTime.all(compiled.lowered, steps, session.dims).sorted { $0.nanoseconds > $1.nanoseconds }
    if let output {
      let calls = "median \(timeText(quantile(times, 0.5))); kernels of one call"
      let picture = Roofline(rows, peak, title: source.path, subtitle: "\(target.name), one core; \(calls)")
      try AtomicFile.write(picture.svg(), to: output)
    }
    if options.json {
      printJSON(times, rows, peak, phases)
    } else {
      phases.show()
      printTables(times, rows, peak, target, session.arenaByteCount)
    }
  }

  /// The nanoseconds of calls back to back.
  private func calls(_ session: inout ModelSession) throws -> [Double] {
    var times: [Double] = []
    var before = ContinuousClock.now
    let end = before + .seconds(seconds)
    while times.count < 1_000_000, times.count < 5 || before < end {
      try session.run()
      let after = ContinuousClock.now
      let (seconds, attoseconds) = (after - before).components
      times.append(Double(seconds) * 1e9 + Double(attoseconds) * 1e-9)
      before = after
    }
    return times
  }

  private func quantile(_ times: [Double], _ part: Double) -> Double { times[Int(Double(times.count - 1) * part)] }

  private func printTables(
    _ times: [Double], _ rows: [KernelTime], _ peak: Peak, _ target: TargetDescription, _ arenaByteCount: Int
  ) {
    let total = rows.reduce(0) { $0 + $1.nanoseconds }
    Terminal.print(
      "\(times.count) calls: min \(timeText(times[0])), median \(timeText(quantile(times, 0.5))), "
        + "p99 \(timeText(quantile(times, 0.99))); arena \(bytesText(arenaByteCount))")
    if options.quiet { return }
    Terminal.print(
      "\(target.name), \(target.vectorBits)-bit vectors, one core: \(decimals(peak.flops, 0)) GFLOP/s"
        + (peak.halfFlops > peak.flops ? " (bf16 \(decimals(peak.halfFlops, 0)))" : "") + "; "
        + peak.levels.map { "\($0.name) \(bytesText($0.bytes)) \(decimals($0.read, 0)) GB/s" }.joined(separator: ", ")
        + "\n")
    var table = Table(headings: ["time", "share", "GFLOP/s", "GB/s", "of limit", "limit", "calls", "kernel", "computes"])
    table.numeric = [0, 1, 2, 3, 4, 6]
    for row in top == 0 ? rows[...] : rows.prefix(top) {
      let limit = row.limit(peak)
      table.rows.append([
        timeText(row.nanoseconds), "\(decimals(row.nanoseconds / total * 100, 1)) %",
        decimals(row.flops / row.nanoseconds, 1), decimals(row.bytes / row.nanoseconds, 1),
        "\(decimals(limit.nanoseconds / row.nanoseconds * 100, 0)) %", limit.name, "\(row.calls)", row.kernel,
        row.label,
      ])
    }
    Terminal.print(table.text)
    if top > 0 && rows.count > top { Terminal.print("… and \(rows.count - top) more (--top 0)") }
    if let output { Terminal.print("\n\(output)") }
  }

  private func printJSON(_ times: [Double], _ rows: [KernelTime], _ peak: Peak, _ phases: PhaseTimes?) {
    let kernels = rows.map { row in
      "{\"kernel\": \(jsonString(row.kernel)), \"computes\": \(jsonString(row.label)), \"calls\": \(row.calls), "
        + "\"ns\": \(row.nanoseconds), \"flops\": \(row.flops), \"bytes\": \(row.bytes), "
        + "\"limit_ns\": \(row.limit(peak).nanoseconds), \"limit\": \(jsonString(row.limit(peak).name))}"
    }
    Terminal.print(
      "{\"calls\": \(times.count), \"min_ns\": \(times[0]), \"median_ns\": \(quantile(times, 0.5)), "
        + "\"p99_ns\": \(quantile(times, 0.99)), \"peak_gflops\": \(peak.flops), \"peak_bf16_gflops\": \(peak.halfFlops), "
        + "\"kernels\": [\(kernels.joined(separator: ",\n "))]\(phases.jsonMember)}")
  }

  // MARK: Kernels alone

  private func measureKernels(_ target: TargetDescription, _ peak: Peak) throws {
    var table = Table(headings: ["group", "case", "time", "rate", "", "of", "the machine's", "compile"])
    table.numeric = [2, 3, 5, 7]
    var json: [String] = []
    try KernelBenchmark(Settings(target: target, repeats: 50), peak, filter: filter) { row in
      let percent = row.ratio.map { decimals($0.value * 100, 1) }
      table.rows.append([
        row.group, row.name, timeText(row.nanoseconds), decimals(row.rate, 2), row.unit,
        percent.map { "\($0) %" } ?? "", row.ratio?.of ?? "",
        row.compileMilliseconds.map { "\(decimals($0, 1)) ms" } ?? "",
      ])
      json.append(
        "{\"group\": \(jsonString(row.group)), \"name\": \(jsonString(row.name)), \"ns\": \(row.nanoseconds), "
          + "\"rate\": \(row.rate), \"unit\": \(jsonString(row.unit)), \"percent\": \(percent ?? "null")}")
    }.run()
    Terminal.print(options.json ? "[\(json.joined(separator: ",\n "))]" : table.text)
  }
}
