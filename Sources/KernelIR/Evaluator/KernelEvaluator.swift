// SPDX-License-Identifier: Apache-2.0
// Runs a kernel by its definition: slowly, with every access checked. The oracle for generated code.

import TensorCore

/// A kernel did what it must not: the message names the statement and the place.
package struct KernelEvaluationError: Error, CustomStringConvertible {
  package var description: String
}

/// Evaluates verified kernels. f32 arithmetic rounds at every operation, reductions run in the order of their loops
/// (generated vector loops combine partial results, so sums may differ in their last bits), contractions use one
/// fused multiply-add per depth step (generated ones may round pairs of bf16 products otherwise).
package struct KernelEvaluator {
  private let kernel: Kernel
  private var buffers: [ElementBuffer] = []
  private var values: [Int64]
  private let tileSlot: Int
  /// The tile that wrote each element, when writes of several tiles to one element are looked for.
  private var writers: [Element: Int64]?

  private struct Element: Hashable {
    var buffer: Int
    var offset: Int
  }

  /// Runs tiles of a kernel (nil: all) over the bytes of its parameters.
  ///
  /// - Parameters:
  ///   - sizes: the run-time sizes in order, each at least 0.
  ///   - checkTiles: also fails when two tiles touch an element that one of them writes. Not for buffers that
  ///     share memory.
  /// - Throws: `KernelEvaluationError` for wrong arguments and for any access outside its buffer.
  package static func evaluate(
    _ kernel: Kernel, buffers: [UnsafeMutableRawBufferPointer], sizes: [Int], tiles: Range<Int>? = nil,
    checkTiles: Bool = false
  ) throws {
    guard buffers.count == kernel.parameters.count, sizes.count == kernel.sizes.count else {
      throw KernelEvaluationError(
        description: "kernel '\(kernel.name)' takes \(kernel.parameters.count) buffers and \(kernel.sizes.count) "
          + "sizes, found \(buffers.count) and \(sizes.count)")
    }
    var compiler = EvaluationCompiler(kernel)
    // Before the body, whose expressions' places would seem to hold equal ones of the tile count.
    var tileCode: [EvaluationInstruction] = []
    let tileCount = compiler.slot(kernel.tiles, &tileCode)
    let steps = compiler.steps(kernel.body)
    var evaluator = KernelEvaluator(kernel, sizes, slots: compiler.total)
    evaluator.buffers = zip(buffers, kernel.parameters).map { ElementBuffer($0, $1.dtype) }
    let scratch = try kernel.scratch.map { scratch in
      let bytes = scratch.dtype.byteCount(max(scratch.count, 0)) ?? .max
      guard bytes <= 1 << 30 else {
        throw KernelEvaluationError(description: "the scratch memory '\(scratch.name)' is too large")
      }
      return UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes, 1), alignment: 64)
    }
    defer { for memory in scratch { memory.deallocate() } }
    evaluator.buffers += zip(scratch, kernel.scratch).map { ElementBuffer($0, $1.dtype) }
    if checkTiles { evaluator.writers = [:] }

    try evaluator.run(tileCode, nil)
    for tile in tiles ?? 0..<Int(max(evaluator.values[tileCount], 0)) {
      // What a tile finds in scratch memory is nothing to rely on: NaN as a float, -1 as an integer.
      for memory in scratch { memory.initializeMemory(as: UInt8.self, repeating: 0xFF) }
      evaluator.values[evaluator.tileSlot] = Int64(tile)
      try evaluator.run(steps)
    }
  }

  private init(_ kernel: Kernel, _ sizes: [Int], slots: Int) {
    self.kernel = kernel
    values = sizes.map { Int64($0) } + Array(repeating: 0, count: slots - sizes.count)
    tileSlot = sizes.count
  }

  // MARK: Expressions

  private mutating func run(_ code: [EvaluationInstruction], _ statement: Statement?) throws {
    for instruction in code {
      let value: Int64
      switch instruction.operation {
      case .constant(let constant): value = constant
      case .load(let buffer, let offset, let condition):
        if let condition, values[condition] == 0 {
          value = 0
        } else {
          value = buffers[buffer].load(try checked(values[offset], buffer, statement, isWrite: false))
        }
      case .unary(let function, let x): value = function.evaluate(values[x], instruction.source)
      case .binary(let function, let a, let b): value = function.evaluate(values[a], values[b], instruction.source)
      case .select(let c, let a, let b): value = values[c] != 0 ? values[a] : values[b]
      case .cast(let x): value = ScalarBits.cast(values[x], from: instruction.source, to: instruction.dtype)
      case .bitcast(let x): value = ScalarBits.bitcast(values[x], to: instruction.dtype)
      }
      values[instruction.result] = value
    }
  }

  /// An element offset after its check.
  private mutating func checked(
    _ offset: Int64, _ buffer: Int, _ statement: Statement?, isWrite: Bool
  ) throws -> Int {
    guard offset >= 0, offset < Int64(buffers[buffer].count) else {
      let name =
        buffer < kernel.parameters.count
        ? kernel.parameters[buffer].name : kernel.scratch[buffer - kernel.parameters.count].name
      throw failure(
        "element \(offset) of '\(name)', which has \(buffers[buffer].count), is \(isWrite ? "written" : "read")",
        statement)
    }
    if writers != nil, buffer < kernel.parameters.count {
      try checkTile(Element(buffer: buffer, offset: Int(offset)), statement, isWrite: isWrite)
    }
    return Int(offset)
  }

  private mutating func checkTile(_ element: Element, _ statement: Statement?, isWrite: Bool) throws {
    let tile = values[tileSlot]
    if let writer = writers?[element], writer != tile {
      let name = kernel.parameters[element.buffer].name
      throw failure(
        "element \(element.offset) of '\(name)' is \(isWrite ? "written" : "read") by tile \(tile) and written by "
          + "tile \(writer)", statement)
    }
    if isWrite { writers?[element] = tile }
  }

  private func failure(_ message: String, _ statement: Statement?) -> KernelEvaluationError {
    let place = statement.map { ", in '\(KernelPrinter.summary($0, of: kernel))'" } ?? ""
    return KernelEvaluationError(
      description: "kernel '\(kernel.name)', tile \(values[tileSlot]): \(message)\(place)")
  }

  // MARK: Statements

  private mutating func run(_ steps: [EvaluationStep]) throws {
    for step in steps { try run(step) }
  }

  private mutating func run(_ step: EvaluationStep) throws {
    let statement = step.statement
    try run(step.code, statement)
    switch statement {
    case .loop:
      let extent = values[step.operands[0]]
      var index: Int64 = 0
      while index < extent {
        values[step.slots[0]] = index
        try run(step.bodies[0])
        index += 1
      }
    case .define, .variable, .assign:
      values[step.slots[0]] = values[step.operands[0]]
    case .accumulate(let local, let combiner, _):
      let slot = step.slots[0]
      values[slot] = combiner.function.evaluate(values[slot], values[step.operands[0]], local.dtype)
    case .accumulateIndex(let local, _, let combiner, _, _, let last):
      let new = values[step.operands[0]]
      if combiner.replaces(new, values[step.slots[0]], local.dtype, lastIndex: last) {
        values[step.slots[0]] = new
        values[step.slots[1]] = values[step.operands[1]]
      }
    case .store(let buffer, _, _, let condition):
      if condition != nil && values[step.operands[2]] == 0 { return }
      let offset = try checked(values[step.operands[0]], buffer, statement, isWrite: true)
      buffers[buffer].store(values[step.operands[1]], offset)
    case .prefetch: break
    case .branch:
      try run(step.bodies[values[step.operands[0]] != 0 ? 0 : 1])
    case .repeatWhile:
      while values[step.operands[0]] != 0 {
        try run(step.bodies[0])
        try run(step.code, statement)
      }
    case .contract(let contract):
      try run(contract, step)
    }
  }

  private mutating func run(_ contract: Contract, _ step: EvaluationStep) throws {
    let uniform = step.operands.map { values[$0] }
    let (rows, columns) = (uniform[0], uniform[1])
    let depth = (0..<contract.depth.count).map {
      DepthRun(uniform[2 + 3 * $0], uniform[3 + 3 * $0], uniform[4 + 3 * $0])
    }
    let bOffset = uniform[uniform.count - 1]
    let steps = depth.reduce(Int64(1)) { $0 &* max($1.extent, 0) }
    let width = Int64(max(contract.tile.columns, 1))
    // Elements of B that one depth step of a packed panel takes.
    let stepWidth = width &* Int64(contract.accumulators.count)
    let types = (buffers[contract.a].dtype, buffers[contract.b].dtype)
    let together = contract.bIsInterleaved ? Int64(Contract.stepsTogether(types.0, types.1) ?? 1) : 1
    // Steps of the innermost axis, and how many places they take.
    let inner = depth.last.map { max($0.extent, 1) } ?? 1
    let places = (inner &+ together &- 1) / together &* together
    let (rowSlot, columnSlot, sums) = (step.slots[0], step.slots[1], step.slots.dropFirst(2))
    var row: Int64 = 0
    while row < rows {
      var column: Int64 = 0
      while column < columns {
        values[rowSlot] = row
        values[columnSlot] = column
        try run(step.rowCode, step.statement)
        let aStart = values[step.rowOperand]
        let panelStride = steps / inner &* places &* stepWidth
        let panel = contract.bIsPacked ? (column / width) &* panelStride &+ column % width &* together : column
        for (group, slot) in sums.enumerated() {
          let bStart = bOffset &+ panel &+ Int64(group) &* width &* together
          var sum: Int64 = 0
          for k in 0..<steps {
            var (a, b, rest) = (aStart, bStart, k)
            for axis in depth.reversed() {
              a = a &+ rest % axis.extent &* axis.aStride
              b = b &+ rest % axis.extent &* axis.bStride
              rest /= axis.extent
            }
            if contract.bIsPacked {
              let place = k / inner &* places &+ k % inner
              b = bStart &+ place / together &* together &* stepWidth &+ place % together
            }
            let x = buffers[contract.a].load(try checked(a, contract.a, step.statement, isWrite: false))
            let y = buffers[contract.b].load(try checked(b, contract.b, step.statement, isWrite: false))
            sum = Self.multiplyAdd(x, y, sum, contract.sumType)
          }
          values[slot] = sum
        }
        try run(step.bodies[0])
        column += 1
      }
      row += 1
    }
  }

  private struct DepthRun {
    var extent, aStride, bStride: Int64
    init(_ extent: Int64, _ aStride: Int64, _ bStride: Int64) {
      (self.extent, self.aStride, self.bStride) = (extent, aStride, bStride)
    }
  }

  /// `x · y + sum`, rounded once.
  private static func multiplyAdd(_ x: Int64, _ y: Int64, _ sum: Int64, _ dtype: DType) -> Int64 {
    switch dtype {
    case .f32: ScalarBits.bits(ScalarBits.float(sum).addingProduct(ScalarBits.float(x), ScalarBits.float(y)))
    case .f64: ScalarBits.bits(ScalarBits.double(sum).addingProduct(ScalarBits.double(x), ScalarBits.double(y)))
    default: ScalarBits.integer(sum &+ x &* y, dtype)
    }
  }
}
