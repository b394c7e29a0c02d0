// SPDX-License-Identifier: Apache-2.0
// Memory: addresses, loads, stores, masked and gathered ones.

internal import CLLVM

/// What an access promises about others; see `AliasScopes`.
package struct AccessInfo {
  /// In bytes; at least the element's.
  package var alignment: Int?
  /// Stores go past the caches, where the alignment allows it.
  var isStreamed = false
  /// The scope this access belongs to, and the scopes it never overlaps: LLVM metadata nodes, made by `AliasScopes`.
  var scope: OpaquePointer?
  var disjoint: OpaquePointer?

  package init(alignment: Int? = nil) { self.alignment = alignment }
}

extension Builder {
  /// The address of element `index` (i64; one lane) of an array of `element`.
  package func address(_ pointer: Value, _ index: Value, _ element: ValueType) -> Value {
    if constant(index) == 0 { return pointer }
    var indices: [LLVMValueRef?] = [index.ref]
    let base = typed(pointer, element)
    return untyped(llvm.BuildGEP2(ref, module.type(element), base, &indices, 1, ""))
  }

  package func address(_ pointer: Value, _ index: Int, _ element: ValueType) -> Value {
    address(pointer, int(index), element)
  }

  package func load(_ type: ValueType, _ pointer: Value, _ info: AccessInfo = AccessInfo()) -> Value {
    let made = llvm.BuildLoad2(ref, module.type(type), typed(pointer, type), "")!
    describe(made, type, info)
    return Value(made, type)
  }

  package func store(_ value: Value, _ pointer: Value, _ info: AccessInfo = AccessInfo()) {
    describe(llvm.BuildStore(ref, value.ref, typed(pointer, value.type)), value.type, info)
  }

  /// Whether a pointer is a multiple of this power of two, as an i1.
  func isAligned(_ pointer: Value, to bytes: Int) -> Value {
    let address = Value(llvm.BuildPtrToInt(ref, pointer.ref, module.type(.i64), ""), .i64)
    return compare(.eq, and(address, int(bytes - 1)), int(0))
  }

  /// Streamed stores before it are seen by others before what is stored after it.
  func finishStreams() {
    #if arch(x86_64)
      _ = call("llvm.x86.sse.sfence", [], [], [])
    #endif
  }

  /// Asks for the cache line at an address, in the first-level cache when it is `near`, else in the second. The address
  /// may be any.
  func prefetch(_ pointer: Value, near: Bool) {
    let bytes = ValueType(.i8)
    _ = call(
      "llvm.prefetch", [.pointer], [module.pointer(to: bytes)],
      [typed(pointer, bytes), int(0, .i32).ref, int(near ? 3 : 2, .i32).ref, int(1, .i32).ref])
  }

  /// Lanes whose mask (i1) is false read nothing and are 0.
  package func maskedLoad(_ type: ValueType, _ pointer: Value, _ mask: Value, _ info: AccessInfo = AccessInfo())
    -> Value
  {
    if !type.isVector { return extract(maskedLoad(type.with(lanes: 2), pointer, firstOnly(mask), info), 0) }
    let align = int(info.alignment ?? type.elementSize, .i32)
    let made = call(
      "llvm.masked.load", [type, .pointer], [module.type(type), module.pointer(to: type)],
      [typed(pointer, type), align.ref, mask.ref, zero(type).ref])
    annotate(made, info)
    return Value(made, type)
  }

  /// Lanes whose mask (i1) is false write nothing. A mask that is known becomes a plain store where it can: LLVM 14 has
  /// no instructions for one that leaves a single lane.
  package func maskedStore(_ value: Value, _ pointer: Value, _ mask: Value, _ info: AccessInfo = AccessInfo()) {
    if !value.type.isVector { return maskedStore(broadcast(value, 2), pointer, firstOnly(mask), info) }
    if let lanes = constantLanes(mask) {
      let active = lanes.indices.filter { lanes[$0] }
      if active.count == lanes.count { return store(value, pointer, info) }
      if active.isEmpty { return }
      if active.count == 1 {
        return store(extract(value, active[0]), address(pointer, active[0], value.type.with(lanes: 1)), info)
      }
    }
    let align = int(info.alignment ?? value.type.elementSize, .i32)
    let made = call(
      "llvm.masked.store", [value.type, .pointer], [module.type(value.type), module.pointer(to: value.type)],
      [value.ref, typed(pointer, value.type), align.ref, mask.ref])
    annotate(made, info)
  }

  /// The mask of a scalar for the first of two lanes: intrinsics take vectors only.
  private func firstOnly(_ mask: Value) -> Value { insert(mask, into: ints([0, 0], .i1), 0) }

  /// The lanes of an i1 vector that is a constant.
  private func constantLanes(_ mask: Value) -> [Bool]? {
    guard llvm.IsAConstantVector(mask.ref) != nil else {
      return llvm.IsAConstantAggregateZero(mask.ref) != nil ? Array(repeating: false, count: mask.lanes) : nil
    }
    let lanes = (0..<mask.lanes).map { llvm.GetOperand(mask.ref, UInt32($0)) }
    guard lanes.allSatisfy({ llvm.IsAConstantInt($0) != nil }) else { return nil }
    return lanes.map { llvm.ConstIntGetSExtValue($0) != 0 }
  }

  /// One element per lane at `pointer + index` (vector of i32, signed, or i64); lanes whose mask is false read nothing
  /// and are 0.
  package func gather(
    _ type: ValueType, _ pointer: Value, _ index: Value, _ mask: Value, _ info: AccessInfo = AccessInfo()
  ) -> Value {
    let (addresses, pointers) = addresses(pointer, index, type)
    let made = call(
      "llvm.masked.gather", [type, ValueType(.pointer, type.lanes)], [module.type(type), pointers],
      [addresses, int(type.elementSize, .i32).ref, mask.ref, zero(type).ref])
    annotate(made, info)
    return Value(made, type)
  }

  /// One element per lane to `pointer + index`, in the order of the lanes; lanes whose mask is false write nothing.
  package func scatter(
    _ value: Value, _ pointer: Value, _ index: Value, _ mask: Value, _ info: AccessInfo = AccessInfo()
  ) {
    let (addresses, pointers) = addresses(pointer, index, value.type)
    let made = call(
      "llvm.masked.scatter", [value.type, ValueType(.pointer, value.lanes)], [module.type(value.type), pointers],
      [value.ref, addresses, int(value.type.elementSize, .i32).ref, mask.ref])
    annotate(made, info)
  }

  /// A variable in the function's entry block, which becomes a register.
  package func variable(_ type: ValueType) -> Value {
    let current = llvm.GetInsertBlock(ref)
    let entry = llvm.GetEntryBasicBlock(function)
    if let first = llvm.GetFirstInstruction(entry) {
      llvm.PositionBuilderBefore(ref, first)
    } else {
      llvm.PositionBuilderAtEnd(ref, entry)
    }
    let made = llvm.BuildAlloca(ref, module.type(type), "")
    let pointer = untyped(made)
    llvm.PositionBuilderAtEnd(ref, current)
    return pointer
  }

  /// A private table of 32-bit floats or integers, given as bits, aligned to 64 bytes.
  package func table(_ bits: [UInt32], _ scalar: Scalar) -> Value {
    let element = module.type(.i32)
    var parts: [LLVMValueRef?] = bits.map { llvm.ConstInt(element, UInt64($0), 0) }
    let contents = llvm.ConstArray(element, &parts, UInt32(parts.count))
    let global = llvm.AddGlobal(module.ref, llvm.TypeOf(contents), "table")
    llvm.SetInitializer(global, contents)
    llvm.SetGlobalConstant(global, 1)
    llvm.SetLinkage(global, LLVMPrivateLinkage)
    llvm.SetAlignment(global, 64)
    return untyped(global)
  }

  // MARK: Helpers

  /// The pointer as typed-pointer versions of LLVM want it for an access to `type`; elsewhere itself.
  private func typed(_ pointer: Value, _ type: ValueType) -> LLVMValueRef {
    LLVMLibrary.majorVersion < 15 ? llvm.BuildBitCast(ref, pointer.ref, module.pointer(to: type), "")! : pointer.ref
  }

  private func untyped(_ pointer: LLVMValueRef?) -> Value {
    Value(
      LLVMLibrary.majorVersion < 15 ? llvm.BuildBitCast(ref, pointer, module.type(.pointer), "") : pointer!, .pointer)
  }

  private func addresses(_ pointer: Value, _ index: Value, _ type: ValueType) -> (LLVMValueRef, LLVMTypeRef) {
    let element = type.with(lanes: 1)
    var indices: [LLVMValueRef?] = [index.ref]
    let made: LLVMValueRef = llvm.BuildGEP2(ref, module.type(element), typed(pointer, element), &indices, 1, "")!
    return (made, llvm.TypeOf(made)!)
  }

  private func describe(_ access: LLVMValueRef?, _ type: ValueType, _ info: AccessInfo) {
    llvm.SetAlignment(access, UInt32(info.alignment ?? type.elementSize))
    annotate(access, info)
  }

  private func annotate(_ access: LLVMValueRef?, _ info: AccessInfo) {
    if info.isStreamed {
      var one: [LLVMMetadataRef?] = [llvm.ValueAsMetadata(int(1, .i32).ref)]
      let node = llvm.MetadataAsValue(module.context, llvm.MDNodeInContext2(module.context, &one, 1))
      llvm.SetMetadata(access, module.metadataKind("nontemporal"), node)
    }
    if let scope = info.scope { llvm.SetMetadata(access, module.metadataKind("alias.scope"), scope) }
    if let disjoint = info.disjoint { llvm.SetMetadata(access, module.metadataKind("noalias"), disjoint) }
  }
}
