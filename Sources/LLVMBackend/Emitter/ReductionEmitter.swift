// SPDX-License-Identifier: Apache-2.0
// Reductions: each lane of each unrolled vector has a partial result; they are combined in an order that the loop's
// shape fixes.

import KernelIR
import TensorCore

/// A running extreme and its index.
struct IndexReduction {
  var value: Local
  var index: Local
  var isMax: Bool
  var lastIndex: Bool
}

/// The locals that a vector loop reduces into: accumulated in its body and defined outside.
struct LaneReductions {
  private(set) var sums: [(local: Local, combiner: Combiner)] = []
  private(set) var extremes: [IndexReduction] = []

  init(_ body: [Statement]) {
    var inner: Set<Int> = []
    var seen: Set<Int> = []
    func visit(_ statements: [Statement]) {
      for statement in statements {
        for local in statement.definedLocals { inner.insert(local.id) }
        switch statement {
        case .accumulate(let local, let combiner, _) where !inner.contains(local.id):
          if seen.insert(local.id).inserted { sums.append((local, combiner)) }
        case .accumulateIndex(let value, let index, let combiner, _, _, let last) where !inner.contains(value.id):
          if seen.insert(value.id).inserted {
            extremes.append(IndexReduction(value: value, index: index, isMax: combiner == .max, lastIndex: last))
          }
        default: break
        }
        statement.bodies.forEach(visit)
      }
    }
    visit(body)
  }
}

extension KernelEmitter {
  /// Partial results for one vector: neutral elements, or for extremes what was seen before the loop.
  func startPartials(_ reductions: LaneReductions, _ count: Int) -> [Int: (value: Value, type: ValueType)] {
    var partials: [Int: (value: Value, type: ValueType)] = [:]
    func start(_ local: Local, _ value: Value) {
      let all = b.broadcast(value, count)
      let address = b.variable(all.type)
      b.store(all, address)
      partials[local.id] = (address, all.type)
    }
    for (local, combiner) in reductions.sums { start(local, neutral(combiner, local.dtype)) }
    for extreme in reductions.extremes {
      start(extreme.value, read(extreme.value))
      start(extreme.index, read(extreme.index))
    }
    return partials
  }

  /// Combines the partial results of all vectors: by pairs of neighbours, then by halves of the lanes.
  func finishPartials(_ reductions: LaneReductions, _ partials: [[Int: (value: Value, type: ValueType)]]) {
    func loaded(_ local: Local) -> [Value] {
      partials.compactMap { $0[local.id] }.map { b.load($0.type, $0.value) }
    }
    for (local, combiner) in reductions.sums {
      let total = b.reduce(tree(loaded(local)) { combine(combiner.function, $0, $1, local.dtype) }) {
        combine(combiner.function, $0, $1, local.dtype)
      }
      update(local) { combine(combiner.function, $0, total, local.dtype) }
    }
    for extreme in reductions.extremes {
      var pairs = zip(loaded(extreme.value), loaded(extreme.index)).map { Candidate(value: $0, index: $1) }
      while pairs.count > 1 {
        pairs = stride(from: 0, to: pairs.count, by: 2).map {
          $0 + 1 < pairs.count ? merged(pairs[$0], pairs[$0 + 1], extreme) : pairs[$0]
        }
      }
      guard var best = pairs.first else { continue }
      while best.value.lanes > 1 {
        let half = best.value.lanes / 2
        best = merged(
          Candidate(value: b.slice(best.value, 0, half), index: b.slice(best.index, 0, half)),
          Candidate(value: b.slice(best.value, half, half), index: b.slice(best.index, half, half)), extreme)
      }
      update(extreme.value) { _ in best.value }
      update(extreme.index) { _ in best.index }
    }
  }

  private func tree(_ values: [Value], _ combine: (Value, Value) -> Value) -> Value {
    var values = values
    while values.count > 1 {
      values = stride(from: 0, to: values.count, by: 2).map {
        $0 + 1 < values.count ? combine(values[$0], values[$0 + 1]) : values[$0]
      }
    }
    return values[0]
  }

  func accumulate(_ local: Local, _ combiner: Combiner, _ e: Expr) {
    let value = emit(e)
    guard let partial = lanes?.partials[local.id] else {
      return update(local) { combine(combiner.function, $0, value, local.dtype) }
    }
    let old = b.load(partial.type, partial.value)
    let new = combine(combiner.function, old, value, local.dtype)
    b.store(lanes?.mask.map { b.select($0, new, old) } ?? new, partial.value)
  }

  /// The element that changes nothing: for float sums -0, since 0 + -0 is 0.
  private func neutral(_ combiner: Combiner, _ dtype: DType) -> Value {
    let type = ValueType(dtype.register)
    let range = dtype.integerRange ?? (0, 0)
    switch combiner {
    case .sum: return type.isFloat ? b.real(-0.0, type) : b.zero(type)
    case .product: return type.isFloat ? b.real(1, type) : b.int(1, type)
    case .max: return type.isFloat ? b.real(-.infinity, type) : b.int(range.low, type)
    case .min: return type.isFloat ? b.real(.infinity, type) : b.int(range.high, type)
    case .and: return b.int(-1, type)
    case .or: return b.zero(type)
    }
  }

  // MARK: Extremes with their index

  private struct Candidate {
    var value: Value
    var index: Value
  }

  func accumulateIndex(_ extreme: IndexReduction, _ e: Expr, _ at: Expr) {
    let (value, index) = (emit(e), emit(at))
    guard let lanes, let best = lanes.partials[extreme.value.id], let place = lanes.partials[extreme.index.id] else {
      let isBetter = replaces(value, read(extreme.value), extreme)
      update(extreme.value) { b.select(isBetter, value, $0) }
      update(extreme.index) { b.select(isBetter, index, $0) }
      return
    }
    let (oldValue, oldIndex) = (b.load(best.type, best.value), b.load(place.type, place.value))
    var isBetter = replaces(value, oldValue, extreme)
    if let mask = lanes.mask { isBetter = b.and(isBetter, mask) }
    b.store(b.select(isBetter, value, oldValue), best.value)
    b.store(b.select(isBetter, index, oldIndex), place.value)
  }

  /// Whether a new element takes the place of an old one: NaN beats every number.
  private func replaces(_ new: Value, _ old: Value, _ extreme: IndexReduction) -> Value {
    let dtype = extreme.value.dtype
    let better: BinaryFunction =
      extreme.isMax ? (extreme.lastIndex ? .ge : .gt) : (extreme.lastIndex ? .le : .lt)
    let isBetter = combine(better, new, old, dtype)
    guard dtype.isFloat else { return isBetter }
    let isNaN = b.compare(.unordered, new, new)
    return b.or(isBetter, extreme.lastIndex ? isNaN : b.and(isNaN, b.compare(.ordered, old, old)))
  }

  /// The better of two lanes' results; of equal ones that with the smaller (or larger) index.
  private func merged(_ x: Candidate, _ y: Candidate, _ extreme: IndexReduction) -> Candidate {
    var strict = extreme
    strict.lastIndex = false
    let (isYBetter, isXBetter) = (replaces(y.value, x.value, strict), replaces(x.value, y.value, strict))
    let order = b.compare(extreme.lastIndex ? .sgt : .slt, y.index, x.index)
    let takesY = b.or(isYBetter, b.and(b.not(isXBetter), order))
    return Candidate(value: b.select(takesY, y.value, x.value), index: b.select(takesY, y.index, x.index))
  }
}
