// SPDX-License-Identifier: Apache-2.0
// Checks compiled f32 functions against exact values, for all 2^32 inputs unless told otherwise.

import ArgumentParser
import Foundation
import LLVMBackend
import MathAccuracy
import TensorCore

@main struct UlpCheck: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ulp",
    abstract: "Measures the error of compiled f32 functions in units of the last place, over all 2^32 inputs.",
    discussion: """
      Functions are those of kernels ('exp'), operators those of graphs with one operand ('Selu'), with their default \
      attributes. The exact value is computed in double precision by the C library, with formulas that do not cancel. A \
      result that is NaN, infinite or a zero of the wrong sign where the exact value is not counts as a mismatch.

      Example: ulp --function exp --function Selu --stride 101
      """)

  @Option(help: "A function or operator to check, several times for several; all when not given.")
  var function: [String] = []

  @Option(help: "Check every Nth bit pattern.")
  var stride: Int = 1

  @Option(help: "The processor to make code for: native, x86-64-v2, x86-64-v3 or x86-64-v4.")
  var cpu = "native"

  @Option(help: "How many threads to use.")
  var threads: Int = max(1, ProcessInfo.processInfo.activeProcessorCount)

  @Option(help: "The largest error that counts as right.")
  var limit: Double = 2

  @Flag(help: "Print JSON, a line a function.")
  var json = false

  func validate() throws {
    guard stride > 0, stride < 1 << 32 else { throw ValidationError("--stride is \(stride), expected 1 or more") }
    guard threads > 0, threads <= 1024 else { throw ValidationError("--threads is \(threads), expected 1 or more") }
    let known = CheckedFunction.all.map(\.name)
    for name in function where !known.contains(name) {
      throw ValidationError("unknown function '\(name)', expected one of \(known.joined(separator: ", "))")
    }
  }

  func run() async throws {
    let target = try TargetDescription.named(cpu)
    guard TargetDescription.native.features.isSuperset(of: target.features) else {
      throw ValidationError("this processor cannot run code for '\(cpu)'")
    }
    let functions = function.isEmpty ? CheckedFunction.all : CheckedFunction.all.filter { function.contains($0.name) }
    if !json { print("function          max ULP  at input        gives          mismatches  seconds") }
    var isRight = true
    for function in functions {
      let start = Date()
      let compiled = try CompiledFunction(function, target)
      let step = UInt64(stride)
      let workers = UInt64(threads)
      var report = AccuracyReport()
      await withTaskGroup(of: AccuracyReport.self) { group in
        for worker in 0..<workers {
          group.addTask {
            AccuracyCheck.run(compiled, function.reference, first: worker * step, stride: workers * step)
          }
        }
        for await part in group { report.merge(part) }
      }
      isRight = isRight && report.worstError <= limit && report.mismatches == 0
      show(function.name, report, Date().timeIntervalSince(start))
    }
    if !isRight { throw ExitCode(3) }
  }

  private func show(_ name: String, _ report: AccuracyReport, _ seconds: Double) {
    func hex(_ x: Float) -> String { String(format: "%a", Double(x)) }
    let error = String(format: "%.4f", report.worstError)
    if json {
      print(
        "{\"function\": \"\(name)\", \"inputs\": \(report.inputs), \"max_ulp\": \(error), "
          + "\"at\": \"\(hex(report.worstInput))\", \"mismatches\": \(report.mismatches)}")
    } else {
      let columns = [
        name.padding(toLength: 16, withPad: " ", startingAt: 0),
        String(repeating: " ", count: max(0, 8 - error.count)) + error,
        hex(report.worstInput).padding(toLength: 15, withPad: " ", startingAt: 0),
        "\(report.worstResult)".padding(toLength: 14, withPad: " ", startingAt: 0),
        "\(report.mismatches)".padding(toLength: 10, withPad: " ", startingAt: 0), String(format: "%.1f", seconds),
      ]
      print(columns.joined(separator: "  "))
      if let wrong = report.firstMismatch {
        print("  for \(wrong.input) (\(hex(wrong.input))): \(wrong.result), expected \(wrong.expected)")
      }
    }
    fflush(nil)
  }
}
