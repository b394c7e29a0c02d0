// SPDX-License-Identifier: Apache-2.0
// Matrix product with numpy's rules for ranks and batches.

import GraphIR
import KernelIR
import TensorCore

package struct MatMul: Operation {
  package static let name = "MatMul"
  package static let summary =
    "The matrix product of the last two axes, batched over the others with broadcasting (numpy's matmul)."
  package static let operands = [Slot("A"), Slot("B")]
  package static let accuracy = Accuracy.accumulation
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let a = operands[0], let b = operands[1] else { throw TypeError("'MatMul' needs two operands") }
    guard a.dtype == b.dtype else {
      throw TypeError("'MatMul' needs operands of one element type, found \(a.dtype) and \(b.dtype)", operand: 1)
    }
    guard DType.numbers.contains(a.dtype) else { throw TypeError("'MatMul' does not take \(a.dtype)", operand: 0) }
    guard a.rank > 0, b.rank > 0 else {
      throw TypeError("'MatMul' does not take scalars", operand: a.rank == 0 ? 0 : 1, note: "use Mul")
    }
    let depth = a.shape[a.rank - 1]
    let other = b.shape[b.rank == 1 ? 0 : b.rank - 2]
    guard depth == other else {
      throw TypeError(
        "the last axis of A (\(depth)) and the \(b.rank == 1 ? "only" : "last but one") axis of B (\(other)) of "
          + "'MatMul' differ: \(a) and \(b)", operand: 1)
    }
    let batch = try broadcast(
      [TensorType(a.dtype, a.shape.dropLast(2)), TensorType(b.dtype, b.shape.dropLast(2))], for: Self.name)
    let rows = a.rank > 1 ? [a.shape[a.rank - 2]] : []
    let columns = b.rank > 1 ? [b.shape[b.rank - 1]] : []
    return [TensorType(a.dtype, batch + rows + columns)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let a = operands[0], let b = operands[1] else { throw TypeError("'MatMul' needs two operands") }
    let shape = try inferTypes([a.type, b.type])[0].shape.compactMap(\.value)
    let depth = a.shape[a.shape.count - 1]
    let rows = a.shape.count > 1 ? a.shape[a.shape.count - 2] : 1
    let columns = b.shape.count > 1 ? b.shape[b.shape.count - 1] : 1
    let batch = Array(shape.dropLast((a.shape.count > 1 ? 1 : 0) + (b.shape.count > 1 ? 1 : 0)))
    let aBatch = broadcastStrides(Array(a.shape.dropLast(2)), to: batch)
    let bBatch = broadcastStrides(Array(b.shape.dropLast(2)), to: batch)
    var result = Reference(zeros: a.dtype, shape)
    forEachIndex(batch) { position, index in
      let aBase = zip(index, aBatch).reduce(0) { $0 + $1.0 * $1.1 } * rows * depth
      let bBase = zip(index, bBatch).reduce(0) { $0 + $1.0 * $1.1 } * depth * columns
      let place = position * rows * columns
      if a.dtype.isFloat {
        MatMul.multiply(a.reals[aBase...], b.reals[bBase...], &result.reals, place, rows, depth, columns)
      } else {
        for m in 0..<rows {
          for n in 0..<columns {
            var sum: Int64 = 0
            for k in 0..<depth { sum &+= a.integers[aBase + m * depth + k] &* b.integers[bBase + k * columns + n] }
            result.integers[place + m * columns + n] = wrap(sum, to: a.dtype)
          }
        }
      }
    }
    return [result]
  }

  /// One product; rows of B are added up so that the innermost loop is contiguous.
  private static func multiply(
    _ a: ArraySlice<Double>, _ b: ArraySlice<Double>, _ result: inout [Double], _ place: Int, _ rows: Int, _ depth: Int,
    _ columns: Int
  ) {
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        result.withUnsafeMutableBufferPointer { y in
          for m in 0..<rows {
            let row = place + m * columns
            for k in 0..<depth {
              let x = a[m * depth + k]
              for n in 0..<columns { y[row + n] += x * b[k * columns + n] }
            }
          }
        }
      }
    }
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let a = types.operands[0], let b = types.operands[1] else { return .leaf }
    typealias Index = ContractionLowering.Index
    var axes: [ContractionLowering.Axis] = []
    var output: [Int] = []
    func add(_ extent: Dim, _ role: ContractionLowering.Role) -> Int {
      axes.append(ContractionLowering.Axis(extent, role))
      if role != .depth { output.append(axes.count - 1) }
      return axes.count - 1
    }
    let aBatch = Array(a.shape.dropLast(2))
    let bBatch = Array(b.shape.dropLast(2))
    let rank = max(aBatch.count, bBatch.count)
    var aIndex: [Index] = []
    var bIndex: [Index] = []
    for place in 0..<rank {
      let x = place - (rank - aBatch.count)
      let y = place - (rank - bBatch.count)
      let inA = x >= 0 && aBatch[x] != 1
      let inB = y >= 0 && bBatch[y] != 1
      let extent = inA ? aBatch[x] : y >= 0 ? bBatch[y] : aBatch[x]
      let axis = add(extent, inA && !inB ? .row : inB && !inA ? .column : .batch)
      if x >= 0 { aIndex.append(inA || aBatch[x] == extent ? Index(axis) : Index([])) }
      if y >= 0 { bIndex.append(inB || bBatch[y] == extent ? Index(axis) : Index([])) }
    }
    let row = a.rank > 1 ? add(a.shape[a.rank - 2], .row) : nil
    let column = b.rank > 1 ? add(b.shape[b.rank - 1], .column) : nil
    let depth = add(a.shape[a.rank - 1], .depth)
    if let row { aIndex.append(Index(row)) }
    aIndex.append(Index(depth))
    bIndex.append(Index(depth))
    if let column { bIndex.append(Index(column)) }
    return .contraction(
      ContractionLowering(axes: axes, a: aIndex, b: bIndex, output: output, accumulator: a.dtype.computeType))
  }

  /// dA = G · Bᵀ, dB = Aᵀ · G, summed over broadcast batches.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let a = context.operands[0], let b = context.operands[1] else {
      return [nil, nil]
    }
    let (aType, bType) = (context.type(a), context.type(b))
    // Vectors become matrices first.
    let a2 = aType.rank == 1 ? try context.emit(Reshape(exactly: [1, aType.shape[0]]), a) : a
    let b2 = bType.rank == 1 ? try context.emit(Reshape(exactly: [bType.shape[0], 1]), b) : b
    var shape = context.type(seed).shape
    if bType.rank == 1 { shape.append(1) }
    if aType.rank == 1 { shape.insert(1, at: shape.count - 1) }
    let g = shape == context.type(seed).shape ? seed : try context.emit(Reshape(exactly: shape), seed)
    let toA = try context.emit(MatMul(), g, try context.swapLastAxes(b2))
    let toB = try context.emit(MatMul(), try context.swapLastAxes(a2), g)
    let sumA = try context.unbroadcast(toA, to: a2)
    let sumB = try context.unbroadcast(toB, to: b2)
    return [
      aType.rank == 1 ? try context.emit(Reshape(exactly: aType.shape), sumA) : sumA,
      bType.rank == 1 ? try context.emit(Reshape(exactly: bType.shape), sumB) : sumB,
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let (m, k, n) = (random.size(), random.size(), random.size())
    let batch = random.shape(maxRank: 2)
    let aBatch = random.broadcastable(to: batch)
    let bBatch = random.broadcastable(to: batch)
    let a = random.int(0...5) == 0 ? [k] : aBatch + [m, k]
    let b = random.int(0...5) == 0 ? [k] : bBatch + [k, n]
    let dtype = random.dtype([.f32, .f32, .f64, .i32])
    return Sample(MatMul(), [TensorType(dtype, a.map { Dim($0) }), TensorType(dtype, b.map { Dim($0) })])
  }
}

extension GradientContext {
  /// The last two axes exchanged.
  package mutating func swapLastAxes(_ value: ValueID) throws(TypeError) -> ValueID {
    let rank = type(value).rank
    return try emit(Transpose(perm: Array(0..<rank - 2) + [rank - 1, rank - 2]), value)
  }
}
