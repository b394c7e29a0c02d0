// SPDX-License-Identifier: Apache-2.0
// Emits one kernel as a function with the calling convention `lamina_kernel`.

import GraphSupport
import KernelIR
import TensorCore

/// The state of emitting one kernel. Its extensions, one topic a file, emit statements, loops and expressions.
///
/// Faults (an expression the backend has no code for) are recorded by `fail` and reported at the end, so that
/// emission needs no error path: what follows a fault is well-formed code that nobody runs.
package final class KernelEmitter {
  package let kernel: Kernel
  /// The instruction builder; contractions and maths emit through it as well.
  package let b: Builder
  var numbering = ExprNumbering()
  var buffers: [Buffer] = []
  private var sizes: [Value] = []
  var axes: [Int: (value: Value, level: Int)] = [:]
  /// Inclusive ranges of axes whose extent is a constant.
  var axisRanges: [Int: ClosedRange<Int64>] = [:]
  var locals: [Int: Binding] = [:]
  /// The current vector loop, when inside one.
  var lanes: LaneContext?
  /// Emitting the value of the first lane only.
  var isFirstLane = false
  var frames: [Frame] = [Frame(kind: .plain)]
  /// The innermost frame that may be used: below the top while emitting into a preheader.
  var ceiling = 0
  var placements: [Int: Placement] = [:]
  var ranges: [Int: ClosedRange<Int64>?] = [:]
  /// Values valid until the next statement.
  var volatileMemo: [MemoKey: Value] = [:]
  private var zeros: Value?
  private(set) var problem: String?

  /// A parameter or scratch array.
  struct Buffer {
    var pointer: Value
    var dtype: DType
    /// Whether the kernel may write it.
    var isWritten: Bool
    var access: AccessInfo
    /// Whether it starts at a cache line and whole vectors are stored past the caches.
    var streams = false
  }

  /// Emits `kernel` as the function `name` into a module. Fails with an `InternalError` that names the kernel.
  static func emit(_ kernel: Kernel, as name: String, into module: Module, _ target: TargetDescription) throws {
    let emitter = KernelEmitter(kernel, name, module, target)
    emitter.emitBody()
    if emitter.numbering.isTooDeep { emitter.fail("an expression is deeper than \(ExprNumbering.maximumDepth)") }
    if let problem = emitter.problem { throw InternalError("kernel '\(kernel.name)': \(problem)") }
  }

  private init(_ kernel: Kernel, _ name: String, _ module: Module, _ target: TargetDescription) {
    self.kernel = kernel
    b = Builder(
      module: module, target: target, function: name, parameters: [.pointer, .pointer, .i64, .i64, .pointer])
  }

  /// Records a fault of the kernel; the first one is reported.
  package func fail(_ message: String) {
    if problem == nil { problem = message }
  }

  private func emitBody() {
    let scopes = AliasScopes(kernel, b)
    for (index, parameter) in kernel.parameters.enumerated() {
      let pointer = b.load(.pointer, b.address(b.parameter(0), index, .pointer))
      buffers.append(
        Buffer(
          pointer: pointer, dtype: parameter.dtype, isWritten: parameter.access != .read,
          access: scopes.access(to: index)))
    }
    for (index, (scratch, offset)) in zip(kernel.scratch, kernel.scratchOffsets).enumerated() {
      buffers.append(
        Buffer(
          pointer: b.address(b.parameter(4), offset, .i8), dtype: scratch.dtype, isWritten: true,
          access: scopes.access(to: kernel.parameters.count + index)))
    }
    for index in kernel.sizes.indices { sizes.append(b.load(.i64, b.address(b.parameter(1), index, .i64))) }
    if let tiles = kernel.tiles.integerValue, tiles > 0 { axisRanges[kernel.tileAxis.id] = 0...(tiles - 1) }
    let streamed = kernel.parameters.indices.filter { kernel.parameters[$0].isStreamed }
    if streamed.isEmpty {
      emitTiles()
    } else {
      emitStreaming(streamed)
    }
    b.returnVoid()
  }

  private func emitTiles() {
    countedLoop(kernel.tileAxis, from: b.parameter(2), to: b.parameter(3), step: 1, isEntered: false) {
      self.emit(kernel.body)
    }
  }

  /// Stores past the caches need aligned addresses. The caller's memory may lie anywhere, so there is code for both.
  private func emitStreaming(_ parameters: [Int]) {
    let areAligned = parameters.map { b.isAligned(buffers[$0].pointer, to: Self.streamAlignment) }
    b.branch(
      areAligned.dropFirst().reduce(areAligned[0]) { b.and($0, $1) },
      then: {
        for index in parameters { buffers[index].streams = true }
        self.framed(.conditional) { self.emitTiles() }
        b.finishStreams()
        for index in parameters { buffers[index].streams = false }
      }, else: { self.framed(.conditional) { self.emitTiles() } })
  }

  /// A cache line.
  private static let streamAlignment = 64

  func size(_ index: Int) -> Value {
    guard sizes.indices.contains(index) else {
      fail("size \(index) is not declared")
      return b.int(0)
    }
    return sizes[index]
  }

  func buffer(_ index: Int) -> Buffer? {
    guard buffers.indices.contains(index) else {
      fail("buffer \(index) is not declared")
      return nil
    }
    return buffers[index]
  }

  /// 256 bytes of zeros: what a load with a false guard reads.
  func zeroBytes() -> Value {
    if let zeros { return zeros }
    let made = b.table(Array(repeating: 0, count: 64), .i32)
    zeros = made
    return made
  }

  // MARK: Frames

  /// Runs `body` in a new frame.
  func framed(_ kind: Frame.Kind, _ body: () -> Void) {
    frames.append(Frame(kind: kind))
    ceiling = frames.count - 1
    volatileMemo.removeAll(keepingCapacity: true)
    ranges.removeAll(keepingCapacity: true)
    body()
    for number in frames[frames.count - 1].placed { placements[number] = nil }
    frames.removeLast()
    ceiling = frames.count - 1
    volatileMemo.removeAll(keepingCapacity: true)
    ranges.removeAll(keepingCapacity: true)
  }

  /// Gives an axis its value in the current frame.
  package func bind(_ axis: Axis, _ value: Value) { axes[axis.id] = (value, frames.count - 1) }

  /// Gives a local its value in the current frame.
  package func bind(_ local: Local, _ value: Value) { locals[local.id] = .value(value, level: frames.count - 1) }

  /// Runs `body` with the lanes of an axis: lane i is `base + i`; lanes whose `mask` is false have no effect and touch
  /// no memory. `base` must be a multiple of `multiple`.
  package func withLanes(
    _ axis: Axis, count: Int, base: Value, multiple: Int, mask: Value? = nil, _ body: () -> Void
  ) {
    let (outer, outerBinding) = (lanes, axes[axis.id])
    framed(.plain) {
      // One lane without a mask is scalar code: LLVM has no gathers and shuffles of single values.
      lanes =
        count == 1 && mask == nil ? nil : LaneContext(axis: axis, count: count, mask: mask, multiple: Int64(multiple))
      bind(axis, base)
      body()
    }
    (lanes, axes[axis.id]) = (outer, outerBinding)
  }
}

/// The lanes of a vector loop.
struct LaneContext {
  var axis: Axis
  var count: Int
  /// Lanes without effect, when there are any.
  var mask: Value?
  /// The axis' value in the first lane is a multiple of this.
  var multiple: Int64
  var shapes: [Int: LaneShape] = [:]
  var multiples: [Int: Int64] = [:]
  /// Per reduced local, the address of this vector's partial results.
  var partials: [Int: (value: Value, type: ValueType)] = [:]

  init(axis: Axis, count: Int, mask: Value?, multiple: Int64) {
    self.axis = axis
    self.count = count
    self.mask = mask
    self.multiple = multiple
  }
}
