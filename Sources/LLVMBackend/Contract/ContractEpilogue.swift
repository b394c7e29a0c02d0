// SPDX-License-Identifier: Apache-2.0
// What happens to the sums of a register tile.

import KernelIR
import TensorCore

/// Emits a contraction's epilogue for one tile: unrolled on the registers when it is short, else as a loop over the
/// sums in memory, since a function like gelu is too much code to be repeated for each register.
struct ContractEpilogue {
  let tile: ContractTile
  /// Row by row, in each group by group.
  let sums: [Value]

  private static let rowAxis = Axis(id: -3, name: "row")
  private static let vectorAxis = Axis(id: -4, name: "vector")

  private var emitter: KernelEmitter { tile.emitter }
  private var builder: Builder { tile.builder }
  private var contract: Contract { tile.contract }
  private var groups: [Local] { contract.accumulators }

  func emit() {
    if sums.count > 2 && contract.epilogue.contains(where: \.isLong) { emitLooped() } else { emitUnrolled() }
  }

  private func emitUnrolled() {
    for index in 0..<tile.height {
      let row = builder.addNoWrap(tile.rowBase, builder.int(index))
      func emitRow() {
        emitter.framed(.plain) {
          emitter.bind(contract.rowAxis, row)
          for (column, vector) in tile.vectors.enumerated() {
            let ofGroups = groups.indices.map { sums[(index * groups.count + $0) * tile.vectors.count + column] }
            emitVector(vector, at: builder.int(vector.offset), ofGroups)
          }
        }
      }
      guard let limit = tile.rowLimit else {
        emitRow()
        continue
      }
      builder.branch(builder.compare(.slt, row, limit), then: {
        emitter.framed(.conditional) { emitRow() }
      })
    }
  }

  /// The sums of a row's group are beside each other in memory; whole vectors are one loop, a masked or narrower one follows.
  private func emitLooped() {
    let lanes = tile.contraction.lanes
    let width = tile.vectors.count * lanes
    let element = ValueType(contract.sumType.register)
    let memory = builder.array(element, count: tile.height * groups.count * width)
    for (index, sum) in sums.enumerated() {
      builder.store(sum, builder.address(memory, index * lanes, element))
    }
    builder.releaseVectorRegisters()
    var count = builder.int(tile.height)
    if let limit = tile.rowLimit {
      let left = builder.sub(limit, tile.rowBase)
      count = builder.select(builder.compare(.slt, left, count), left, count)
    }
    let whole = tile.vectors.prefix { $0.mask == nil && $0.lanes == lanes }
    emitter.countedLoop(Self.rowAxis, from: builder.int(0), to: count, step: 1, isEntered: true) {
      let index = emitter.emit(.axis(Self.rowAxis))
      let start = builder.mulNoWrap(index, builder.int(groups.count * width))
      func emitSum(_ vector: ContractEmitter.ColumnVector, at offset: Value) {
        let first = builder.address(memory, builder.addNoWrap(start, offset), element)
        let ofGroups = groups.indices.map {
          builder.load(tile.sumType(vector), builder.address(first, $0 * width, element))
        }
        emitter.framed(.plain) {
          emitter.bind(contract.rowAxis, builder.addNoWrap(tile.rowBase, index))
          emitVector(vector, at: offset, ofGroups)
        }
      }
      if let vector = whole.first {
        emitter.countedLoop(
          Self.vectorAxis, from: builder.int(0), to: builder.int(whole.count * lanes), step: lanes, isEntered: true
        ) { emitSum(vector, at: emitter.emit(.axis(Self.vectorAxis))) }
      }
      for vector in tile.vectors.dropFirst(whole.count) { emitSum(vector, at: builder.int(vector.offset)) }
    }
    builder.releaseVectorRegisters()
  }

  private func emitVector(_ vector: ContractEmitter.ColumnVector, at offset: Value, _ ofGroups: [Value]) {
    let base = builder.addNoWrap(tile.columnBase, offset)
    let multiple = contract.tile.columns % vector.lanes == 0 ? vector.lanes : 1
    emitter.withLanes(contract.columnAxis, count: vector.lanes, base: base, multiple: multiple, mask: vector.mask) {
      for (local, sum) in zip(groups, ofGroups) { emitter.bind(local, sum) }
      emitter.emit(contract.epilogue)
    }
  }
}

extension Statement {
  /// Whether the statement computes more than some arithmetic.
  fileprivate var isLong: Bool {
    let functions = expressions.reduce(into: 0) { count, e in
      var seen: Set<Expr> = []
      e.visit(&seen) { if $0.isLongFunction { count += 1 } }
    }
    return functions > 0 || bodies.contains { $0.contains(where: \.isLong) }
  }
}

extension Expr {
  fileprivate var isLongFunction: Bool {
    switch kind {
    case .unary(let function, _):
      switch function {
      case .neg, .abs, .sign, .floor, .ceil, .trunc, .round, .sqrt, .reciprocal, .isNaN, .isInf, .not, .bitNot: false
      default: true
      }
    case .binary(.pow, _, _), .binary(.atan2, _, _), .binary(.rem, _, _), .binary(.mod, _, _): dtype.isFloat
    default: false
    }
  }
}
