// SPDX-License-Identifier: Apache-2.0
// A model with its sizes bound: the tables that a run follows, and the memory it uses.

import CLaminaRuntime

/// Runs one model, by one thread at a time. Life: make it, `bind` sizes, set inputs and outputs, `run` any number of
/// times. All memory is made by `init` and `bind`.
public struct Context: ~Copyable {
  public let model: Model
  var arena: Arena
  var tables: Tables
  /// Set by `bind`; a failed `bind` leaves it false.
  private(set) var isBound = false
  /// The steps that run for the bound sizes.
  private(set) var running = 0..<0
  /// Inputs and outputs that have no memory yet.
  var missing = 0
  private(set) var scratchStride = 0
  private(set) var scratch: UnsafeMutableRawPointer?
  /// Estimated time of all steps that are worth several threads, in nanoseconds.
  private(set) var parallelNanoseconds: UInt64 = 0
  /// The most parts a step is split into.
  private var partLimit = 1
  private(set) var pool: ThreadPool?
  private let isPoolShared: Bool
  private(set) var host: (parallel: lamina_parallel, argument: UnsafeMutableRawPointer?)?

  /// - Parameters:
  ///   - arena: Memory for all buffers, 64-byte aligned; nil to map pages when binding.
  ///   - pool: Threads to share with other contexts; nil to start threads when binding asks for them.
  public init(
    _ model: Model, arena: UnsafeMutableRawBufferPointer? = nil, pool: ThreadPool? = nil
  ) throws(RuntimeError) {
    if let arena, UInt(bitPattern: arena.baseAddress) % UInt(LAMINA_ALIGNMENT) != 0 {
      throw RuntimeError(LAMINA_BAD_POINTER)
    }
    guard let tables = Tables(model.image) else { throw RuntimeError(LAMINA_OUT_OF_MEMORY) }
    self.model = model
    self.arena = Arena(borrowing: arena)
    self.tables = tables
    self.pool = pool
    isPoolShared = pool != nil
  }

  deinit { tables.free() }

  /// Bytes that the bound sizes take: buffers, and scratch memory of every thread. Known even when `bind` failed
  /// because the caller's arena is too small.
  public private(set) var arenaByteCount = 0

  /// Binds the model's symbols, in the plan's order, and readies memory and threads. Inputs and outputs are unset.
  ///
  /// - Parameter threads: The most threads a step may use, the caller's included; 0 for as many as this process has
  ///   cores. None are started on one core, or when no step is worth it.
  public mutating func bind(_ dims: UnsafeBufferPointer<Int64>, threads: Int = 1) throws(RuntimeError) {
    let image = model.image
    isBound = false
    guard dims.count == image.callerSymbolCount else { throw RuntimeError(LAMINA_BAD_DIM) }
    for (dim, symbol) in zip(dims, image.symbols) where dim < symbol.low || dim > symbol.high {
      throw RuntimeError(LAMINA_BAD_DIM)
    }
    try image.evaluate(dims, into: tables.values)
    running = steps(for: dims)
    try bindPorts()
    let bufferBytes = try placeBuffers()
    let parts = try bindSteps(limit: allowedThreads(threads))
    // Scratch areas are a cache line pair apart, so that threads never write to one line.
    let (scratchBytes, overflow) = scratchStride.multipliedReportingOverflow(by: parts)
    guard !overflow, scratchBytes <= LAMINA_MAX_BYTES else { throw RuntimeError(LAMINA_BAD_SIZE) }
    arenaByteCount = bufferBytes &+ scratchBytes
    try arena.reserve(arenaByteCount)
    scratch = scratchBytes == 0 ? nil : arena.base?.advanced(by: bufferBytes)
    try bindReferences()
    if host == nil, !isPoolShared, parts > 1, (pool?.threads ?? 1) < parts { pool = ThreadPool(threads: parts) }
    missing = tables.portCount
    isBound = true
  }

  /// Hands parallel work to the host's threads in place of a pool; nil takes that back. The context has to be bound
  /// anew after it; `bind` says into how many parts work is split.
  public mutating func useHostThreads(_ parallel: lamina_parallel?, _ argument: UnsafeMutableRawPointer?) {
    host = parallel.map { ($0, argument) }
    isBound = false
  }

  private func allowedThreads(_ requested: Int) -> Int {
    let cores = Int(lamina_core_count())
    let wanted = requested <= 0 ? cores : min(requested, 1024)
    if host != nil { return wanted }
    if isPoolShared { return min(wanted, pool?.threads ?? 1) }
    return cores == 1 ? 1 : wanted
  }

  /// The steps of the first variant that is for these sizes, else the general ones.
  private func steps(for dims: UnsafeBufferPointer<Int64>) -> Range<Int> {
    let image = model.image
    for variant in image.variants {
      var fits = true
      for position in 0..<Int(variant.dims.count) {
        let expression = Int(image.indices[Int(variant.dims.first) &+ position])
        if tables.values[expression] != dims[position] { fits = false }
      }
      if fits { return Int(variant.first_step)..<Int(variant.first_step) &+ Int(variant.step_count) }
    }
    return image.generalSteps
  }

  private mutating func bindPorts() throws(RuntimeError) {
    let image = model.image
    var index = 0
    for port in image.inputs {
      tables.ports[index] = Port(byteCount: try image.byteCount(port, tables.values))
      index &+= 1
    }
    for port in image.outputs {
      tables.ports[index] = Port(byteCount: try image.byteCount(port, tables.values))
      index &+= 1
    }
  }

  /// Offsets of all buffers that steps use; returns the bytes up to the end of the highest.
  private mutating func placeBuffers() throws(RuntimeError) -> Int {
    let image = model.image
    var total: Int64 = 0
    var index = 0
    for buffer in image.buffers {
      if !running.contains(Int(buffer.first_step)) {
        (tables.bufferOffsets[index], tables.bufferEnds[index]) = (0, 0)
        index &+= 1
        continue
      }
      var offset: Int64 = 0
      for other in image.indices[Int(buffer.below.first)..<Int(buffer.below.first) + Int(buffer.below.count)] {
        offset = max(offset, tables.bufferEnds[Int(other)])
      }
      let bytes = tables.values[Int(buffer.bytes)]
      // Both are at most 2^46: their sum cannot overflow.
      guard bytes >= 0, bytes <= LAMINA_MAX_BYTES, offset <= LAMINA_MAX_BYTES else {
        throw RuntimeError(LAMINA_BAD_SIZE)
      }
      tables.bufferOffsets[index] = offset
      tables.bufferEnds[index] = (offset &+ bytes &+ 63) & ~63
      total = max(total, tables.bufferEnds[index])
      index &+= 1
    }
    guard total <= LAMINA_MAX_BYTES else { throw RuntimeError(LAMINA_BAD_SIZE) }
    return Int(total)
  }

  /// Fills in every step but its pointers; returns the most parts that one is split into.
  private mutating func bindSteps(limit: Int) throws(RuntimeError) -> Int {
    let image = model.image
    var most = 1
    var scratchBytes: Int64 = 0
    parallelNanoseconds = 0
    partLimit = limit
    // How often a step runs, by the loops around it, and where the outermost of these ends.
    var (repeats, loopEnd): (UInt64, Int) = (1, 0)
    for index in running {
      let step = image.steps[index]
      let scratch = tables.values[Int(step.scratch)]
      guard scratch >= 0, scratch <= LAMINA_MAX_BYTES else { throw RuntimeError(LAMINA_BAD_SIZE) }
      scratchBytes = max(scratchBytes, scratch)
      let isCall = lamina_step_kind(step.kind) == LAMINA_CALL
      tables.steps[index] = PreparedStep(
        kernel: isCall ? model.kernels[Int(step.kernel)] : nil, pointers: tables.pointers + Int(step.references.first),
        sizes: UnsafePointer(tables.sizes + Int(step.sizes.first)), tiles: 0, nanoseconds: 0,
        picosecondsPerTile: isCall ? step.picoseconds_per_tile : 0, parts: 1)
      try sizeStep(index)
      // Sizes that steps set are as large as they can be here: no run splits a step into more parts.
      let parts = tables.steps[index].parts
      if index >= loopEnd { repeats = 1 }
      if lamina_step_kind(step.kind) == LAMINA_LOOP {
        loopEnd = max(loopEnd, index &+ 1 &+ Int(step.body))
        repeats = min(repeats &* UInt64(min(tables.steps[index].tiles, 1 << 16)), 1 << 16)
      }
      if parts > 1 {
        // What is worth waking threads for is much less than this limit.
        let work = min(tables.steps[index].nanoseconds, 1 << 32) &* repeats
        parallelNanoseconds = min(parallelNanoseconds &+ work, 1 << 62)
      }
      most = max(most, parts)
    }
    partLimit = most
    scratchStride = (Int(scratchBytes) &+ 127) & ~127
    return most
  }

  /// Takes a step's tiles and sizes from the values of their expressions.
  private func sizeStep(_ index: Int) throws(RuntimeError) {
    let image = model.image
    let step = image.steps[index]
    let prepared = tables.steps + index
    let tiles = tables.values[Int(step.tiles)]
    guard tiles >= 0 else { throw RuntimeError(LAMINA_BAD_SIZE) }
    let (picoseconds, overflow) = prepared.pointee.picosecondsPerTile.multipliedReportingOverflow(by: UInt64(tiles))
    prepared.pointee.tiles = tiles
    prepared.pointee.nanoseconds = overflow ? UInt64.max / 1000 : picoseconds / 1000
    prepared.pointee.parts = Context.parts(tiles: tiles, nanoseconds: prepared.pointee.nanoseconds, limit: partLimit)
    let first = Int(step.sizes.first)
    for position in first..<first &+ Int(step.sizes.count) {
      tables.sizes[position] = tables.values[Int(image.indices[position])]
    }
  }

  /// Gives a symbol that steps set a value, and everything that follows from it.
  func set(symbol: Int, to value: Int64) throws(RuntimeError) {
    let image = model.image
    let (symbol, indices, expressions) = (image.symbols[symbol], image.indices, image.expressions)
    for position in Int(symbol.expressions.first)..<Int(symbol.expressions.first) &+ Int(symbol.expressions.count) {
      let index = Int(indices[position])
      let expression = expressions[index]
      tables.values[index] =
        expression.operation == LAMINA_SYMBOL.rawValue ? value : try image.evaluate(expression, tables.values)
    }
    for position in Int(symbol.references.first)..<Int(symbol.references.first) &+ Int(symbol.references.count) {
      let index = Int(indices[position])
      // Nothing is there for steps that do not run.
      if tables.limits[index] < 0 { continue }
      let offset = tables.values[Int(image.references[index].offset)]
      guard offset >= 0, offset <= tables.limits[index] else { throw RuntimeError(LAMINA_BAD_SIZE) }
      tables.pointers[index] = tables.bases[index]?.advanced(by: Int(offset))
    }
    for position in Int(symbol.steps.first)..<Int(symbol.steps.first) &+ Int(symbol.steps.count) {
      let step = Int(indices[position])
      if running.contains(step) { try sizeStep(step) }
    }
  }

  /// Into how many parts a step is split: below about 2 µs of work the hand-over costs more than it gains.
  private static func parts(tiles: Int64, nanoseconds: UInt64, limit: Int) -> Int {
    if limit <= 1 || tiles <= 1 || nanoseconds < 2000 { return 1 }
    return min(limit, Int(min(tiles, 1024)), Int(min(nanoseconds / 1000, 1024)))
  }

  private mutating func bindReferences() throws(RuntimeError) {
    let image = model.image
    for index in 0..<image.references.count {
      (tables.bases[index], tables.limits[index], tables.pointers[index]) = (nil, -1, nil)
    }
    for step in running {
      let references = image.steps[step].references
      try bindReferences(Int(references.first)..<Int(references.first) &+ Int(references.count))
    }
  }

  private func bindReferences(_ range: Range<Int>) throws(RuntimeError) {
    let image = model.image
    for index in range {
      let reference = image.references[index]
      let offset = tables.values[Int(reference.offset)]
      let target = Int(reference.index)
      let (base, byteCount): (UnsafeMutableRawPointer?, Int64)
      switch lamina_space(reference.space) {
      case LAMINA_ARENA:
        base = arena.base?.advanced(by: Int(tables.bufferOffsets[target]))
        byteCount = tables.bufferEnds[target] &- tables.bufferOffsets[target]
      case LAMINA_CONSTANT:
        let constant = image.constants[target]
        base = UnsafeMutableRawPointer(mutating: model.weights)?.advanced(by: Int(constant.offset))
        byteCount = Int64(constant.bytes)
      case LAMINA_INPUT: (base, byteCount) = (nil, tables.ports[target].byteCount)
      default: (base, byteCount) = (nil, tables.ports[image.inputs.count &+ target].byteCount)
      }
      guard offset >= 0, offset <= byteCount else { throw RuntimeError(LAMINA_BAD_SIZE) }
      tables.bases[index] = base
      tables.limits[index] = byteCount
      tables.pointers[index] = base?.advanced(by: Int(offset))
    }
  }
}
