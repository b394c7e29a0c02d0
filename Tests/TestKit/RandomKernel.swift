// SPDX-License-Identifier: Apache-2.0
// Random legal kernels with memory to run them on: every statement, element type, loop mode and kind of offset.

import KernelIR
import TensorCore

/// A kernel with its arguments; equal seeds give equal kernels.
package struct RandomKernel {
  package let kernel: Kernel
  package let sizes: [Int]
  /// The number of tiles for these sizes.
  package let tiles: Int
  /// What each parameter's buffer holds before the run; no access leaves these bytes.
  package let buffers: [[UInt8]]

  package struct Options {
    /// Only functions whose results IEEE 754 fixes, and sums that are exact in any order, so that every correct
    /// compilation gives the same bits.
    package var isExact = true
    /// The largest extent of a loop.
    package var maximumExtent = 40
    package init() {}
  }

  package init(seed: UInt64, options: Options = Options()) {
    var builder = RandomKernelBuilder(seed, options)
    (kernel, sizes, buffers) = builder.build(name: "random\(seed)")
    tiles = builder.axes[0].extent.value
  }

  /// Runs the kernel, or one that should do the same, by its definition and gives the bytes after it.
  package func evaluated(_ other: Kernel? = nil) throws -> [[UInt8]] {
    let memory = buffers.map { contents in
      let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(contents.count, 1), alignment: 64)
      bytes.copyBytes(from: contents)
      return bytes
    }
    defer { for bytes in memory { bytes.deallocate() } }
    let arguments = zip(memory, buffers).map { UnsafeMutableRawBufferPointer(rebasing: $0[0..<$1.count]) }
    try KernelEvaluator.evaluate(other ?? kernel, buffers: arguments, sizes: sizes, checkTiles: true)
    return arguments.map { Array($0) }
  }
}

/// A loop's range, as text has it and as a number.
struct RandomExtent {
  var expr: Expr
  var value: Int
}

struct RandomKernelBuilder {
  var random: SeededRandom
  let options: RandomKernel.Options
  var sizes: [Int] = []
  var parameters: [Kernel.Parameter] = []
  var contents: [[UInt8]] = []
  var scratch: [Kernel.Scratch] = []
  var axisCount = 0
  var localCount = 0

  /// The axes around the current place with their extents, outermost first.
  var axes: [(axis: Axis, extent: RandomExtent)] = []
  /// Locals that expressions may read here.
  var readable: [Local] = []
  var isInVectorLoop = false

  init(_ seed: UInt64, _ options: RandomKernel.Options) {
    random = SeededRandom(seed)
    self.options = options
  }

  mutating func build(name: String) -> (Kernel, [Int], [[UInt8]]) {
    for _ in 0..<Int.random(in: 1...3, using: &random) { sizes.append(Int.random(in: 1...9, using: &random)) }
    let tileAxis = newAxis("t")
    let tiles = extent(maximum: 8)
    axes = [(tileAxis, tiles)]
    var body: [Statement] = []
    for _ in 0..<Int.random(in: 1...3, using: &random) { body += block() }
    var numbering = Substitution()
    for index in scratch.indices { numbering.buffers[Self.scratchBase + index] = parameters.count + index }
    let kernel = Kernel(
      name: name, parameters: parameters, scratch: scratch, sizes: sizes.indices.map { "n\($0)" }, tileAxis: tileAxis,
      tiles: tiles.expr, body: numbering(body))
    return (kernel, sizes, contents)
  }

  // MARK: Names and extents

  mutating func newAxis(_ name: String) -> Axis {
    defer { axisCount += 1 }
    return Axis(id: axisCount, name: axisCount == 0 ? name : "\(name)\(axisCount)")
  }

  mutating func newLocal(_ name: String, _ dtype: DType) -> Local {
    defer { localCount += 1 }
    return Local(id: localCount, name: "\(name)\(localCount)", dtype: dtype)
  }

  mutating func extent(maximum: Int) -> RandomExtent {
    let index = Int.random(in: 0..<sizes.count, using: &random)
    let choice = Int.random(in: 0..<6, using: &random)
    if choice == 0 && sizes[index] <= maximum { return RandomExtent(expr: .size(index), value: sizes[index]) }
    if choice == 1 && sizes[index] * 3 <= maximum {
      return RandomExtent(expr: .size(index) * .int(3), value: sizes[index] * 3)
    }
    if choice == 2 {
      let value = (sizes[index] + 3) / 4
      return RandomExtent(expr: .floorDiv(.size(index) + .int(3), .int(4)), value: value)
    }
    let value = Int.random(in: 1...maximum, using: &random)
    return RandomExtent(expr: .int(value), value: value)
  }

  // MARK: Blocks

  /// A piece of a kernel's body that computes something and stores it.
  private mutating func block() -> [Statement] {
    let outer = (axes, readable)
    defer { (axes, readable) = outer }
    switch Int.random(in: 0..<8, using: &random) {
    case 0, 1, 2: return elementwise()
    case 3, 4: return reduction()
    case 5: return viaScratch()
    case 6: return contraction()
    default: return counting()
    }
  }

  /// Loops around stores.
  private mutating func elementwise() -> [Statement] {
    var loops: [(Axis, RandomExtent, LoopMode)] = []
    for level in 0..<Int.random(in: 1...3, using: &random) {
      let loop = newLoop(isInnermost: level == 2 || random.oneIn(2))
      loops.append(loop)
      if case .vector = loop.2 { break }
    }
    if case .vector = loops.last?.2 { isInVectorLoop = true }
    var body = definitions() + [store()]
    if random.oneIn(4), !parameters.isEmpty, let (axis, _) = axes.last {
      // Far outside of the buffer as well: nothing may be read.
      body.append(
        .prefetch(
          buffer: Int.random(in: 0..<parameters.count, using: &random),
          offset: .axis(axis) * .int(random.pick([1, 1000])) + .int(random.pick([-1 << 40, 0, 64]))))
    }
    isInVectorLoop = false
    for (axis, extent, mode) in loops.reversed() { body = [.loop(Loop(axis, extent.expr, mode, body))] }
    return body
  }

  mutating func newLoop(isInnermost: Bool) -> (Axis, RandomExtent, LoopMode) {
    let axis = newAxis("i")
    if isInnermost && random.oneIn(5) {
      let count = Int.random(in: 1...6, using: &random)
      let extent = RandomExtent(expr: .int(count), value: count)
      axes.append((axis, extent))
      return (axis, extent, .unrolled)
    }
    let extent = extent(maximum: isInnermost ? options.maximumExtent : 4)
    axes.append((axis, extent))
    return (axis, extent, isInnermost && !random.oneIn(4) ? .vector(unroll: random.pick([1, 2, 4])) : .serial)
  }

  private mutating func definitions() -> [Statement] {
    var result: [Statement] = []
    for _ in 0..<Int.random(in: 0...2, using: &random) {
      let dtype = random.pick(Self.valueTypes)
      let local = newLocal("d", dtype)
      result.append(.define(local, value(dtype, depth: 2)))
      readable.append(local)
    }
    return result
  }

  static let valueTypes: [DType] = [.f32, .f32, .f32, .f64, .i32, .i64, .u8, .i8, .i16, .u16, .u32, .u64, .bool]
  static let storedTypes: [DType] = [
    .f32, .f32, .f32, .f64, .f16, .bf16, .i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64, .bool,
  ]

  /// A store of a random value at the current point, to a buffer of its own; sometimes under a branch.
  mutating func store(_ value: Expr? = nil) -> Statement {
    let dtype = value?.dtype ?? random.pick(Self.storedTypes)
    let readsBack = value == nil && random.oneIn(5)
    let (buffer, offset) = newBuffer(dtype, readsBack ? .readWrite : .write, over: axes.map { ($0.axis, $0.extent) })
    var value = value ?? self.value(dtype.computeType, depth: 3)
    if readsBack {
      value = .select(self.value(.bool, depth: 1), .load(buffer, dtype, at: offset), value)
    }
    let condition = random.oneIn(4) ? self.value(.bool, depth: 1) : nil
    let store = Statement.store(buffer: buffer, offset: offset, value: value, guard: condition)
    guard random.oneIn(6) else { return store }
    return .branch(self.value(.bool, depth: 1), then: [store], else: [])
  }

  /// An accumulation per tile, used by a second loop.
  private mutating func reduction() -> [Statement] {
    let dtype = random.pick([DType.f32, .f32, .f64, .i32, .i64, .u8, .bool])
    let combiners: [Combiner] =
      dtype == .bool ? [.and, .or] : dtype.isFloat ? [.sum, .max, .min] : [.sum, .product, .max, .min, .and, .or]
    let combiner = random.pick(combiners)
    let total = newLocal("r", dtype)
    var result: [Statement] = [.variable(total, value(dtype, depth: 0))]
    let isIndexed = dtype != .bool && random.oneIn(3)
    let index = newLocal("x", .i64)
    if isIndexed { result.append(.variable(index, .int(0))) }

    let saved = (axes, readable)
    let (axis, extent, mode) = newLoop(isInnermost: true)
    if case .vector = mode { isInVectorLoop = true }
    var element = value(dtype, depth: 2)
    if combiner == .sum && dtype.isFloat && options.isExact && !isIndexed {
      // Whole numbers, so that the order of the sum does not matter.
      element = .unary(.round, .max(.min(element, .real(64, dtype)), .real(-64, dtype)))
    }
    var body: [Statement]
    if isIndexed {
      body = [
        .accumulateIndex(
          value: total, index: index, random.pick([.max, .min]), element, at: .axis(axis), lastIndex: random.oneIn(2))
      ]
    } else {
      body = [.accumulate(total, combiner, element)]
    }
    if random.oneIn(5) { body = [.branch(value(.bool, depth: 1), then: body, else: [])] }
    isInVectorLoop = false
    result.append(.loop(Loop(axis, extent.expr, mode, body)))
    (axes, readable) = saved

    readable += isIndexed ? [total, index] : [total]
    if random.oneIn(2) { return result + [store(.local(isIndexed ? index : total))] }
    return result + elementwise()
  }

  /// Fills scratch memory and reads it back in another order.
  private mutating func viaScratch() -> [Statement] {
    let dtype = random.pick(Self.storedTypes)
    let saved = (axes, readable)
    let (axis, extent, mode) = newLoop(isInnermost: true)
    if case .vector = mode { isInVectorLoop = true }
    // Scratch buffers are numbered after the parameters; the number is settled once these are all known.
    let number = Self.scratchBase + scratch.count
    scratch.append(Kernel.Scratch("s\(scratch.count)", dtype, count: extent.value))
    let write = Statement.store(
      buffer: number, offset: .axis(axis), value: value(dtype.computeType, depth: 2), guard: nil)
    isInVectorLoop = false
    (axes, readable) = saved
    let (other, second) = (newAxis("i"), extent)
    axes.append((other, second))
    let local = newLocal("d", dtype.computeType)
    readable.append(local)
    let read = Statement.define(local, .load(number, dtype, at: second.expr - .int(1) - .axis(other)))
    return [
      .loop(Loop(axis, extent.expr, mode, [write])),
      .loop(Loop(other, second.expr, random.oneIn(2) ? .serial : .vector(unroll: 2), [read, store()])),
    ]
  }

  static let scratchBase = 1000

  /// A variable that a `while` changes.
  private mutating func counting() -> [Statement] {
    let (count, sum) = (newLocal("c", .i64), newLocal("v", .f32))
    let start = Expr.binary(.and, value(.i64, depth: 1), .int(15))
    let first = value(.f32, depth: 0)
    let step: [Statement] = [
      .assign(sum, .local(sum) * .real(0.5, .f32) + value(.f32, depth: 1)),
      .branch(value(.bool, depth: 1), then: [.accumulate(sum, .max, value(.f32, depth: 1))], else: []),
      .assign(count, .local(count) - .int(1)),
    ]
    readable += [count, sum]
    return [
      .variable(count, start), .variable(sum, first),
      .repeatWhile(.binary(.gt, .local(count), .int(0)), step), store(),
    ]
  }

  // MARK: Memory

  /// A new buffer that has an element for every point of some axes, and the offset at the current point.
  mutating func newBuffer(
    _ dtype: DType, _ access: Kernel.Access, over dimensions: [(axis: Axis, extent: RandomExtent)]
  ) -> (buffer: Int, offset: Expr) {
    var offset = Expr.int(0)
    var stride = RandomExtent(expr: .int(1), value: 1)
    for (axis, extent) in random.oneIn(3) ? dimensions.shuffled(using: &random) : dimensions.reversed() {
      offset = offset + .axis(axis) * stride.expr
      let padding = random.oneIn(6) ? 2 : 0
      stride.expr = stride.expr * (extent.expr + .int(padding))
      stride.value *= extent.value + padding
    }
    let shift = random.oneIn(4) ? Int.random(in: 1...5, using: &random) : 0
    let index = parameters.count
    parameters.append(Kernel.Parameter("b\(index)", dtype, access, isStreamed: access == .write && random.oneIn(3)))
    contents.append(randomContents(dtype, count: stride.value + shift))
    return (index, disguised(offset + .int(shift)))
  }

  /// An offset, or the same number in the way a chain of reshapes would say it.
  private mutating func disguised(_ offset: Expr) -> Expr {
    guard random.oneIn(4) else { return offset }
    let divisor = Expr.int(Int.random(in: 2...9, using: &random))
    return .floorDiv(offset, divisor) * divisor + .mod(offset, divisor)
  }

  /// Elements that are worth computing with: small, large, and special ones.
  mutating func randomContents(_ dtype: DType, count: Int) -> [UInt8] {
    let specials: [Double] = [0, -0.0, .infinity, -.infinity, .nan, 1, -1, 0.5, 1e30, 1e-30, 65504, 3e-8]
    guard let tensor = Tensor(zeros: dtype, [count]) else { return [] }
    for index in 0..<count {
      if dtype.isFloat {
        let isSpecial = !options.isExact ? random.oneIn(40) : random.oneIn(12)
        tensor.set(index, isSpecial ? random.pick(specials) : Double.random(in: -4...4, using: &random))
      } else {
        let bits = Int64(bitPattern: random.next())
        tensor.set(index, integer: random.oneIn(3) ? bits : bits % 10)
      }
    }
    return Array(tensor.bytes)
  }
}
