// SPDX-License-Identifier: Apache-2.0
// Phases are summed by their place, in the order they were entered, and only where somebody measures.

import Dispatch
import GraphSupport
import Testing

@Suite struct PhaseTimesTests {
  private struct Fault: Error {}

  private func names(_ times: PhaseTimes) -> [String] { times.phases.map { $0.path.joined(separator: "/") } }

  @Test func phasesNest() {
    let times = PhaseTimes()
    let answer = times.measure {
      timed("outer") {
        for _ in 0..<3 { timed("inner") { timed("deep") {} } }
        return timed("last") { 7 }
      }
    }
    times.measure { timed("outer") { timed("inner") {} } }
    #expect(answer == 7)
    #expect(names(times) == ["outer", "outer/inner", "outer/inner/deep", "outer/last"])
    #expect(times.phases.map(\.count) == [2, 4, 3, 1])
    let outer = times.phases[0]
    #expect(outer.wall ?? 0 >= times.phases[1].wall ?? .max)
    #expect(times.total.wall >= outer.wall ?? .max)
  }

  @Test func nothingIsRecordedOutside() {
    let times = PhaseTimes()
    timed("before") {}
    PhaseTimes.count("before", 1)
    #expect(!PhaseTimes.isMeasuring && PhaseTimes.workerScope == nil)
    times.measure { #expect(PhaseTimes.isMeasuring) }
    timed("after") {}
    #expect(times.phases.isEmpty && times.counts.isEmpty)
  }

  @Test func errorsPass() {
    let times = PhaseTimes()
    #expect(throws: Fault.self) {
      try times.measure { () throws(Fault) in try timed("fails") { () throws(Fault) in throw Fault() } }
    }
    #expect(names(times) == ["fails"] && times.phases[0].count == 1)
    #expect(!PhaseTimes.isMeasuring)
  }

  @Test func countsAddUp() {
    let times = PhaseTimes()
    times.measure {
      PhaseTimes.count("hits", 2)
      PhaseTimes.count("misses", 0)
      PhaseTimes.count("hits", 3)
    }
    #expect(times.counts.map(\.name) == ["hits", "misses"])
    #expect(times.counts.map(\.value) == [5, 0])
  }

  /// Workers' phases have the sum of what they computed, and no time from start to end.
  @Test func workersAreSummed() {
    let times = PhaseTimes()
    times.measure {
      timed("work") {
        guard let scope = PhaseTimes.workerScope else { return }
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
          scope.run {
            timed("part") {
              var x = 1.0
              for step in 1..<100_000 { x += 1 / (x * Double(step)) }
              #expect(x > 0)
            }
          }
        }
      }
    }
    #expect(names(times) == ["work", "work/part"])
    let (work, part) = (times.phases[0], times.phases[1])
    #expect(part.wall == nil && part.count == 4 && part.cpu > 0)
    #expect(work.wall ?? 0 > 0 && work.cpu >= part.cpu / 2)
  }
}
