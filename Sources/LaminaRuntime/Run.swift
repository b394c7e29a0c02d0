// SPDX-License-Identifier: Apache-2.0
// Setting inputs and outputs, and running the steps of a bound context.

import CLaminaRuntime

extension Context {
  /// Sets where an input is read. The memory stays the caller's; it may be another one before each run.
  public mutating func setInput(_ index: Int, _ data: UnsafeRawPointer?) throws(RuntimeError) {
    guard index >= 0, index < model.image.inputs.count else { throw RuntimeError(LAMINA_BAD_INDEX) }
    try set(index, model.image.inputs[index].dtype, UnsafeMutableRawPointer(mutating: data))
  }

  /// Sets where an output is written.
  public mutating func setOutput(_ index: Int, _ data: UnsafeMutableRawPointer?) throws(RuntimeError) {
    guard index >= 0, index < model.image.outputs.count else { throw RuntimeError(LAMINA_BAD_INDEX) }
    try set(model.image.inputs.count &+ index, model.image.outputs[index].dtype, data)
  }

  private mutating func set(_ port: Int, _ dtype: UInt32, _ data: UnsafeMutableRawPointer?) throws(RuntimeError) {
    guard isBound else { throw RuntimeError(LAMINA_NOT_BOUND) }
    let elementBytes = UInt(max(PlanImage.bits(dtype) / 8, 1))
    guard data != nil || tables.ports[port].byteCount == 0, UInt(bitPattern: data) % elementBytes == 0 else {
      throw RuntimeError(LAMINA_BAD_POINTER)
    }
    for position in tables.patchStarts[port]..<tables.patchStarts[port &+ 1] {
      let reference = Int(tables.patches[Int(position)])
      if tables.limits[reference] < 0 { continue }
      let offset = tables.values[Int(model.image.references[reference].offset)]
      tables.bases[reference] = data
      tables.pointers[reference] = data?.advanced(by: Int(offset))
    }
    if !tables.ports[port].isSet {
      tables.ports[port].isSet = true
      missing &-= 1
    }
  }

  /// Bytes of an input at the bound sizes; 0 when there is none or nothing is bound.
  public func inputByteCount(_ index: Int) -> Int {
    isBound && index >= 0 && index < model.image.inputs.count ? Int(tables.ports[index].byteCount) : 0
  }

  /// Bytes of an output at the bound sizes; 0 when there is none or nothing is bound.
  public func outputByteCount(_ index: Int) -> Int {
    isBound && index >= 0 && index < model.image.outputs.count
      ? Int(tables.ports[model.image.inputs.count &+ index].byteCount) : 0
  }

  /// The size of an output along an axis, which may be one that the last run found; 0 when there is none or nothing is
  /// bound.
  public func outputSize(_ index: Int, axis: Int) -> Int {
    let image = model.image
    guard isBound, index >= 0, index < image.outputs.count, axis >= 0, axis < Int(image.outputs[index].shape.count)
    else { return 0 }
    return Int(tables.values[Int(image.indices[Int(image.outputs[index].shape.first) &+ axis])])
  }

  /// The value of one of the image's expressions at the bound sizes, and at those that the last run found; 0 when there
  /// is none or nothing is bound.
  public func value(_ expression: Int) -> Int64 {
    isBound && expression >= 0 && expression < model.image.expressions.count ? tables.values[expression] : 0
  }

  /// Runs all steps. Allocates nothing.
  ///
  /// - Parameter nanoseconds: Room for the time of each step (of all its repetitions; of loops and branches what they
  ///   take themselves), or nil.
  /// - Throws: when a size that the run finds is beyond its bound; `neededRoom` says whether a larger one may be bound.
  public mutating func run(nanoseconds: UnsafeMutablePointer<UInt64>? = nil) throws(RuntimeError) {
    guard isBound else { throw RuntimeError(LAMINA_NOT_BOUND) }
    guard missing == 0 else { throw RuntimeError(LAMINA_MISSING_INPUT) }
    tables.needed[1] = 0
    let stepCount = model.image.steps.count
    // With the pool taken by another context this run is serial, and comes to the same bits.
    let threads: Threads =
      if parallelNanoseconds == 0 {
        .none
      } else if let host {
        .host(host.parallel, host.argument)
      } else if let pool, pool.begin() {
        .pool(pool)
      } else {
        .none
      }
    if case .pool(let pool) = threads,
      parallelNanoseconds >= Context.worthWaking || (parallelNanoseconds >= Context.worthSharing && pool.isBusy)
    {
      pool.wake()
    }
    var clock = StepClock(nanoseconds)
    clock.start(stepCount)
    let outcome: Result<Void, RuntimeError>
    do throws(RuntimeError) {
      try run(running.lowerBound, running.upperBound, threads, &clock)
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    if case .pool(let pool) = threads { pool.end() }
    try outcome.get()
  }

  /// Runs the steps `first ..< end`, loops and branches with what is in them.
  private func run(_ first: Int, _ end: Int, _ threads: Threads, _ clock: inout StepClock) throws(RuntimeError) {
    var index = first
    while index < end {
      let step = tables.steps + index
      if step.pointee.kernel != nil {
        run(step, threads)
        clock.stamp(index)
        index &+= 1
      } else {
        index = try control(index, threads, &clock)
      }
    }
  }

  /// Runs a loop or branch, or sets a size; returns the step that follows.
  private func control(_ index: Int, _ threads: Threads, _ clock: inout StepClock) throws(RuntimeError) -> Int {
    let step = model.image.steps[index]
    let body = index &+ 1
    switch lamina_step_kind(step.kind) {
    case LAMINA_LOOP:
      try loop(index, threads, &clock)
      return body &+ Int(step.body)
    case LAMINA_BRANCH:
      let other = body &+ Int(step.body)
      let isTaken = try readBool(Int(step.references.first))
      clock.stamp(index)
      if isTaken { try run(body, other, threads, &clock) }
      if !isTaken { try run(other, other &+ Int(step.otherwise), threads, &clock) }
      return other &+ Int(step.otherwise)
    default:
      try setSize(Int(step.kernel), try readInteger(Int(step.references.first)))
      clock.stamp(index)
      return body
    }
  }

  /// The memory of a reference that holds at least so many bytes.
  private func memory(_ reference: Int, _ byteCount: Int64) throws(RuntimeError) -> UnsafeMutableRawPointer {
    let offset = tables.values[Int(model.image.references[reference].offset)]
    guard let pointer = tables.pointers[reference], tables.limits[reference] &- offset >= byteCount else {
      throw RuntimeError(LAMINA_BAD_SIZE)
    }
    return pointer
  }

  private func readBool(_ reference: Int) throws(RuntimeError) -> Bool {
    try memory(reference, 1).load(as: UInt8.self) != 0
  }

  private func readInteger(_ reference: Int) throws(RuntimeError) -> Int64 {
    try memory(reference, 8).loadUnaligned(as: Int64.self)
  }

  /// Sets a run-time size within its bound.
  private func setSize(_ symbol: Int, _ value: Int64) throws(RuntimeError) {
    guard value >= 0 else { throw RuntimeError(LAMINA_BAD_SIZE) }
    try checkRoom(for: symbol, value)
    try set(symbol: symbol, to: value)
  }

  /// Checks that a run-time size is within its bound. A bound that is room, which is as large as the caller bound it,
  /// may be made larger.
  private func checkRoom(for symbol: Int, _ value: Int64) throws(RuntimeError) {
    let image = model.image
    let bound = Int(image.symbols[symbol].bound)
    if value <= tables.values[bound] { return }
    let room = Int(image.expressions[bound].right)
    guard image.expressions[bound].operation == LAMINA_SYMBOL.rawValue, image.isRoom(room),
      value <= image.symbols[room].high
    else { throw RuntimeError(LAMINA_BAD_SIZE) }
    (tables.needed[0], tables.needed[1]) = (Int64(room), value)
    throw RuntimeError(LAMINA_NEEDS_ROOM)
  }

  /// After a run that ended with `LAMINA_NEEDS_ROOM`: the symbol, and what it has to be bound to at least.
  public var neededRoom: (symbol: Int, size: Int64)? {
    tables.needed[1] == 0 ? nil : (Int(tables.needed[0]), tables.needed[1])
  }

  private func loop(_ index: Int, _ threads: Threads, _ clock: inout StepClock) throws(RuntimeError) {
    let step = model.image.steps[index]
    var reference = Int(step.references.first)
    var limit = tables.steps[index].tiles
    if step.operands & LAMINA_LOOP_LIMIT.rawValue != 0 {
      let wanted = try readInteger(reference)
      // What it stacks has room for so many iterations only.
      if step.count != UInt32.max { try checkRoom(for: Int(step.count), wanted) }
      limit = min(limit, wanted)
      reference &+= 1
    }
    var goesOn = true
    if step.operands & LAMINA_LOOP_CONDITION.rawValue != 0 {
      goesOn = try readBool(reference)
      reference &+= 1
    }
    let (first, end) = (index &+ 1, index &+ 1 &+ Int(step.body))
    var iteration: Int64 = 0
    while iteration < limit && goesOn {
      try set(symbol: Int(step.kernel), to: iteration)
      clock.stamp(index)
      try run(first, end, threads, &clock)
      if step.operands & LAMINA_LOOP_NEXT.rawValue != 0 { goesOn = try readBool(reference) }
      iteration &+= 1
    }
    if step.count != UInt32.max { try setSize(Int(step.count), iteration) }
    clock.stamp(index)
  }

  /// Work, in nanoseconds, from which waking sleeping threads pays.
  private static var worthWaking: UInt64 { 60_000 }
  /// Work from which threads that are awake pay.
  private static var worthSharing: UInt64 { 8_000 }

  private enum Threads {
    case none
    case pool(ThreadPool)
    case host(lamina_parallel, UnsafeMutableRawPointer?)
  }

  private func run(_ step: UnsafeMutablePointer<PreparedStep>, _ threads: Threads) {
    let tiles = step.pointee.tiles
    if tiles == 0 { return }
    if step.pointee.parts > 1 {
      switch threads {
      case .none: break
      case .host(let parallel, let argument):
        prepareJob(step, parts: step.pointee.parts)
        parallel(argument, UInt32(step.pointee.parts), Job.run, tables.job)
        return
      case .pool(let pool):
        let parts = min(step.pointee.parts, pool.threads)
        if parts > 1, step.pointee.nanoseconds >= Context.worthWaking
          || pool.shares(smallJob: step.pointee.nanoseconds)
        {
          prepareJob(step, parts: parts)
          pool.run(parts: parts, Job.run, tables.job)
          return
        }
      }
    }
    step.pointee.kernel?(step.pointee.pointers, step.pointee.sizes, 0, tiles, scratch)
  }

  /// Says what threads are to do. What stays as it is is not written, so that they have it in their caches already: a
  /// loop of one step hands over in less time.
  private func prepareJob(_ step: UnsafeMutablePointer<PreparedStep>, parts: Int) {
    let job = tables.job
    if job.pointee.step != step { job.pointee.step = step }
    if job.pointee.parts != parts { job.pointee.parts = parts }
    if job.pointee.scratch != scratch { job.pointee.scratch = scratch }
    if job.pointee.scratchStride != scratchStride { job.pointee.scratchStride = scratchStride }
  }
}

/// Adds up the time of each step, when somebody wants to know.
private struct StepClock {
  private let times: UnsafeMutablePointer<UInt64>?
  private var last: UInt64 = 0

  init(_ times: UnsafeMutablePointer<UInt64>?) { self.times = times }

  mutating func start(_ count: Int) {
    guard let times else { return }
    for index in 0..<count { times[index] = 0 }
    last = lamina_nanoseconds()
  }

  /// The time since the stamp before is this step's.
  @inline(__always)
  mutating func stamp(_ index: Int) {
    guard let times else { return }
    let now = lamina_nanoseconds()
    times[index] &+= now &- last
    last = now
  }
}

/// A step whose tiles are split over threads.
struct Job {
  var step: UnsafeMutablePointer<PreparedStep>?
  var parts: Int
  var scratch: UnsafeMutableRawPointer?
  var scratchStride: Int

  /// Does one part: tiles in a contiguous range, sizes of parts differing by at most one.
  static let run: lamina_part = { argument, part in
    guard let job = argument?.assumingMemoryBound(to: Job.self).pointee, let step = job.step else { return }
    let (parts, part) = (Int64(job.parts), Int64(part))
    let (whole, rest) = step.pointee.tiles.quotientAndRemainder(dividingBy: parts)
    let begin = part &* whole &+ min(part, rest)
    let end = begin &+ whole &+ (part < rest ? 1 : 0)
    if begin == end { return }
    step.pointee.kernel?(
      step.pointee.pointers, step.pointee.sizes, begin, end,
      job.scratch?.advanced(by: Int(part) &* job.scratchStride))
  }
}
