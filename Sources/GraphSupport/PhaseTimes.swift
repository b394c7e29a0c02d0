// SPDX-License-Identifier: Apache-2.0
// What the phases of a job take, where somebody asked for it.

import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Times of phases inside one another, and counts of what they did. Nothing is measured outside of `measure`: `timed`
/// then only calls its body.
package final class PhaseTimes: Sendable {
  /// One phase: all parts of the job that were timed under the same names.
  package struct Phase: Sendable {
    /// The names of the phases around it and its own.
    package var path: [String]
    /// From start to end, in nanoseconds; nil for phases of worker threads, which run side by side.
    package var wall: UInt64?
    /// What all threads computed for it, in nanoseconds.
    package var cpu: UInt64
    /// How often it was entered.
    package var count: Int
  }

  /// Something counted.
  package struct Count: Sendable {
    package var name: String
    package var value: Int
  }

  private struct State {
    var phases: [Phase] = []
    var places: [[String]: Int] = [:]
    var counts: [Count] = []
    var total: (wall: UInt64, cpu: UInt64) = (0, 0)
  }

  /// Where the running code stands.
  package struct Scope: Sendable {
    fileprivate let times: PhaseTimes
    fileprivate let path: [String]
    /// Whether this is one of several threads at the same phase, whose own computing counts and not the process's.
    fileprivate let isWorker: Bool
  }

  @TaskLocal fileprivate static var scope: Scope?
  private let state = Mutex(State())

  package init() {}

  /// Runs a body whose phases are recorded.
  package func measure<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
    let (wall, cpu) = (nanoseconds(CLOCK_MONOTONIC), nanoseconds(CLOCK_PROCESS_CPUTIME_ID))
    defer {
      let spent = (nanoseconds(CLOCK_MONOTONIC) - wall, nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu)
      state.withLock { $0.total = ($0.total.wall + spent.0, $0.total.cpu + spent.1) }
    }
    return try Scope(times: self, path: [], isWorker: false).run(body)
  }

  /// The phases, each followed by those inside it, in the order they were first entered.
  package var phases: [Phase] {
    let phases = state.withLock { $0.phases }
    func inside(_ path: [String]) -> [Phase] {
      phases.filter { Array($0.path.dropLast()) == path }.flatMap { [$0] + inside($0.path) }
    }
    return inside([])
  }

  package var counts: [Count] { state.withLock { $0.counts } }

  /// Of everything measured, in nanoseconds.
  package var total: (wall: UInt64, cpu: UInt64) { state.withLock { $0.total } }

  /// Makes the phase known, so that it stands before what is inside it.
  fileprivate func enter(_ path: [String], isWorker: Bool) {
    state.withLock { state in
      if state.places[path] != nil { return }
      state.places[path] = state.phases.count
      state.phases.append(Phase(path: path, wall: isWorker ? nil : 0, cpu: 0, count: 0))
    }
  }

  fileprivate func add(_ path: [String], wall: UInt64, cpu: UInt64) {
    state.withLock { state in
      guard let place = state.places[path] else { return }
      state.phases[place].wall = state.phases[place].wall.map { $0 + wall }
      state.phases[place].cpu += cpu
      state.phases[place].count += 1
    }
  }

  /// Adds to a count of the job that is being measured, if any is.
  package static func count(_ name: String, _ value: @autoclosure () -> Int) {
    guard let times = scope?.times else { return }
    let value = value()
    times.state.withLock { state in
      if let place = state.counts.firstIndex(where: { $0.name == name }) {
        state.counts[place].value += value
      } else {
        state.counts.append(Count(name: name, value: value))
      }
    }
  }

  /// For code that hands work to other threads: where it stands, or nil when nothing is measured.
  package static var workerScope: Scope? {
    scope.map { Scope(times: $0.times, path: $0.path, isWorker: true) }
  }

  /// Whether a job is being measured.
  package static var isMeasuring: Bool { scope != nil }
}

extension PhaseTimes.Scope {
  /// Runs a body as part of what this scope stands for.
  package func run<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
    try PhaseTimes.$scope.withValue(self) { Result { () throws(Failure) in try body() } }.get()
  }
}

/// Runs a phase and records what it takes where a job is being measured.
package func timed<Value, Failure: Error>(
  _ name: @autoclosure () -> String, _ body: () throws(Failure) -> Value
) throws(Failure) -> Value {
  guard let outer = PhaseTimes.scope else { return try body() }
  let inner = PhaseTimes.Scope(times: outer.times, path: outer.path + [name()], isWorker: outer.isWorker)
  inner.times.enter(inner.path, isWorker: inner.isWorker)
  let clock = inner.isWorker ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID
  let (wall, cpu) = (nanoseconds(CLOCK_MONOTONIC), nanoseconds(clock))
  defer {
    inner.times.add(inner.path, wall: nanoseconds(CLOCK_MONOTONIC) - wall, cpu: nanoseconds(clock) - cpu)
  }
  return try inner.run(body)
}

private func nanoseconds(_ clock: clockid_t) -> UInt64 {
  var time = timespec()
  clock_gettime(clock, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
