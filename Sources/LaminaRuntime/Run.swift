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
      let offset = tables.values[Int(model.image.references[reference].offset)]
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

  /// The value of one of the image's expressions at the bound sizes; 0 when there is none or nothing is bound.
  public func value(_ expression: Int) -> Int64 {
    isBound && expression >= 0 && expression < model.image.expressions.count ? tables.values[expression] : 0
  }

  /// Runs all steps. Allocates nothing.
  ///
  /// - Parameter nanoseconds: Room for the time of each step, or nil.
  public mutating func run(nanoseconds: UnsafeMutablePointer<UInt64>? = nil) throws(RuntimeError) {
    guard isBound else { throw RuntimeError(LAMINA_NOT_BOUND) }
    guard missing == 0 else { throw RuntimeError(LAMINA_MISSING_INPUT) }
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
    if case .pool(let pool) = threads, parallelNanoseconds >= Context.worthWaking { pool.wake() }
    if let nanoseconds {
      var before = lamina_nanoseconds()
      for index in 0..<stepCount {
        run(tables.steps + index, threads)
        let after = lamina_nanoseconds()
        nanoseconds[index] = after &- before
        before = after
      }
    } else {
      for index in 0..<stepCount { run(tables.steps + index, threads) }
    }
    if case .pool(let pool) = threads { pool.end() }
  }

  /// Work, in nanoseconds, from which waking sleeping threads pays.
  private static var worthWaking: UInt64 { 60_000 }

  private enum Threads {
    case none
    case pool(ThreadPool)
    case host(lamina_parallel, UnsafeMutableRawPointer?)
  }

  private func run(_ step: UnsafeMutablePointer<PreparedStep>, _ threads: Threads) {
    let tiles = step.pointee.tiles
    if tiles == 0 { return }
    if step.pointee.parts > 1 {
      var job = Job(step: step, parts: step.pointee.parts, scratch: scratch, scratchStride: scratchStride)
      switch threads {
      case .none: break
      case .host(let parallel, let argument):
        parallel(argument, UInt32(job.parts), Job.run, &job)
        return
      case .pool(let pool):
        job.parts = min(job.parts, pool.threads)
        if job.parts > 1, step.pointee.nanoseconds >= Context.worthWaking || pool.isAwake {
          pool.run(parts: job.parts, Job.run, &job)
          return
        }
      }
    }
    step.pointee.kernel?(step.pointee.pointers, step.pointee.sizes, 0, tiles, scratch)
  }
}

/// A step whose tiles are split over threads.
private struct Job {
  var step: UnsafeMutablePointer<PreparedStep>
  var parts: Int
  var scratch: UnsafeMutableRawPointer?
  var scratchStride: Int

  /// Does one part: tiles in a contiguous range, sizes of parts differing by at most one.
  static let run: lamina_part = { argument, part in
    guard let job = argument?.assumingMemoryBound(to: Job.self).pointee else { return }
    let (parts, part) = (Int64(job.parts), Int64(part))
    let (whole, rest) = job.step.pointee.tiles.quotientAndRemainder(dividingBy: parts)
    let begin = part &* whole &+ min(part, rest)
    let end = begin &+ whole &+ (part < rest ? 1 : 0)
    if begin == end { return }
    job.step.pointee.kernel?(
      job.step.pointee.pointers, job.step.pointee.sizes, begin, end,
      job.scratch?.advanced(by: Int(part) &* job.scratchStride))
  }
}
