// SPDX-License-Identifier: Apache-2.0
// Emits expressions: each once per scope, hoisted out of the loops it does not depend on.

import KernelIR
import TensorCore

extension DType {
  /// The register type of a value of this compute type: bool is i1.
  package var register: Scalar {
    switch self {
    case .f32, .f16, .bf16: .f32
    case .f64: .f64
    case .i8, .u8, .i4, .u4: .i8
    case .i16, .u16: .i16
    case .i32, .u32: .i32
    case .i64, .u64: .i64
    case .bool: .i1
    }
  }
}

extension KernelEmitter {
  /// The value of an expression at the current place: one lane when it is the same in all lanes, else the lanes of the
  /// current vector loop.
  package func emit(_ e: Expr) -> Value {
    let number = numbering.number(e)
    guard !numbering.isTooDeep else { return b.zero(ValueType(e.dtype.register)) }
    if lanes != nil, !isFirstLane {
      switch shape(of: e) {
      case .uniform: return first(e)
      case .stride(let step):
        return cached(e, MemoKey(number: number, isFirstLane: false)) {
          b.add(first(e), b.mul(emit(step), b.iota(ValueType(.i64, lanes?.count ?? 1))))
        }
      case .varying: break
      }
    }
    // What no lane changes is the same value in both forms.
    let isFirst = isFirstLane && placement(of: e).usesLanes
    return cached(e, MemoKey(number: number, isFirstLane: isFirst)) { build(e) }
  }

  /// Every lane of an expression, also when it is uniform.
  package func emitLanes(_ e: Expr) -> Value { b.broadcast(emit(e), lanes?.count ?? 1) }

  /// The value in the first lane of an expression that is not read from vectors: a uniform or strided one.
  package func first(_ e: Expr) -> Value {
    let outer = isFirstLane
    isFirstLane = lanes != nil
    defer { isFirstLane = outer }
    return emit(e)
  }

  // MARK: Placement

  /// The value under a key, or a new one in the outermost frame where it may be computed.
  private func cached(_ e: Expr, _ key: MemoKey, _ make: () -> Value) -> Value {
    for index in (0...ceiling).reversed() {
      if let known = frames[index].memo[key] { return known }
    }
    let placement = placement(of: e)
    if placement.isVolatile {
      if let known = volatileMemo[key] { return known }
      let made = make()
      volatileMemo[key] = made
      return made
    }
    if let target = hoistTarget(placement), case .loop(let preheader, _) = frames[target].kind {
      let outer = ceiling
      ceiling = target
      let made = b.beforeEnd(of: preheader) { make() }
      ceiling = outer
      frames[target].memo[key] = made
      return made
    }
    let made = make()
    frames[ceiling].memo[key] = made
    return made
  }

  /// The outermost loop whose preheader may compute a value, if any.
  private func hoistTarget(_ placement: Placement) -> Int? {
    if placement.isPinned { return nil }
    var target: Int?
    var index = ceiling
    while index > max(placement.level, 0) {
      switch frames[index].kind {
      case .conditional: return target
      case .plain: break
      case .loop(_, let isEntered):
        target = index
        // A load must not happen when an inner loop might have had no iteration.
        if placement.hasLoad && !isEntered { return target }
      }
      index -= 1
    }
    return target
  }

  /// The frame in which an expression's value is available once emitted.
  func availability(of e: Expr) -> Int {
    let placement = placement(of: e)
    if placement.isVolatile { return ceiling }
    if let target = hoistTarget(placement) { return target - 1 }
    return ceiling
  }

  func placement(of e: Expr) -> Placement {
    let number = numbering.number(e)
    if let known = placements[number] { return known }
    var placement = Placement(level: -1)
    switch e.kind {
    case .integer, .real: break
    case .size: placement.level = 0
    case .axis(let axis):
      placement.level = axes[axis.id]?.level ?? 0
      placement.usesLanes = lanes?.axis == axis
    case .local(let local):
      switch locals[local.id] {
      case .value(_, let level): placement.level = level
      case .alias(let e): placement = self.placement(of: e)
      case .variable, nil: placement.isVolatile = true
      }
    case .load(let index, let offset, let guardian):
      include(offset, in: &placement)
      if let guardian { include(guardian, in: &placement) }
      placement.hasLoad = true
      if !buffers.indices.contains(index) || buffers[index].isWritten { placement.isVolatile = true }
    case .cast(let x), .bitcast(let x): include(x, in: &placement)
    case .unary(let function, let x):
      include(x, in: &placement)
      if MathEmitter.endsBlock(function) { placement.isPinned = true }
    case .binary(let function, let x, let y):
      include(x, in: &placement)
      include(y, in: &placement)
      if function.hasBlocks(x.dtype) { placement.isPinned = true }
    case .select(let c, let x, let y):
      include(c, in: &placement)
      include(x, in: &placement)
      include(y, in: &placement)
    }
    placements[number] = placement
    // Forgotten with the bindings it depends on; a local may become a binding of another kind at any level.
    let owner = placement.isVolatile ? frames.count - 1 : min(max(placement.level, 0), frames.count - 1)
    frames[owner].placed.append(number)
    return placement
  }

  private func include(_ e: Expr, in placement: inout Placement) {
    let part = self.placement(of: e)
    placement.level = max(placement.level, part.level)
    placement.hasLoad = placement.hasLoad || part.hasLoad
    placement.isVolatile = placement.isVolatile || part.isVolatile
    placement.isPinned = placement.isPinned || part.isPinned
    placement.usesLanes = placement.usesLanes || part.usesLanes
  }

  // MARK: Nodes

  private func build(_ e: Expr) -> Value {
    let type = ValueType(e.dtype.register)
    switch e.kind {
    case .integer(let value): return b.int(value, type)
    case .real(let value):
      // Through the type's own rounding, so that a NaN keeps its payload out of it.
      return e.dtype == .f64
        ? b.real(bits: value.bitPattern, type) : b.real(bits: UInt64(Float(value).bitPattern), type)
    case .axis(let axis):
      guard let binding = axes[axis.id] else {
        fail("the axis '\(axis.name)' is used outside its loop")
        return b.int(0)
      }
      return binding.value
    case .size(let index): return size(index)
    case .local(let local): return read(local)
    case .load(let buffer, let offset, let guardian): return emitLoad(buffer, offset, guardian)
    case .unary(let function, let x): return emitUnary(function, emit(x), x.dtype)
    case .binary(let function, let x, let y): return emitBinary(function, x, y)
    case .select(let c, let x, let y): return b.select(emit(c), emit(x), emit(y))
    case .cast(let x): return convert(emit(x), from: x.dtype, to: e.dtype)
    case .bitcast(let x):
      let value = emit(x)
      guard value.type.scalar.bits == type.scalar.bits else {
        fail("a bitcast from '\(x.dtype)' to '\(e.dtype)' changes the width")
        return b.zero(type)
      }
      return b.bitcast(value, value.type.with(type.scalar))
    }
  }

  /// The current value of a local.
  package func read(_ local: Local) -> Value {
    switch locals[local.id] {
    case .value(let value, _): return value
    case .alias(let e): return emit(e)
    case .variable(let address, let type): return b.load(type, address)
    case nil:
      fail("the local '\(local.name)' is used before its definition")
      return b.zero(ValueType(local.dtype.register))
    }
  }
}
