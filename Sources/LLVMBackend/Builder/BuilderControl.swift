// SPDX-License-Identifier: Apache-2.0
// Blocks, branches and loops.

internal import CLLVM

extension Builder {
  package func block(_ name: String = "") -> Block {
    Block(llvm.AppendBasicBlockInContext(module.context, function, name))
  }

  /// Later instructions go to the end of this block.
  package func move(to block: Block) { llvm.PositionBuilderAtEnd(ref, block.ref) }
  package var current: Block { Block(llvm.GetInsertBlock(ref)) }

  /// Emits instructions before the end of a finished block.
  func beforeEnd<T>(of block: Block, _ body: () -> T) -> T {
    let outer = current
    llvm.PositionBuilderBefore(ref, llvm.GetBasicBlockTerminator(block.ref))
    defer {
      if let end = llvm.GetBasicBlockTerminator(outer.ref) {
        llvm.PositionBuilderBefore(ref, end)
      } else {
        move(to: outer)
      }
    }
    return body()
  }

  package func jump(_ block: Block) { _ = llvm.BuildBr(ref, block.ref) }
  package func jump(_ condition: Value, _ then: Block, _ otherwise: Block) {
    _ = llvm.BuildCondBr(ref, condition.ref, then.ref, otherwise.ref)
  }
  package func returnVoid() { _ = llvm.BuildRetVoid(ref) }

  package func phi(_ type: ValueType) -> Value { Value(llvm.BuildPhi(ref, module.type(type), ""), type) }
  package func add(incoming value: Value, from block: Block, to phi: Value) {
    var (values, blocks): ([LLVMValueRef?], [LLVMBasicBlockRef?]) = ([value.ref], [block.ref])
    llvm.AddIncoming(phi.ref, &values, &blocks, 1)
  }

  /// Runs one of two bodies by an i1 scalar.
  package func branch(_ condition: Value, then: () -> Void, else otherwise: (() -> Void)? = nil) {
    let (yes, end) = (block(), block())
    let no = otherwise == nil ? end : block()
    jump(condition, yes, no)
    move(to: yes)
    then()
    jump(end)
    if let otherwise {
      move(to: no)
      otherwise()
      jump(end)
    }
    move(to: end)
  }

  /// Runs the body for i = from, from + step, … while i < to (signed i64; from + step must not overflow past it).
  package func loop(from: Value, to: Value, step: Value, _ body: (Value) -> Void) {
    loop(from: from, to: to, step: step, carrying: []) { index, _ in
      body(index)
      return []
    }
  }

  /// A loop with values that each iteration replaces; gives the last ones.
  @discardableResult
  package func loop(
    from: Value, to: Value, step: Value, carrying initial: [Value], _ body: (Value, [Value]) -> [Value]
  ) -> [Value] {
    if let first = constant(from), let last = constant(to) {
      if first >= last { return initial }
      // A single iteration needs no loop.
      if let step = constant(step), step > 0, first.addingReportingOverflow(step).partialValue >= last {
        return body(from, initial)
      }
    }
    let (before, head, end) = (current, block(), block())
    jump(compare(.slt, from, to), head, end)
    move(to: head)
    let index = phi(.i64)
    let carried = initial.map { phi($0.type) }
    let results = body(index, carried)
    let last = current
    let next = addNoWrap(index, step)
    add(incoming: from, from: before, to: index)
    add(incoming: next, from: last, to: index)
    for (phi, (start, result)) in zip(carried, zip(initial, results)) {
      add(incoming: start, from: before, to: phi)
      add(incoming: result, from: last, to: phi)
    }
    jump(compare(.slt, next, to), head, end)
    move(to: end)
    return zip(initial, results).map { start, result in
      let merged = phi(start.type)
      add(incoming: start, from: before, to: merged)
      add(incoming: result, from: last, to: merged)
      return merged
    }
  }
}
