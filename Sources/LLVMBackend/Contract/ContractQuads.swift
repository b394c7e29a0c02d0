// SPDX-License-Identifier: Apache-2.0
// Steps of the depth in fours: 8-bit integers, four numbers in 32 bits.
//
// The instruction multiplies u8 by i8. With operands of one sign A is moved into the other's range by flipping its
// highest bits: i8 plus 128 is u8, u8 minus 128 is i8. What that adds to the sums, 128 or -128 times those of B's
// columns, is the sum of a row whose numbers all are the flipped bits, and is taken off at the end.

import KernelIR
import TensorCore

extension ContractTile {
  /// Whether the sums of one more row are to be taken off.
  var needsCorrection: Bool {
    contraction.together == 4 && builder.target.hasQuadProducts
      && contraction.a.dtype.isSigned == contraction.b.dtype.isSigned
  }

  /// The sums of the rows without those of the one more.
  func corrected(_ sums: [Value]) -> [Value] {
    let width = contract.accumulators.count * vectors.count
    return (0..<height * width).map { builder.sub(sums[$0], sums[height * width + $0 % width]) }
  }

  /// `count` steps of the innermost depth, from step `start` on: a multiple of four, or one step of what is left of a
  /// depth known at run time only.
  func quads(
    _ count: Int, _ aOffset: Value, _ bOffset: Value, _ axis: ContractEmitter.Depth, _ sums: [Value],
    _ rows: [RowPointer], from start: Value
  ) -> [Value] {
    let shared = rows.allSatisfy { $0.pointer.ref == rows[0].pointer.ref }
    let bases = (shared ? [rows[0]] : rows).map { builder.address($0.pointer, aOffset, .i8) }
    func aPointer(_ index: Int, _ k: Int) -> Value {
      let step = builder.mulNoWrap(builder.int(k), axis.aStride)
      return builder.address(
        bases[shared ? 0 : index], builder.addNoWrap(step, builder.int(rows[index].offset)), .i8)
    }
    if count == 1, builder.constant(axis.extent) == nil {
      return single(bOffset, axis, sums, start) { aPointer($0, 0) }
    }
    var sums = sums
    let bBase = builder.address(bPointer, bOffset, .i8)
    ContractPrefetch(self, steps: count)?.emit(at: bOffset)
    let flip = builder.int(Int(Int32(bitPattern: 0x8080_8080)), .i32)
    for k in stride(from: 0, to: count, by: 4) {
      let panel = panel(builder.address(bBase, builder.mulNoWrap(builder.int(k), axis.bStride), .i8))
      func accumulate(_ row: Int, _ x: Value) {
        for (column, y) in panel.enumerated() {
          let place = row * panel.count + column
          sums[place] =
            contraction.b.dtype.isSigned
            ? builder.quadProducts(x, y, sums[place]) : builder.quadProducts(y, x, sums[place])
        }
      }
      for index in rows.indices {
        let x = aQuad(aPointer(index, k), axis, count: min(4, count - k))
        guard builder.target.hasQuadProducts else {
          for (column, y) in panel.enumerated() {
            let place = index * panel.count + column
            let (xs, ys) = (words(builder.broadcast(x, y.lanes), contraction.a), words(y, contraction.b))
            sums[place] = builder.add(sums[place], builder.wordProducts(xs.even, ys.even))
            sums[place] = builder.add(sums[place], builder.wordProducts(xs.odd, ys.odd))
          }
          continue
        }
        accumulate(index, needsCorrection ? builder.xor(x, flip) : x)
      }
      if needsCorrection { accumulate(rows.count, flip) }
    }
    return sums
  }

  /// One step, of fours that are not complete.
  private func single(
    _ bOffset: Value, _ axis: ContractEmitter.Depth, _ sums: [Value], _ start: Value, _ aPointer: (Int) -> Value
  ) -> [Value] {
    var sums = sums
    let number = builder.and(start, builder.int(3))
    // Steps of B are counted from the start of their four.
    let first = builder.sub(bOffset, builder.mulNoWrap(number, axis.bStride))
    let panel = panel(builder.address(bPointer, first, .i8)).map { y in
      let shift = builder.trunc(builder.mulNoWrap(number, builder.int(8)), .i32)
      let (moved, top) = (builder.lshr(y, builder.broadcast(shift, y.lanes)), builder.int(24, y.type))
      return contraction.b.dtype.isSigned
        ? builder.ashr(builder.shl(moved, top), top) : builder.and(moved, builder.int(255, y.type))
    }
    for index in 0..<height {
      let x = widened(builder.load(.i8, aPointer(index), contraction.a.access), contraction.a)
      for (column, y) in panel.enumerated() {
        let place = index * panel.count + column
        sums[place] = builder.add(sums[place], builder.mul(x, y))
      }
    }
    return sums
  }

  /// Four steps of the panel's columns in i32 lanes, group by group.
  private func panel(_ pointer: Value) -> [Value] {
    contract.accumulators.indices.flatMap { group in
      vectors.map { vector in
        let start = builder.address(pointer, 4 * (group * contract.tile.columns + vector.offset), .i8)
        let type = ValueType(.i32, vector.lanes)
        var access = contraction.b.access
        access.alignment = 1
        if vector.masksLoads, let mask = vector.mask { return builder.maskedLoad(type, start, mask, access) }
        return builder.load(type, start, access)
      }
    }
  }

  /// Steps of a row in an i32, the first in the low bits, zeros where there are fewer than four.
  private func aQuad(_ pointer: Value, _ axis: ContractEmitter.Depth, count: Int) -> Value {
    if count == 4, builder.constant(axis.aStride) == 1 {
      var access = contraction.a.access
      access.alignment = 1
      return builder.load(.i32, pointer, access)
    }
    var quad: Value?
    for number in 0..<count {
      let place = builder.address(pointer, builder.mulNoWrap(builder.int(number), axis.aStride), .i8)
      let byte = builder.zext(builder.load(.i8, place, contraction.a.access), .i32)
      let moved = builder.shl(byte, builder.int(8 * number, .i32))
      quad = quad.map { builder.or($0, moved) } ?? moved
    }
    return quad ?? builder.int(0, .i32)
  }

  private func widened(_ byte: Value, _ operand: KernelEmitter.Buffer) -> Value {
    operand.dtype.isSigned ? builder.sext(byte, .i32) : builder.zext(byte, .i32)
  }

  /// The four numbers of each lane as twice two i16.
  private func words(_ quad: Value, _ operand: KernelEmitter.Buffer) -> (even: Value, odd: Value) {
    let x = builder.bitcast(quad, ValueType(.i16, 2 * quad.lanes))
    let byte = builder.int(8, x.type)
    let words =
      operand.dtype.isSigned
      ? (builder.ashr(builder.shl(x, byte), byte), builder.ashr(x, byte))
      : (builder.and(x, builder.int(255, x.type)), builder.lshr(x, byte))
    return (builder.bitcast(words.0, quad.type), builder.bitcast(words.1, quad.type))
  }
}
