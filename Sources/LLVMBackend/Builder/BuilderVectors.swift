// SPDX-License-Identifier: Apache-2.0
// Lanes: broadcasts, shuffles, extraction, reductions in a fixed order.

internal import CLLVM

extension Builder {
  /// A scalar in every lane; a vector of that many lanes as it is.
  package func broadcast(_ a: Value, _ lanes: Int) -> Value {
    if a.lanes == lanes { return a }
    let type = a.type.with(lanes: lanes)
    let undefined = undefined(type)
    let first = llvm.BuildInsertElement(ref, undefined.ref, a.ref, int(0, .i32).ref, "")
    return Value(llvm.BuildShuffleVector(ref, first, undefined.ref, zero(ValueType(.i32, lanes)).ref, ""), type)
  }

  package func extract(_ a: Value, _ lane: Int) -> Value {
    a.type.isVector
      ? Value(llvm.BuildExtractElement(ref, a.ref, int(lane, .i32).ref, ""), a.type.with(lanes: 1)) : a
  }

  package func insert(_ element: Value, into a: Value, _ lane: Int) -> Value {
    a.type.isVector
      ? Value(llvm.BuildInsertElement(ref, a.ref, element.ref, int(lane, .i32).ref, ""), a.type) : element
  }

  /// The lanes of `a` followed by those of `b`, picked by number; -1 leaves a lane undefined.
  package func shuffle(_ a: Value, and b: Value? = nil, _ lanes: [Int]) -> Value {
    let type = a.type.with(lanes: lanes.count)
    if lanes.count == 1 { return extract(a, lanes[0]) }
    let i32 = module.type(.i32)
    var parts: [LLVMValueRef?] = lanes.map {
      $0 < 0 ? llvm.GetUndef(i32) : llvm.ConstInt(i32, UInt64($0), 0)
    }
    let mask = llvm.ConstVector(&parts, UInt32(parts.count))
    return Value(llvm.BuildShuffleVector(ref, a.ref, (b ?? undefined(a.type)).ref, mask, ""), type)
  }

  /// Lanes `start..<start + count`.
  package func slice(_ a: Value, _ start: Int, _ count: Int) -> Value {
    count == a.lanes ? a : shuffle(a, Array(start..<start + count))
  }

  /// Two vectors of the same type one after the other.
  package func concatenated(_ a: Value, _ b: Value) -> Value {
    guard a.type.isVector else {
      return insert(b, into: insert(a, into: undefined(a.type.with(lanes: 2)), 0), 1)
    }
    return shuffle(a, and: b, Array(0..<a.lanes * 2))
  }

  /// The lanes in opposite order.
  package func reversed(_ a: Value) -> Value { a.type.isVector ? shuffle(a, (0..<a.lanes).reversed()) : a }

  /// Combines the lanes (a power of two) by halves: lane i with lane i + n/2, then i + n/4, …
  package func reduce(_ a: Value, _ combine: (Value, Value) -> Value) -> Value {
    var a = a
    while a.lanes > 1 {
      let half = a.lanes / 2
      a = combine(slice(a, 0, half), slice(a, half, half))
    }
    return a
  }

  /// Whether any lane of an i1 vector is true.
  package func anyLane(_ mask: Value) -> Value {
    let bits = llvm.BuildBitCast(ref, mask.ref, llvm.IntTypeInContext(module.context, UInt32(mask.lanes)), "")
    let zero = llvm.ConstNull(llvm.TypeOf(bits))
    return Value(llvm.BuildICmp(ref, LLVMIntNE, bits, zero, ""), .i1)
  }
}
