// SPDX-License-Identifier: Apache-2.0
// Contexts bind, run and refuse as the header says.

import CLaminaRuntime
import Foundation
import LaminaRuntime
import PlanIR
import TensorCore
import Testing

/// The status that a call fails with.
private func status(_ body: () throws -> Void) -> lamina_status {
  do {
    try body()
    return LAMINA_OK
  } catch {
    return (error as? RuntimeError)?.status ?? LAMINA_STATUS_COUNT
  }
}

@Suite struct ContextTests {
  @Test func runsAtEverySize() throws {
    let memory = try TestModel()
    var context = try Context(memory.model())
    for n in [1, 3, 0, 64, 2, 1000] {
      try context.bind([n])
      #expect(context.inputByteCount(0) == n * testColumns * 4 && context.outputByteCount(1) == 0)
      #expect(context.arenaByteCount == (try #require(testPlan().arenaBytes(["N": n]))) + 128)
      #expect(try run(&context, n) == testOutput(n))
      #expect(try run(&context, n) == testOutput(n))
    }
  }

  @Test(arguments: [1, 2, 3, 7, 0]) func sameBitsWithAnyThreads(threads: Int) throws {
    let memory = try TestModel(testPlan(nanosecondsPerTile: 500))
    var context = try Context.bound(memory.model(), dims: [513], threads: threads)
    for _ in 0..<50 { #expect(try run(&context, 513) == testOutput(513)) }
  }

  /// Threads that went to sleep between runs are woken, and nothing is lost on the way.
  @Test func sleepingThreadsWakeUp() throws {
    let memory = try TestModel(testPlan(nanosecondsPerTile: 5000))
    var context = try Context.bound(memory.model(), dims: [64], threads: 2)
    for pause in 0..<60 {
      #expect(try run(&context, 64) == testOutput(64))
      usleep(UInt32(pause % 4) * 40)
    }
  }

  @Test func contextsShareAPool() async throws {
    let pool = try #require(ThreadPool(threads: 3))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for n in [100, 200, 301] {
        group.addTask {
          let memory = try TestModel(testPlan(nanosecondsPerTile: 2000))
          var context = try Context.bound(memory.model(), dims: [n], threads: 3, pool: pool)
          for _ in 0..<50 { #expect(try run(&context, n) == testOutput(n)) }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test func hostThreadsDoTheWork() throws {
    let memory = try TestModel(testPlan(nanosecondsPerTile: 500))
    var context = try Context(memory.model())
    var parts = 0
    try withUnsafeMutablePointer(to: &parts) { parts in
      context.useHostThreads(
        { host, count, body, argument in
          host?.assumingMemoryBound(to: Int.self).pointee += Int(count)
          for part in (0..<count).reversed() { body?(argument, part) }
        }, parts)
      try context.bind([100], threads: 5)
      #expect(try run(&context, 100) == testOutput(100))
    }
    #expect(parts == 10)
  }

  @Test func refusesWhatItCannotRun() throws {
    let memory = try TestModel()
    let model = try memory.model()
    var context = try Context(model)
    #expect(status { try context.run() } == LAMINA_NOT_BOUND)
    #expect(status { try context.setInput(0, memory.weights.baseAddress) } == LAMINA_NOT_BOUND)
    #expect(status { try context.bind([]) } == LAMINA_BAD_DIM)
    #expect(status { try context.bind([-1]) } == LAMINA_BAD_DIM)
    #expect(status { try context.bind([100_001]) } == LAMINA_BAD_DIM)
    try context.bind([1])
    #expect(status { try context.run() } == LAMINA_MISSING_INPUT)
    #expect(status { try context.setInput(1, memory.weights.baseAddress) } == LAMINA_BAD_INDEX)
    #expect(status { try context.setOutput(-1, memory.weights.baseAddress) } == LAMINA_BAD_INDEX)
    #expect(status { try context.setInput(0, nil) } == LAMINA_BAD_POINTER)
    #expect(status { try context.setInput(0, memory.weights.baseAddress! + 2) } == LAMINA_BAD_POINTER)
    // None of it harmed the context.
    #expect(try run(&context, 1) == testOutput(1))
  }

  @Test func borrowsAnArena() throws {
    let memory = try TestModel()
    let arena = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 64)
    defer { arena.deallocate() }
    var context = try Context(memory.model(), arena: arena)
    #expect(status { try context.bind([1000]) } == LAMINA_ARENA_TOO_SMALL)
    #expect(context.arenaByteCount > 64_000)
    try context.bind([4])
    #expect(try run(&context, 4) == testOutput(4))
  }

  @Test func sizesOutOfRangeAreRefused() throws {
    var plan = testPlan()
    let n = Dim(symbol: "N")
    plan.symbols = [Plan.Symbol("N", 0...Int.max)]
    plan.steps[1].sizes[2] = Dim.floorDiv(1000, n - 5)
    let memory = try TestModel(plan)
    var context = try Context(memory.model())
    #expect(status { try context.bind([5]) } == LAMINA_BAD_SIZE)
    for n in [Int.max, Int.max / 2, 1 << 46, 1 << 42, 1 << 40] {
      #expect([LAMINA_BAD_SIZE, LAMINA_OUT_OF_MEMORY].contains(status { try context.bind([n]) }))
    }
    try context.bind([6])
  }

  @Test func profilesEachStep() throws {
    let memory = try TestModel()
    var context = try Context.bound(memory.model(), dims: [50_000])
    var output = testInput(50_000)
    try output.withUnsafeMutableBytes { bytes in
      try context.setInput(0, bytes.baseAddress)
      try context.setOutput(0, bytes.baseAddress)
      let times = try context.profile()
      #expect(times.count == 2 && times.allSatisfy { $0 > 1000 })
    }
  }

  @Test func everyStatusHasAText() {
    var texts: Set<String> = []
    for status in 0..<LAMINA_STATUS_COUNT.rawValue {
      texts.insert(String(cString: lamina_status_text(lamina_status(status))))
    }
    #expect(texts.count == Int(LAMINA_STATUS_COUNT.rawValue) && !texts.contains("unknown status"))
    #expect(String(cString: lamina_status_text(lamina_status(999))) == "unknown status")
  }

  /// What a call costs beside its kernels: a graph of one step that does nothing.
  @Test func callsAreCheap() throws {
    let plan = Plan(name: "one", kernels: ["nothing"], steps: [Plan.Step(kernel: 0, buffers: [])])
    let image = try plan.image()
    let kernel: lamina_kernel = { _, _, _, _, _ in }
    try image.withUnsafeBytes { image in
      try [kernel].withUnsafeBufferPointer { kernels in
        try kernels.withMemoryRebound(to: lamina_kernel?.self) { kernels in
          var context = try Context.bound(
            Model(image: image, kernels: kernels, weights: UnsafeRawBufferPointer(start: nil, count: 0)), dims: [])
          var best = Duration.seconds(1)
          for _ in 0..<20 {
            best = min(best, try ContinuousClock().measure { for _ in 0..<1000 { try context.run() } })
          }
          #expect(best / 1000 <= .nanoseconds(300), "\(best / 1000) a call")
          print("runtime overhead of a call: \(best / 1000)")
        }
      }
    }
  }
}
