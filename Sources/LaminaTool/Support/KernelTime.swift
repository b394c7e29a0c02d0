// SPDX-License-Identifier: Apache-2.0
// What the kernels of a model take, and what the machine needs at least.

import Benchmark
import GraphDrawing
import GraphLowering
import KernelIR
import Lamina
import PlanIR
import TensorCore

/// One kernel's share of a call: all steps that call it to compute the same boxes.
struct KernelTime {
  var kernel: String
  var label: String
  var calls = 0
  var nanoseconds = 0.0
  var flops = 0.0
  /// Those of bf16 operands among them.
  var halfFlops = 0.0
  /// What is read and written at least: every buffer once.
  var bytes = 0.0

  static func all(_ model: LoweredModel, _ times: [Double], _ dims: [String: Int]) -> [KernelTime] {
    var rows: [String: KernelTime] = [:]
    // Of what differs from iteration to iteration, the first.
    let counters = model.plan.steps.compactMap { step in
      if case .loop(_, let counter, _, _, _, _) = step.control { counter } else { nil }
    }
    let dims = dims.merging(counters.map { ($0, 0) }) { size, _ in size }
    let iterations = iterations(model.plan, dims)
    for number in model.plan.steps(for: dims) {
      let step = model.plan.steps[number]
      let kernel = step.control == nil ? model.kernels[step.kernel].name : "control"
      var row = rows["\(kernel) \(step.label)"] ?? KernelTime(kernel: kernel, label: step.label)
      let count = iterations[number]
      row.calls += count
      row.nanoseconds += max(times[number], 1)
      if step.control == nil {
        let sizes = step.sizes.map { $0.evaluate(dims) ?? 0 }
        let cost = cost(model.kernels[step.kernel], sizes, tiles: step.tiles.evaluate(dims) ?? 0)
        row.flops += cost.flops * Double(count)
        row.halfFlops += cost.halfFlops * Double(count)
        let bytes = Set(step.buffers.map(\.space)).reduce(0) { $0 + byteCount($1, model.plan, dims) }
        row.bytes += Double(bytes) * Double(count)
      }
      rows["\(kernel) \(step.label)"] = row
    }
    return Array(rows.values)
  }

  /// How often each step runs in one call, as far as sizes tell; loops that values end are taken as one iteration.
  private static func iterations(_ plan: Plan, _ dims: [String: Int]) -> [Int] {
    var counts = [Int](repeating: 1, count: plan.steps.count)
    for (number, step) in plan.steps.enumerated() {
      guard case .loop(let body, _, _, limit: false, condition: false, next: false) = step.control,
        let trips = step.tiles.evaluate(dims)
      else { continue }
      for inside in (number + 1)..<min(number + 1 + body, counts.count) {
        counts[inside] = counts[inside].multipliedReportingOverflow(by: trips).partialValue
      }
    }
    return counts
  }

  /// The arithmetic of all tiles; of many, some are taken for all.
  private static func cost(_ kernel: Kernel, _ sizes: [Int], tiles: Int) -> (flops: Double, halfFlops: Double) {
    let sample = stride(from: 0, to: tiles, by: tiles / 1024 + 1).map {
      KernelCost.estimate(kernel, sizes: sizes, tile: $0)
    }
    let share = Double(tiles) / Double(max(sample.count, 1))
    return (sample.reduce(0) { $0 + $1.flops } * share, sample.reduce(0) { $0 + $1.halfFlops } * share)
  }

  private static func byteCount(_ space: Plan.Space, _ plan: Plan, _ dims: [String: Int]) -> Int {
    func bytes(_ port: Plan.Port) -> Int { (port.type.elementCount.evaluate(dims) ?? 0) * port.type.dtype.size }
    return switch space {
    case .arena(let number): plan.buffers[number].byteCount.evaluate(dims) ?? 0
    case .constant(let number): plan.constants[number].byteCount
    case .input(let number): bytes(plan.inputs[number])
    case .output(let number): bytes(plan.outputs[number])
    }
  }

  /// What the machine needs at least: for the arithmetic as multiply-adds, or for reading and writing.
  func limit(_ peak: Peak) -> (nanoseconds: Double, name: String) {
    let perCall = bytes / Double(max(calls, 1))
    let compute = (flops - halfFlops) / peak.flops + halfFlops / peak.halfFlops
    let memory = bytes / peak.read(Int(perCall))
    return compute >= memory ? (compute, "arithmetic") : (memory, "memory")
  }
}

extension Roofline {
  /// The kernels of a model under the roofs of one core.
  init(_ rows: [KernelTime], _ peak: Peak, title: String, subtitle: String) {
    var flat = [Roof("multiply-adds", peak.flops)]
    if rows.contains(where: { $0.halfFlops > 0 }) { flat.append(Roof("bf16 multiply-adds", peak.halfFlops)) }
    self.init(
      title: title, subtitle: subtitle, arithmetic: flat,
      memories: peak.memories.map { Roof("\($0.name) \(bytesText($0.bytes))", $0.read) },
      dots: rows.map { row in
        let limit = row.limit(peak)
        return Dot(
          row.label.isEmpty ? row.kernel : "\(row.label) (\(row.kernel))", flops: row.flops, bytes: row.bytes,
          nanoseconds: row.nanoseconds, limitNanoseconds: limit.nanoseconds, isBoundByMemory: limit.name == "memory")
      })
  }
}
