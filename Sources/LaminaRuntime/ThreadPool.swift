// SPDX-License-Identifier: Apache-2.0
// Threads that help with the tiles of a step: they spin for a bounded time, then sleep.
//
// Waking a sleeping thread costs about 20 µs, handing work to a spinning one 0.3 µs. So threads keep spinning during
// a run, and only work that is worth the wake is given to sleepers.

import CLaminaRuntime

/// A fixed set of threads. Contexts may share one; while one uses it, the others run alone.
public final class ThreadPool: @unchecked Sendable {
  private let pool: UnsafeMutablePointer<lamina_pool>
  /// The threads that take part, the caller's included.
  public let threads: Int

  /// How long a thread looks for work before it sleeps, in nanoseconds, outside and inside of a run.
  private static var idleSpin: UInt32 { 30_000 }
  private static var activeSpin: UInt32 { 2_000_000 }
  /// When the last run ended.
  private var lastEnd: UInt64 = 0

  /// A wait for other threads, in nanoseconds, that shows that something else has their cores. For about so long the
  /// caller then does small jobs alone, since each could wait as much.
  private static var patience: UInt64 { 100_000 }
  private static var lonelyTime: UInt64 { 20_000_000 }
  /// Jobs of less than this time, in nanoseconds, are small.
  private static var smallJob: UInt64 { 10_000 }
  /// The time of the small jobs that the caller is still to do alone.
  private var lonely: UInt64 = 0

  /// Starts `threads - 1` threads, fewer when the system refuses some; nil when there is no memory. With more threads
  /// than cores nobody spins.
  public init?(threads: Int) {
    let helpers = max(0, min(threads, 1024) &- 1)
    // The pool and its workers are one allocation.
    let poolBytes = MemoryLayout<lamina_pool>.stride
    guard let memory = lamina_allocate(UInt64(poolBytes &+ helpers &* MemoryLayout<lamina_worker>.stride)) else {
      return nil
    }
    pool = memory.bindMemory(to: lamina_pool.self, capacity: 1)
    pool.initialize(to: lamina_pool())
    let workers = (memory + poolBytes).bindMemory(to: lamina_worker.self, capacity: helpers)
    pool.pointee.workers = workers
    pool.pointee.spin_nanoseconds = threads <= Int(lamina_core_count()) ? ThreadPool.idleSpin : 0
    var started = 0
    while started < helpers {
      let worker = workers + started
      worker.initialize(to: lamina_worker())
      worker.pointee.part = UInt32(started &+ 1)
      worker.pointee.pool = pool
      guard lamina_thread_start(&worker.pointee.thread, ThreadPool.work, worker) else { break }
      started &+= 1
    }
    pool.pointee.worker_count = UInt32(started)
    self.threads = started &+ 1
  }

  deinit {
    lamina_store(&pool.pointee.quit, 1)
    for index in 0..<Int(pool.pointee.worker_count) { give(pool.pointee.workers + index) }
    for index in 0..<Int(pool.pointee.worker_count) { lamina_thread_join(pool.pointee.workers[index].thread) }
    lamina_free(pool)
  }

  /// Takes the pool for one run; false when another caller has it.
  func begin() -> Bool {
    if lamina_exchange(&pool.pointee.busy, 1) != 0 { return false }
    lamina_store(&pool.pointee.active, 1)
    return true
  }

  func end() {
    lastEnd = lamina_nanoseconds()
    lamina_store(&pool.pointee.active, 0)
    lamina_store(&pool.pointee.busy, 0)
  }

  /// Whether no thread sleeps.
  private var isAwake: Bool {
    for index in 0..<Int(pool.pointee.worker_count) where lamina_load(&pool.pointee.workers[index].sleeping) != 0 {
      return false
    }
    return true
  }

  /// Whether a job too small to wake anybody for should be shared: all threads would start at once, and the last ones
  /// did.
  func shares(smallJob nanoseconds: UInt64) -> Bool {
    if lonely > 0, nanoseconds < ThreadPool.smallJob {
      lonely &-= min(lonely, nanoseconds)
      return false
    }
    return isAwake
  }

  /// Whether runs follow each other so closely that threads, once awake, find the next one before they sleep again.
  var isBusy: Bool { lamina_nanoseconds() &- lastEnd < UInt64(ThreadPool.idleSpin) }

  /// Ends the threads' sleep, without work yet.
  func wake() {
    for index in 0..<Int(pool.pointee.worker_count) where lamina_load(&pool.pointee.workers[index].sleeping) != 0 {
      lamina_futex_wake(&pool.pointee.workers[index].ticket)
    }
  }

  /// Does parts `0 ..< parts` of a job, part 0 on the caller's thread; `parts` is at most `threads`. Between `begin`
  /// and `end` only.
  func run(parts: Int, _ body: lamina_part, _ argument: UnsafeMutableRawPointer) {
    // What threads have in their caches is not written again.
    if pool.pointee.argument != argument { pool.pointee.argument = argument }
    if unsafeBitCast(pool.pointee.body, to: UInt.self) != unsafeBitCast(body, to: UInt.self) {
      pool.pointee.body = body
    }
    lamina_store(&pool.pointee.remaining, UInt32(parts &- 1))
    for index in 0..<(parts &- 1) { give(pool.pointee.workers + index) }
    body(argument, 0)
    if isDone { return }
    let start = lamina_nanoseconds()
    defer { if lamina_nanoseconds() &- start > ThreadPool.patience { lonely = ThreadPool.lonelyTime } }
    repeat { if isDone { return } } while lamina_nanoseconds() &- start < UInt64(pool.pointee.spin_nanoseconds)
    _ = lamina_exchange(&pool.pointee.waiting, 1)
    while true {
      let remaining = lamina_load_ordered(&pool.pointee.remaining)
      if remaining == 0 { break }
      lamina_futex_wait(&pool.pointee.remaining, remaining)
    }
    lamina_store(&pool.pointee.waiting, 0)
  }

  /// Whether all other parts are done, or are after a moment.
  private var isDone: Bool {
    for _ in 0..<64 {
      if lamina_load(&pool.pointee.remaining) == 0 { return true }
      lamina_pause()
    }
    return false
  }

  /// Hands a thread its next job.
  private func give(_ worker: UnsafeMutablePointer<lamina_worker>) {
    _ = lamina_add(&worker.pointee.ticket, 1)
    if lamina_load_ordered(&worker.pointee.sleeping) != 0 { lamina_futex_wake(&worker.pointee.ticket) }
  }

  /// The body of a helping thread.
  private static let work: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
    guard let worker = argument?.assumingMemoryBound(to: lamina_worker.self), let pool = worker.pointee.pool else {
      return nil
    }
    var seen: UInt32 = 0
    while true {
      ThreadPool.await(worker, pool, seen)
      seen = lamina_load_ordered(&worker.pointee.ticket)
      if lamina_load(&pool.pointee.quit) != 0 { return nil }
      pool.pointee.body(pool.pointee.argument, worker.pointee.part)
      if lamina_add(&pool.pointee.remaining, UInt32.max) == 0, lamina_load_ordered(&pool.pointee.waiting) != 0 {
        lamina_futex_wake(&pool.pointee.remaining)
      }
    }
  }

  /// Returns once the worker's ticket is no longer `seen`.
  private static func await(
    _ worker: UnsafeMutablePointer<lamina_worker>, _ pool: UnsafeMutablePointer<lamina_pool>, _ seen: UInt32
  ) {
    while true {
      let start = lamina_nanoseconds()
      var limit: UInt32
      repeat {
        for _ in 0..<64 {
          if lamina_load(&worker.pointee.ticket) != seen { return }
          lamina_pause()
        }
        limit = pool.pointee.spin_nanoseconds
        if limit != 0, lamina_load(&pool.pointee.active) != 0 { limit = ThreadPool.activeSpin }
      } while lamina_nanoseconds() &- start < UInt64(limit)
      // Whoever raises the ticket after this sees `sleeping`; whoever did before is seen by the wait.
      _ = lamina_exchange(&worker.pointee.sleeping, 1)
      if lamina_load_ordered(&worker.pointee.ticket) == seen { lamina_futex_wait(&worker.pointee.ticket, seen) }
      lamina_store(&worker.pointee.sleeping, 0)
    }
  }
}
