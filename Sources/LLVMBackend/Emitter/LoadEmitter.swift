// SPDX-License-Identifier: Apache-2.0
// Loads: one element, neighbours, reversed, or gathered.

import KernelIR
import TensorCore

extension KernelEmitter {
  func emitLoad(_ index: Int, _ offset: Expr, _ guardian: Expr?) -> Value {
    guard let buffer = buffer(index) else { return b.zero(.i8) }
    if let lanes, !isFirstLane { return vectorLoad(buffer, offset, guardian, lanes) }
    let (pointer, shift) = elementAddress(buffer, emit(offset))
    let safe = guardian.map { b.select(emit($0), pointer, zeroBytes()) } ?? pointer
    let element = b.load(ValueType(storage(buffer.dtype)), safe, buffer.access)
    return decode(shift.map { unpacked(element, $0, buffer.dtype) } ?? element, buffer.dtype)
  }

  /// The address of an element, and for 4-bit types the position of its bits in that byte.
  private func elementAddress(_ buffer: Buffer, _ offset: Value) -> (Value, shift: Value?) {
    guard buffer.dtype.bits == 4 else {
      return (b.address(buffer.pointer, offset, ValueType(storage(buffer.dtype))), nil)
    }
    let byte = b.ashr(offset, b.int(1))
    let shift = b.shl(b.and(b.trunc(offset, .i8), b.int(1, .i8)), b.int(2, .i8))
    return (b.address(buffer.pointer, byte, .i8), shift)
  }

  /// The 4 bits at a position, extended to 8.
  private func unpacked(_ byte: Value, _ shift: Value, _ dtype: DType) -> Value {
    let four = b.int(4, byte.type)
    let raised = b.shl(b.lshr(byte, shift), four)
    return dtype == .i4 ? b.ashr(raised, four) : b.lshr(raised, four)
  }

  private func vectorLoad(_ buffer: Buffer, _ offset: Expr, _ guardian: Expr?, _ lanes: LaneContext) -> Value {
    let type = ValueType(storage(buffer.dtype), lanes.count)
    var mask = lanes.mask
    // A guard that all lanes share: where it is false, zeros are read instead.
    var shared: Value?
    if let guardian {
      let condition = emit(guardian)
      if condition.type.isVector {
        mask = mask.map { b.and($0, condition) } ?? condition
      } else {
        shared = condition
      }
    }
    func safe(_ pointer: Value) -> Value { shared.map { b.select($0, pointer, zeroBytes()) } ?? pointer }
    if buffer.dtype.bits == 4 { return packedLoad(buffer, offset, type, mask, shared) }
    let element = type.with(lanes: 1)
    if case .uniform = shape(of: offset) {
      // Only the guard differs from lane to lane: read once if any lane wants it.
      let pointer = safe(b.address(buffer.pointer, first(offset), element))
      guard let mask else { return decode(b.load(element, pointer, buffer.access), buffer.dtype) }
      let value = b.load(element, b.select(b.anyLane(mask), pointer, zeroBytes()), buffer.access)
      return decode(b.select(mask, b.broadcast(value, type.lanes), b.zero(type)), buffer.dtype)
    }
    if case .stride(let step) = shape(of: offset), let step = step.integerValue {
      func load(_ start: Value, _ mask: Value?) -> Value {
        let pointer = safe(b.address(buffer.pointer, start, element))
        return mask.map { b.maskedLoad(type, pointer, $0, buffer.access) } ?? b.load(type, pointer, buffer.access)
      }
      if step == 1 { return decode(load(first(offset), mask), buffer.dtype) }
      let last = b.int(type.lanes - 1)
      if step == -1 {
        return decode(b.reversed(load(b.sub(first(offset), last), mask.map(b.reversed))), buffer.dtype)
      }
      if step == 2, mask == nil {
        // The second vector ends with the last element wanted, so nothing beyond it is read.
        let (low, high) = (load(first(offset), nil), load(b.add(first(offset), last), nil))
        let half = type.lanes / 2
        let picks = (0..<type.lanes).map { $0 < half ? 2 * $0 : 2 * $0 + 1 }
        return decode(b.shuffle(low, and: high, picks), buffer.dtype)
      }
    }
    let (pointer, index) = lanePlaces(buffer, offset, type)
    var wanted = mask ?? b.int(1, type.with(.i1))
    if let shared { wanted = b.and(wanted, shared) }
    return decode(b.gather(type, pointer, index, wanted, buffer.access), buffer.dtype)
  }

  /// A base address and the lanes' element offsets from it.
  func lanePlaces(_ buffer: Buffer, _ offset: Expr, _ type: ValueType) -> (pointer: Value, index: Value) {
    if case .stride(let step) = shape(of: offset), let range = range(of: step), range.lowerBound >= -(1 << 24),
      range.upperBound <= 1 << 24
    {
      let index = b.mul(b.trunc(emit(step), .i32), b.iota(ValueType(.i32, type.lanes)))
      return (b.address(buffer.pointer, first(offset), type.with(lanes: 1)), index)
    }
    return (buffer.pointer, b.broadcast(narrowIndex(offset) ?? emitLanes(offset), type.lanes))
  }

  /// 4-bit elements: two a byte, low bits first.
  private func packedLoad(_ buffer: Buffer, _ offset: Expr, _ type: ValueType, _ mask: Value?, _ shared: Value?)
    -> Value
  {
    // Two lanes come from one byte, which is no vector to shuffle.
    if case .stride(let step) = shape(of: offset), step.integerValue == 1, mask == nil, type.lanes > 2,
      startsAtMultiple(offset, of: 2)
    {
      let bytes = ValueType(.i8, type.lanes / 2)
      let pointer = b.address(buffer.pointer, b.ashr(first(offset), b.int(1)), .i8)
      let packed = b.load(bytes, shared.map { b.select($0, pointer, zeroBytes()) } ?? pointer, buffer.access)
      let (low, high) = (unpacked(packed, b.zero(bytes), buffer.dtype), unpacked(packed, b.int(4, bytes), buffer.dtype))
      return b.shuffle(low, and: high, (0..<type.lanes).map { $0 / 2 + $0 % 2 * bytes.lanes })
    }
    let index = emitLanes(offset)
    let shift = b.shl(b.and(b.trunc(index, .i8), b.int(1, type)), b.int(2, type))
    var wanted = mask ?? b.int(1, type.with(.i1))
    if let shared { wanted = b.and(wanted, shared) }
    let bytes = b.gather(type, buffer.pointer, b.ashr(index, b.int(1, index.type)), wanted, buffer.access)
    return unpacked(bytes, shift, buffer.dtype)
  }
}
