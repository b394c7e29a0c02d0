// SPDX-License-Identifier: Apache-2.0
// Loops: serial, unrolled, and over vectors.

import KernelIR
import TensorCore

extension KernelEmitter {
  func emitLoop(_ loop: Loop) {
    if lanes != nil {
      guard case .uniform = shape(of: loop.extent) else {
        return fail("the extent of '\(loop.axis.name)' differs between the lanes of a vector loop")
      }
    }
    let outerRange = axisRanges[loop.axis.id]
    defer { axisRanges[loop.axis.id] = outerRange }
    axisRanges[loop.axis.id] = nil
    if let extent = loop.extent.integerValue {
      if extent <= 0 { return }
      axisRanges[loop.axis.id] = 0...(extent - 1)
    }
    switch loop.mode {
    case .unrolled:
      guard let extent = loop.extent.integerValue, extent <= KernelLimits.unrolledExtent else { return serial(loop) }
      for index in 0..<extent {
        axisRanges[loop.axis.id] = index...index
        framed(.plain) {
          bind(loop.axis, b.int(index, .i64))
          emit(loop.body)
        }
      }
    case .vector(let unroll) where lanes == nil: vector(loop, unroll: unroll)
    case .serial, .vector: serial(loop)
    }
  }

  private func serial(_ loop: Loop) {
    let extent = first(loop.extent)
    countedLoop(
      loop.axis, from: b.int(0), to: extent, step: 1, isEntered: (b.constant(extent) ?? 0) > 0
    ) { self.emit(loop.body) }
  }

  /// Runs `body` for an axis from, from + step, … below an end. `isEntered` tells that there surely is an iteration.
  package func countedLoop(
    _ axis: Axis, from: Value, to: Value, step: Int, isEntered: Bool, _ body: () -> Void
  ) {
    steppedLoop(from: from, to: to, step: step, isEntered: isEntered) { index in
      let outer = axes[axis.id]
      bind(axis, index)
      body()
      axes[axis.id] = outer
    }
  }

  /// The loop without an axis: `body` gets the index.
  package func steppedLoop(from: Value, to: Value, step: Int, isEntered: Bool, _ body: (Value) -> Void) {
    if let first = b.constant(from), let last = b.constant(to) {
      if first >= last { return }
      if last - first <= Int64(step) {
        return framed(.plain) { body(from) }
      }
    }
    let (preheader, head, end) = (b.block(), b.block(), b.block())
    if isEntered { b.jump(preheader) } else { b.jump(b.compare(.slt, from, to), preheader, end) }
    b.move(to: preheader)
    b.jump(head)
    b.move(to: head)
    let index = b.phi(.i64)
    b.add(incoming: from, from: preheader, to: index)
    framed(.loop(preheader: preheader, isEntered: isEntered)) { body(index) }
    let next = b.addNoWrap(index, b.int(step))
    b.add(incoming: next, from: b.current, to: index)
    b.jump(b.compare(.slt, next, to), head, end)
    b.move(to: end)
  }

  // MARK: Vectors

  private func vector(_ loop: Loop, unroll: Int) {
    var widths = LaneWidths()
    widths.visit(loop.body, in: self)
    let constant = loop.extent.integerValue.map { Int(clamping: $0) }
    var count = b.target.lanes(bits: widths.dominating)
    if let constant {
      // Narrower vectors for a loop that does not fill one.
      while count / 2 >= constant { count /= 2 }
    }
    if count < 2 { return serial(loop) }
    let features = b.target.features
    let canMask = b.target.hasMaskedAccess && (widths.smallestAccess >= 32 || features.contains(.avx512bw))
    // Long bodies keep the processor busy without copies, which would only cost compile time.
    var copies = max(1, min(unroll, widths.longFunctions == 0 ? 8 : widths.longFunctions <= 4 ? 2 : 1))
    if let constant { copies = max(1, min(copies, constant / count)) }
    let extent = first(loop.extent)
    let step = copies * count
    let rest = b.srem(extent, b.int(step))
    let main = b.sub(extent, rest)
    let reductions = LaneReductions(loop.body)
    let partials = (0..<copies).map { _ in startPartials(reductions, count) }

    let isEntered = { (value: Value) in (self.b.constant(value) ?? 0) > 0 }
    steppedLoop(from: b.int(0), to: main, step: step, isEntered: isEntered(main)) { base in
      for copy in 0..<copies {
        let start = b.addNoWrap(base, b.int(copy * count))
        withLanes(loop.axis, count: count, base: start, multiple: count) {
          lanes?.partials = partials[copy]
          emit(loop.body)
        }
      }
    }
    // One element left needs no vector.
    let isMasked = canMask && b.constant(rest) != 1
    if b.constant(rest) != 0, isMasked {
      steppedLoop(from: main, to: extent, step: count, isEntered: isEntered(rest)) { base in
        let mask = remainderMask(b.sub(extent, base), count)
        withLanes(loop.axis, count: count, base: base, multiple: count, mask: mask) {
          lanes?.partials = partials[0]
          emit(loop.body)
        }
      }
    }
    finishPartials(reductions, partials)
    if b.constant(rest) != 0, !isMasked {
      countedLoop(loop.axis, from: main, to: extent, step: 1, isEntered: isEntered(rest)) { emit(loop.body) }
    }
  }

  /// True in the first `remaining` lanes.
  package func remainderMask(_ remaining: Value, _ count: Int) -> Value {
    let limit = b.int(count)
    let clamped = b.trunc(b.select(b.compare(.slt, remaining, limit), remaining, limit), .i32)
    return b.compare(.slt, b.iota(ValueType(.i32, count)), clamped)
  }
}
