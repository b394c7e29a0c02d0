// SPDX-License-Identifier: Apache-2.0
// Steps of the depth in pairs: bf16 operands, two numbers in 32 bits.

import KernelIR
import TensorCore

extension ContractTile {
  /// `count` steps of the innermost depth, from an even one on; an odd last step is a pair with zeros.
  func pairs(
    _ count: Int, _ aOffset: Value, _ bOffset: Value, _ axis: ContractEmitter.Depth, _ sums: [Value],
    _ rows: [RowPointer]
  ) -> [Value] {
    var sums = sums
    let shared = rows.allSatisfy { $0.pointer.ref == rows[0].pointer.ref }
    let bases = (shared ? [rows[0]] : rows).map { builder.address($0.pointer, aOffset, .i16) }
    let bBase = builder.address(bPointer, bOffset, .i16)
    ContractPrefetch(self, steps: count)?.emit(at: bOffset)
    for k in stride(from: 0, to: count, by: 2) {
      let isHalf = k + 1 == count
      let panel = contract.accumulators.indices.flatMap { group in
        vectors.map { bPair(bBase, k, group, $0, axis, isHalf: isHalf) }
      }
      for (index, row) in rows.enumerated() {
        let step = builder.mulNoWrap(builder.int(k), axis.aStride)
        let x = aPair(
          builder.address(bases[shared ? 0 : index], builder.addNoWrap(step, builder.int(row.offset)), .i16), axis,
          isHalf: isHalf)
        let xs = builder.target.hasPairProducts ? nil : halves(x)
        for (column, y) in panel.enumerated() {
          let place = index * panel.count + column
          guard let xs else {
            sums[place] = builder.pairProducts(x, y, sums[place])
            continue
          }
          let ys = halves(y)
          sums[place] = builder.fma(xs.low, ys.low, sums[place])
          if !isHalf { sums[place] = builder.fma(xs.high, ys.high, sums[place]) }
        }
      }
    }
    return sums
  }

  /// Two steps of a row in an i32, the first in the low bits.
  private func aPair(_ pointer: Value, _ axis: ContractEmitter.Depth, isHalf: Bool) -> Value {
    func one(_ pointer: Value) -> Value { builder.zext(builder.load(.i16, pointer, contraction.a.access), .i32) }
    if isHalf { return one(pointer) }
    if builder.constant(axis.aStride) == 1 {
      var access = contraction.a.access
      access.alignment = 2
      return builder.load(.i32, pointer, access)
    }
    let second = one(builder.address(pointer, axis.aStride, .i16))
    return builder.or(one(pointer), builder.shl(second, builder.int(16, .i32)))
  }

  /// Two steps of a vector of columns in i32 lanes: side by side in memory, or put together here.
  private func bPair(
    _ base: Value, _ k: Int, _ group: Int, _ vector: ContractEmitter.ColumnVector, _ axis: ContractEmitter.Depth,
    isHalf: Bool
  ) -> Value {
    let offset = group * contract.tile.columns + vector.offset
    func load(_ scalar: Scalar, _ step: Int, _ offset: Int) -> Value {
      let start = builder.address(base, builder.mulNoWrap(builder.int(step), axis.bStride), .i16)
      let pointer = builder.address(start, offset, .i16)
      let type = ValueType(scalar, vector.lanes)
      var access = contraction.b.access
      access.alignment = 2
      if vector.masksLoads, let mask = vector.mask { return builder.maskedLoad(type, pointer, mask, access) }
      return builder.load(type, pointer, access)
    }
    if contract.bIsInterleaved { return load(.i32, k, 2 * offset) }
    let low = builder.zext(load(.i16, k, offset), .i32)
    if isHalf { return low }
    let high = builder.zext(load(.i16, k + 1, offset), .i32)
    return builder.or(low, builder.shl(high, builder.int(16, high.type)))
  }

  /// The two numbers of each lane as f32.
  private func halves(_ pair: Value) -> (low: Value, high: Value) {
    let f32 = pair.type.with(.f32)
    return (
      builder.bitcast(builder.shl(pair, builder.int(16, pair.type)), f32),
      builder.bitcast(builder.and(pair, builder.int(-0x1_0000, pair.type)), f32)
    )
  }
}
