// SPDX-License-Identifier: Apache-2.0
// One register tile of a contraction: its sums over the depth and its epilogue.

import KernelIR
import TensorCore

struct ContractTile {
  let contraction: ContractEmitter
  let columnBase: Value
  let vectors: [ContractEmitter.ColumnVector]
  /// Depth 0 of the panel's first column.
  let bPointer: Value
  let rowBase: Value
  let height: Int
  /// The number of rows, when the tile may go beyond: such rows compute what the last row does and have no epilogue.
  let rowLimit: Value?

  var emitter: KernelEmitter { contraction.emitter }
  var builder: Builder { contraction.builder }
  var contract: Contract { contraction.contract }
  /// The most rows of the contraction, where that is known.
  var mostRows: Int? {
    if case .binary(.min, let a, let b) = contract.rows.kind {
      return (a.integerValue ?? b.integerValue).map { Int(clamping: $0) }
    }
    return contract.rows.integerValue.map { Int(clamping: $0) }
  }

  func emit() {
    let rows = rowPointers()
    let sums = vectors.map { builder.zero(sumType($0)) }
    let start = builder.int(0)
    // Quads of one sign need a row more.
    let count = height + (needsCorrection ? 1 : 0)
    let result = accumulate(
      0, start, start, Array(repeating: sums, count: count * contract.accumulators.count).flatMap { $0 }, rows)
    ContractEpilogue(tile: self, sums: needsCorrection ? corrected(result) : result).emit()
  }

  func sumType(_ vector: ContractEmitter.ColumnVector) -> ValueType {
    ValueType(contract.sumType.register, vector.lanes)
  }

  // MARK: Operands

  /// The address of depth 0 of a row: a pointer and a constant number of elements.
  struct RowPointer {
    var pointer: Value
    var offset: Int
  }

  private func rowPointers() -> [RowPointer] {
    let element = ValueType(emitter.storage(contraction.a.dtype))
    func pointer(_ row: Value) -> Value {
      var offset = row
      emitter.framed(.plain) {
        emitter.bind(contract.rowAxis, row)
        offset = emitter.emit(contract.aOffset)
      }
      return builder.address(contraction.a.pointer, offset, element)
    }
    // A constant step from row to row goes into the instructions.
    if rowLimit == nil, let stride = contract.aOffset.constantStride(along: contract.rowAxis) {
      let (span, overflow) = stride.multipliedReportingOverflow(by: Int64(height))
      if !overflow, span.magnitude < 1 << 28 {
        let first = pointer(rowBase)
        return (0..<height).map { RowPointer(pointer: first, offset: Int(stride) * $0) }
      }
    }
    return (0..<height).map { RowPointer(pointer: pointer(row($0)), offset: 0) }
  }

  /// The row of this place in the tile, at most the last one.
  private func row(_ index: Int) -> Value {
    let row = builder.addNoWrap(rowBase, builder.int(index))
    guard let rowLimit else { return row }
    let last = builder.sub(rowLimit, builder.int(1))
    return builder.select(builder.compare(.slt, row, last), row, last)
  }

  /// A stored element or vector as operand of the sum.
  private func operand(_ x: Value, _ dtype: DType) -> Value {
    let value = emitter.decode(x, dtype)
    let scalar = contract.sumType.register
    if value.type.scalar == scalar { return value }
    if value.type.isFloat { return value.type.scalar.bits < scalar.bits ? builder.fpext(value, scalar) : builder.fptrunc(value, scalar) }
    if value.type.scalar.bits > scalar.bits { return builder.trunc(value, scalar) }
    return dtype.isSigned ? builder.sext(value, scalar) : builder.zext(value, scalar)
  }

  // MARK: Sums

  /// The sums (row by row, in each group by group) after all steps of the depth's axes from `level` on, at element offsets of A and B.
  private func accumulate(
    _ level: Int, _ aOffset: Value, _ bOffset: Value, _ sums: [Value], _ rows: [RowPointer]
  ) -> [Value] {
    let axis = contraction.depth[level]
    let zero = builder.int(0)
    func at(_ k: Value, _ start: Value, _ stride: Value) -> Value {
      builder.addNoWrap(start, builder.mulNoWrap(k, stride))
    }
    if level + 1 < contraction.depth.count {
      return builder.loop(from: zero, to: axis.extent, step: builder.int(1), carrying: sums) { k, sums in
        accumulate(level + 1, at(k, aOffset, axis.aStride), at(k, bOffset, axis.bStride), sums, rows)
      }
    }
    func steps(_ count: Int, from: Value, to: Value, _ sums: [Value]) -> [Value] {
      builder.loop(from: from, to: to, step: builder.int(count), carrying: sums) { k, sums in
        let (a, b) = (at(k, aOffset, axis.aStride), at(k, bOffset, axis.bStride))
        switch contraction.together {
        case 4: return quads(count, a, b, axis, sums, rows, from: k)
        case 2: return pairs(count, a, b, axis, sums, rows)
        default: return step(count, a, b, axis, sums, rows)
        }
      }
    }
    let unit = contraction.together
    // A depth known at run time only needs more loops for what unrolling leaves; the last rows do without the first.
    let isShort = rowLimit != nil && builder.constant(axis.extent) == nil
    var (sums, from) = (sums, zero)
    for count in isShort || contract.tile.unroll == 1 ? [unit, 1] : [contract.tile.unroll * unit, unit, 1] {
      if count == 1 { return steps(1, from: from, to: axis.extent, sums) }
      let rest = builder.srem(axis.extent, builder.int(count))
      let to = builder.sub(axis.extent, rest)
      sums = steps(count, from: from, to: to, sums)
      if let count = builder.constant(rest) {
        return count > 0 ? steps(Int(count), from: to, to: axis.extent, sums) : sums
      }
      from = to
    }
    return sums
  }

  /// `count` steps of the innermost depth.
  private func step(
    _ count: Int, _ aOffset: Value, _ bOffset: Value, _ axis: ContractEmitter.Depth, _ sums: [Value],
    _ rows: [RowPointer]
  ) -> [Value] {
    let (aType, bType) = (
      ValueType(emitter.storage(contraction.a.dtype)), ValueType(emitter.storage(contraction.b.dtype))
    )
    var sums = sums
    // Rows of one base share its moving address.
    let shared = rows.allSatisfy { $0.pointer.ref == rows[0].pointer.ref }
    let bases = (shared ? [rows[0]] : rows).map { builder.address($0.pointer, aOffset, aType) }
    let bBase = builder.address(bPointer, bOffset, bType)
    ContractPrefetch(self, steps: count)?.emit(at: bOffset)
    for k in 0..<count {
      let bStep = builder.address(bBase, builder.mulNoWrap(builder.int(k), axis.bStride), bType)
      let panel = contract.accumulators.indices.flatMap { group in
        vectors.map { vector -> Value in
          let pointer = builder.address(bStep, group * contract.tile.columns + vector.offset, bType)
          let type = bType.with(lanes: vector.lanes)
          if vector.masksLoads, let mask = vector.mask {
            return operand(builder.maskedLoad(type, pointer, mask, contraction.b.access), contraction.b.dtype)
          }
          return operand(builder.load(type, pointer, contraction.b.access), contraction.b.dtype)
        }
      }
      for (index, row) in rows.enumerated() {
        let step = builder.mulNoWrap(builder.int(k), axis.aStride)
        let pointer = builder.address(
          bases[shared ? 0 : index], builder.addNoWrap(step, builder.int(row.offset)), aType)
        let x = operand(builder.load(aType, pointer, contraction.a.access), contraction.a.dtype)
        for (column, y) in panel.enumerated() {
          let place = index * panel.count + column
          sums[place] =
            y.type.isFloat ? builder.fma(x, y, sums[place]) : builder.add(sums[place], builder.mul(x, y))
        }
      }
    }
    return sums
  }
}
