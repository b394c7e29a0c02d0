// SPDX-License-Identifier: Apache-2.0
// Stores: one element, neighbours, reversed, or scattered.

import KernelIR
import TensorCore

extension KernelEmitter {
  func emitStore(_ index: Int, _ offset: Expr, _ value: Expr, _ guardian: Expr?) {
    guard let buffer = buffer(index) else { return }
    guard buffer.isWritten, buffer.dtype.bits >= 8 else {
      return fail(
        "a store to buffer \(index), of type '\(buffer.dtype)' and \(buffer.isWritten ? "written" : "read only")")
    }
    let condition = guardian.map { emit($0) }
    let stored = encode(emit(value), buffer.dtype)
    guard let lanes else {
      let pointer = b.address(buffer.pointer, emit(offset), stored.type)
      return when(condition) { b.store(stored, pointer, buffer.access) }
    }
    var mask = lanes.mask
    var shared: Value?
    if let condition {
      if condition.type.isVector {
        mask = mask.map { b.and($0, condition) } ?? condition
      } else {
        shared = condition
      }
    }
    vectorStore(buffer, offset, stored, lanes.count, mask, shared)
  }

  private func vectorStore(
    _ buffer: Buffer, _ offset: Expr, _ stored: Value, _ count: Int, _ mask: Value?, _ shared: Value?
  ) {
    let element = stored.type.with(lanes: 1)
    let shape = shape(of: offset)
    if case .uniform = shape, !stored.type.isVector {
      let pointer = b.address(buffer.pointer, first(offset), element)
      let isWanted = mask.map { any in shared.map { b.and($0, b.anyLane(any)) } ?? b.anyLane(any) } ?? shared
      return when(isWanted) { b.store(stored, pointer, buffer.access) }
    }
    let vector = b.broadcast(stored, count)
    if case .stride(let step) = shape, let step = step.integerValue, step.magnitude == 1 {
      let isReversed = step == -1
      let start = isReversed ? b.sub(first(offset), b.int(count - 1)) : first(offset)
      let pointer = b.address(buffer.pointer, start, element)
      let (value, mask) = isReversed ? (b.reversed(vector), mask.map(b.reversed)) : (vector, mask)
      return when(shared) {
        if let mask {
          b.maskedStore(value, pointer, mask, buffer.access)
        } else {
          b.store(value, pointer, streaming(buffer, offset, value.type) ?? buffer.access)
        }
      }
    }
    let (pointer, index) = lanePlaces(buffer, offset, vector.type)
    let wanted = mask ?? b.int(1, vector.type.with(.i1))
    when(shared) { b.scatter(vector, pointer, index, wanted, buffer.access) }
  }

  /// How a whole vector is stored past the caches, where it surely starts at a multiple of its size.
  private func streaming(_ buffer: Buffer, _ offset: Expr, _ type: ValueType) -> AccessInfo? {
    guard buffer.streams, type.lanes > 1, startsAtMultiple(offset, of: Int64(type.lanes)) else { return nil }
    var access = buffer.access
    access.alignment = type.lanes * type.elementSize
    access.isStreamed = true
    return access
  }

  /// Emits instructions that run if a scalar condition holds, or always.
  private func when(_ condition: Value?, _ body: () -> Void) {
    guard let condition else { return body() }
    b.branch(condition, then: body)
  }
}
