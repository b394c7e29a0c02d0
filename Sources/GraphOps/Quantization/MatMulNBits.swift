// SPDX-License-Identifier: Apache-2.0
// Matrix products with weights of few bits in blocks.

import GraphIR
import TensorCore

/// Elements are packed from the lowest bits of a byte up. Without zero points the middle of the range stands for 0.
package struct MatMulNBits: Operation {
  package static let name = "MatMulNBits"
  package static let summary =
    "A · Wᵀ with W [N, K] stored as integers of 2, 4 or 8 bits: (b - zero) · scale for each block along K."
  package static let operands = [
    Slot("A"), Slot("B"), Slot("scales"), Slot("zero_points", .optional), Slot("g_idx", .optional),
    Slot("bias", .optional),
  ]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("K", \.depth, "columns of W"),
      Attribute("N", \.width, "rows of W"),
      Attribute("bits", \.bits, "2, 4 or 8"),
      Attribute("block_size", \.blockSize, "elements that share a scale, a power of two from 16 on"),
      Attribute("accuracy_level", \.accuracyLevel, "a hint without meaning here"),
    ]
  }
  package var depth = 0
  package var width = 0
  package var bits = 4
  package var blockSize = 32
  package var accuracyLevel = 0
  package init() {}

  private var blocks: Int { (depth + blockSize - 1) / blockSize }
  /// Elements in a byte.
  private var packed: Int { 8 / bits }
  /// Bytes of one row's zero points.
  private var zeroBytes: Int { (blocks + packed - 1) / packed }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let a = operands[0], let b = operands[1], let scales = operands[2] else {
      throw TypeError("'MatMulNBits' needs three operands")
    }
    guard depth > 0, width > 0, depth < 1 << 31, width < 1 << 31, [2, 4, 8].contains(bits), blockSize >= 16,
      blockSize <= 1 << 20, blockSize & (blockSize - 1) == 0
    else {
      throw TypeError("'MatMulNBits' cannot have K \(depth), N \(width), \(bits) bits and blocks of \(blockSize)")
    }
    guard a.dtype.isFloat, a.rank > 0, a.shape[a.rank - 1] == Dim(depth) else {
      throw TypeError("A of 'MatMulNBits' is \(a), expected rows of \(depth)", operand: 0)
    }
    guard b.dtype == .u8, b.elementCount == Dim(width * blocks * blockSize / packed) else {
      throw TypeError("B of 'MatMulNBits' is \(b), expected u8[\(width), \(blocks), \(blockSize / packed)]", operand: 1)
    }
    guard scales.dtype == a.dtype, scales.elementCount == Dim(width * blocks) else {
      throw TypeError("the scales of 'MatMulNBits' are \(scales), expected [\(width), \(blocks)]", operand: 2)
    }
    if let zeros = optional(operands, 3) {
      guard zeros.dtype == .u8 && zeros.elementCount == Dim(width * zeroBytes)
        || zeros.dtype == a.dtype && zeros.elementCount == Dim(width * blocks)
      else { throw TypeError("the zero points of 'MatMulNBits' are \(zeros)", operand: 3) }
    }
    if let groups = optional(operands, 4) {
      try checkIndices(groups, operand: 4, for: Self.name)
      guard groups.shape == [Dim(depth)] || groups.shape == [Dim(blocks * blockSize)] else {
        throw TypeError("'g_idx' of 'MatMulNBits' is \(groups), expected [\(depth)]", operand: 4)
      }
    }
    if let bias = optional(operands, 5), bias != TensorType(a.dtype, [Dim(width)]) {
      throw TypeError("the bias of 'MatMulNBits' is \(bias), expected [\(width)]", operand: 5)
    }
    return [TensorType(a.dtype, a.shape.dropLast() + [Dim(width)])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let a = operands[0], let b = operands[1], let scales = operands[2] else {
      throw TypeError("'MatMulNBits' needs three operands")
    }
    let type = try inferTypes(operands.map { $0?.type })[0]
    let (zeros, groups, bias) = (optional(operands, 3), optional(operands, 4), optional(operands, 5))
    let mask = Int64(1 << bits - 1)
    /// An element of packed rows of `bytes` bytes.
    func unpacked(_ x: Reference, _ row: Int, _ column: Int, _ bytes: Int) -> Double {
      Double(x.integers[row * bytes + column / packed] >> Int64(column % packed * bits) & mask)
    }
    var result = Reference(zeros: a.dtype, try staticSizes(type.shape, for: Self.name))
    for position in result.reals.indices {
      let (row, n) = (position / width, position % width)
      var sum = bias?.reals[n] ?? 0
      for k in 0..<depth {
        let block = groups.map { clampedIndex($0.integers[k], blocks) } ?? k / blockSize
        var zero = Double(1 << (bits - 1))
        if let zeros {
          zero = zeros.dtype == .u8 ? unpacked(zeros, n, block, zeroBytes) : zeros.reals[n * blocks + block]
        }
        let weight = (unpacked(b, n, k, blocks * blockSize / packed) - zero) * scales.reals[n * blocks + block]
        sum += a.reals[row * depth + k] * weight
      }
      result.reals[position] = sum
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let a = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      guard let b = operands[1], let scales = operands[2] else { throw TypeError("'MatMulNBits' needs three operands") }
      let input = try builder.widened(operands[0])
      let wide = builder.type(input).dtype
      let (rows, columns) = (Dim(width), Dim(blocks))
      var weights = try builder.narrowed(try unpacked(b, count: blocks * blockSize, &builder), to: wide)
      var zeros = try builder.scalar(Double(1 << (bits - 1)), wide)
      if let given = optional(operands, 3) {
        if builder.type(given).dtype == .u8 {
          let all = try unpacked(given, count: zeroBytes * packed, &builder)
          zeros = try builder.narrowed(try builder.slice(all, axis: 1, from: 0, to: columns), to: wide)
        } else {
          zeros = try builder.reshaped(try builder.widened(given), [rows, columns])
        }
      }
      var factors = try builder.reshaped(try builder.widened(scales), [rows, columns])
      if let groups = optional(operands, 4) {
        let used = try builder.slice(groups, axis: 0, from: 0, to: Dim(depth))
        weights = try builder.slice(weights, axis: 1, from: 0, to: Dim(depth))
        factors = try builder.emit(Gather(axis: 1), factors, used)
        if builder.type(zeros).rank == 2 { zeros = try builder.emit(Gather(axis: 1), zeros, used) }
        weights = try builder.mul(try builder.sub(weights, zeros), factors)
      } else {
        let split = [rows, columns, Dim(blockSize)]
        if builder.type(zeros).rank == 2 { zeros = try builder.reshaped(zeros, [rows, columns, 1]) }
        let centred = try builder.sub(try builder.reshaped(weights, split), zeros)
        weights = try builder.mul(centred, try builder.reshaped(factors, [rows, columns, 1]))
        weights = try builder.reshaped(weights, [rows, columns * Dim(blockSize)])
        weights = try builder.slice(weights, axis: 1, from: 0, to: Dim(depth))
      }
      var y = try builder.emit(MatMul(), input, try builder.transposed(weights, [1, 0]))
      if let bias = optional(operands, 5) { y = try builder.add(y, try builder.widened(bias)) }
      return [try builder.narrowed(y, to: a.dtype)]
    }
  }

  /// Packed rows as u8 `[N, count]`.
  private func unpacked(_ x: ValueID, count: Int, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let bytes = try builder.reshaped(x, [Dim(width), Dim(count / packed), 1])
    if bits == 8 { return try builder.reshaped(bytes, [Dim(width), Dim(count)]) }
    let places = try builder.scaled(try builder.range(Dim(packed), .u8), by: Double(bits))
    var shift = BitShift()
    shift.direction = "RIGHT"
    let moved = try builder.emit(shift, bytes, places)
    let kept = try builder.emit(BitwiseAnd(), moved, try builder.scalar(Double(1 << bits - 1), .u8))
    return try builder.reshaped(kept, [Dim(width), Dim(count)])
  }

  package static var rules: [Rule] {
    [
      // Bytes that are known become floats once, four times as large. Fewer bits would be eight or sixteen times as
      // large: they stay packed, and each run unpacks them.
      Rule("unpack-bytes", on: MatMulNBits.self) { operation, context throws(TypeError) in
        guard let a = context.operands[0], let type = context.type(0), type.dtype == .f32,
          let weights = operation.knownWeights(context)
        else { return nil }
        let rows = try context.builder.constant(weights)
        let y = try context.builder.emit(MatMul(), a, try context.builder.transposed(rows, [1, 0]))
        guard let bias = optional(context.operands, 5) else { return [y] }
        return [try context.builder.add(y, bias)]
      }
    ]
  }

  /// `(b - zero) · scale` as f32 [N, K], where all of them are constants of whole bytes.
  private func knownWeights(_ context: RuleContext) -> Tensor? {
    guard bits == 8, optional(context.operands, 4) == nil, let b = context.constant(1), let scales = context.constant(2)
    else { return nil }
    let zeros = context.constant(3)
    guard optional(context.operands, 3) == nil || zeros != nil, let result = Tensor(zeros: .f32, [width, depth]) else {
      return nil
    }
    let elements = result.mutableBytes.bindMemory(to: Float.self)
    let bytes = b.bytes
    for n in 0..<width {
      for block in 0..<blocks {
        let zero = Float(zeros?.double(n * blocks + block) ?? 128)
        let scale = Float(scales.double(n * blocks + block))
        for k in block * blockSize..<min(depth, (block + 1) * blockSize) {
          elements[n * depth + k] = (Float(bytes[n * blocks * blockSize + k]) - zero) * scale
        }
      }
    }
    return result
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = MatMulNBits()
    operation.depth = random.int(1...40)
    operation.width = random.int(1...5)
    operation.bits = random.pick([2, 4, 4, 8])
    operation.blockSize = random.pick([16, 32])
    let dtype = random.dtype([.f32, .f64])
    let (rows, blocks) = (Dim(operation.width), Dim(operation.blocks))
    let zeros = [nil, TensorType(.u8, [rows, Dim(operation.zeroBytes)]), TensorType(dtype, [rows, blocks])]
    return Sample(
      operation,
      [
        TensorType(dtype, [Dim(random.int(1...3)), Dim(operation.depth)]),
        TensorType(.u8, [rows, blocks, Dim(operation.blockSize / operation.packed)]), TensorType(dtype, [rows, blocks]),
        random.pick(zeros), random.bool() ? TensorType(.i32, [Dim(operation.depth)]) : nil,
        random.bool() ? TensorType(dtype, [rows]) : nil,
      ], ranges: [1: 0...255, 2: 0.05...0.2, 3: 0...9, 4: 0...Double(operation.blocks - 1)])
  }
}
