// SPDX-License-Identifier: Apache-2.0
// `--timings`: what each phase of reading and compiling a model takes.

import ArgumentParser
import GraphSupport

struct TimingOptions: ParsableArguments {
  @Flag(help: "Show what each phase of reading and compiling takes, on standard error or in the JSON.")
  var timings = false

  /// Where a verb's phases are recorded; nil when nobody asked.
  func start() -> PhaseTimes? { timings ? PhaseTimes() : nil }
}

extension PhaseTimes? {
  /// Runs a part of a verb, and records its phases when somebody asked.
  func measure<Value>(_ body: () throws -> Value) throws -> Value {
    switch self {
    case nil: try body()
    case let times?: try times.measure(body)
    }
  }

  /// Shows the times on standard error; those of JSON stand in it.
  func show() {
    if let self, !Terminal.writesJSON { Terminal.error(self.table) }
  }

  /// `, "timings": {…}`, or nothing.
  var jsonMember: String { map { ", \"timings\": \($0.json)" } ?? "" }
}

extension PhaseTimes {
  private func milliseconds(_ nanoseconds: UInt64) -> String { decimals(Double(nanoseconds) * 1e-6, 3) }

  private func share(_ part: UInt64, _ whole: UInt64) -> String {
    whole == 0 ? "" : "\(decimals(Double(part) / Double(whole) * 100, 1)) %"
  }

  /// Each phase with those inside it. Phases of worker threads have no time from start to end of their own: their
  /// share is one of the computing.
  var table: String {
    var table = Table(headings: ["phase", "ms", "share", "CPU ms", "CPU share", "times"], numeric: [1, 2, 3, 4, 5])
    let total = total
    func row(_ name: String, _ wall: UInt64?, _ cpu: UInt64, _ count: String) -> [String] {
      [
        name, wall.map(milliseconds) ?? "", wall.map { share($0, total.wall) } ?? "", milliseconds(cpu),
        share(cpu, total.cpu), count,
      ]
    }
    let phases = phases
    for phase in phases {
      let indent = String(repeating: "  ", count: phase.path.count - 1)
      table.rows.append(row(indent + (phase.path.last ?? ""), phase.wall, phase.cpu, "\(phase.count)"))
    }
    let outer = phases.filter { $0.path.count == 1 }
    let (wall, cpu) = outer.reduce((0, 0) as (UInt64, UInt64)) { ($0.0 + ($1.wall ?? 0), $0.1 + $1.cpu) }
    table.rows.append(row("other", total.wall - min(wall, total.wall), total.cpu - min(cpu, total.cpu), ""))
    table.rows.append(row("total", total.wall, total.cpu, ""))
    let counts = counts.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    return counts.isEmpty ? table.text : "\(table.text)\n\(counts)"
  }

  var json: String {
    let rows = phases.map { phase in
      "{\"phase\": [\(phase.path.map(jsonString).joined(separator: ", "))], "
        + "\"ns\": \(phase.wall.map { "\($0)" } ?? "null"), \"cpu_ns\": \(phase.cpu), \"times\": \(phase.count)}"
    }
    let counts = counts.map { "\(jsonString($0.name)): \($0.value)" }.joined(separator: ", ")
    return "{\"ns\": \(total.wall), \"cpu_ns\": \(total.cpu), \"counts\": {\(counts)},\n "
      + "\"phases\": [\(rows.joined(separator: ",\n  "))]}"
  }
}
