// SPDX-License-Identifier: Apache-2.0
// Simplification of index expressions by the ranges of their axes: what makes chains of reshapes, transposes and
// slices free.
//
// Rewrites are exact for every value of the axes in `0..<extent` and of the sizes from 1 up, given that sums and
// products of axes and sizes stay in Int64, as offsets in memory do. Values without such bounds (elements of i64
// tensors, variables) take part in sums and products, where wrapping does no harm, and in nothing else.

import TensorCore

/// Simplifies expressions where some axes are in scope and some conditions hold.
package struct IndexSimplifier {
  /// The extent of each axis in scope; inner axes have higher ranks.
  private(set) var extents: [Expr: (extent: IndexPolynomial, rank: Int)] = [:]
  /// What defined locals stand for.
  private(set) var definitions: [Expr: IndexPolynomial] = [:]
  /// Polynomials known not to be negative.
  private(set) var facts: [IndexPolynomial] = []
  private var simplified: [Expr: Expr] = [:]
  private var polynomials: [Expr: IndexPolynomial] = [:]
  var boundedAtoms: [Expr: Bool] = [:]
  /// How many proofs this simplifier is within.
  var proofDepth = 0

  package init() {}

  // MARK: Scope

  /// Brings an axis into scope, inside those that are.
  package mutating func add(_ axis: Axis, extent: Expr) {
    let value = polynomial(extent)
    extents[.axis(axis)] = (value, extents.count)
  }

  /// Lets proofs use what a local was defined as.
  package mutating func add(_ local: Local, definition: Expr) {
    guard local.dtype == .i64 else { return }
    let value = polynomial(definition)
    if isBounded(value) && isConstantInScope(value) { definitions[.local(local)] = value }
  }

  /// Lets proofs use that a condition is true, or false.
  package mutating func add(fact condition: Expr, isTrue: Bool = true) {
    switch condition.kind {
    case .binary(.and, let a, let b) where isTrue && condition.dtype == .bool:
      add(fact: a)
      add(fact: b)
    case .binary(.or, let a, let b) where !isTrue && condition.dtype == .bool:
      add(fact: a, isTrue: false)
      add(fact: b, isTrue: false)
    case .unary(.not, let x):
      add(fact: x, isTrue: !isTrue)
    case .binary(let function, let a, let b) where a.dtype == .i64 && function.isComparison:
      let (x, y) = (polynomial(a), polynomial(b))
      guard isBounded(x), isBounded(y), let difference = y.minus(x), isConstantInScope(difference) else { return }
      // difference = b - a
      let known: [IndexPolynomial?] =
        switch (function, isTrue) {
        case (.lt, true), (.ge, false): [difference.plus(-1)]
        case (.le, true), (.gt, false): [difference]
        case (.gt, true), (.le, false): [difference.times(-1)?.plus(-1)]
        case (.ge, true), (.lt, false): [difference.times(-1)]
        case (.eq, true), (.ne, false): [difference, difference.times(-1)]
        default: []
        }
      facts += known.compactMap { $0 }.filter { $0.value == nil }
      reset()
    default: break
    }
  }

  /// Whether a polynomial keeps its value while its axes keep theirs: it reads no memory and no variable.
  private func isConstantInScope(_ p: IndexPolynomial) -> Bool {
    p.atoms.allSatisfy { atom in
      !atom.contains {
        switch $0.kind {
        case .load: true
        case .local: definitions[$0] == nil
        default: false
        }
      }
    }
  }

  private mutating func reset() {
    simplified = [:]
    polynomials = [:]
    boundedAtoms = [:]
  }

  // MARK: Simplification

  /// An equal expression, usually smaller; of any type, with every index in it simplified.
  package mutating func simplify(_ e: Expr) -> Expr {
    if let known = simplified[e] { return known }
    let result: Expr
    switch e.kind {
    case .integer, .real, .size, .local:
      result = e
    case .load(let buffer, let offset, let condition):
      let (newOffset, newCondition) = simplify(offset: offset, guard: condition)
      result =
        newCondition?.integerValue == 0
        ? .constant(0, e.dtype) : .load(buffer, e.dtype, at: newOffset, guard: newCondition)
    case .binary(.and, let a, let b) where e.dtype == .bool:
      let first = simplify(a)
      var inner = self
      // Both sides are evaluated: loads in the second need their own guards.
      if !b.contains(where: \.isLoad) { inner.add(fact: first) }
      result = first && inner.simplify(b)
    case .binary(let function, let a, let b) where function.isComparison && a.dtype == .i64:
      result = compare(function, polynomial(a), polynomial(b))
    default:
      result = e.dtype == .i64 ? polynomial(e).expression : rebuilt(e)
    }
    simplified[e] = result
    return result
  }

  /// An offset and its guard; the offset matters only where the guard holds. It is evaluated everywhere, though, so that
  /// loads in it need their own guards.
  package mutating func simplify(offset: Expr, guard condition: Expr?) -> (offset: Expr, guard: Expr?) {
    guard let condition else { return (simplify(offset), nil) }
    let newCondition = simplify(condition)
    if let value = newCondition.integerValue {
      return (value == 0 ? .int(0) : simplify(offset), value == 0 ? .bool(false) : nil)
    }
    var inner = self
    if !offset.contains(where: \.isLoad) { inner.add(fact: newCondition) }
    return (inner.simplify(offset), newCondition)
  }

  private mutating func rebuilt(_ e: Expr) -> Expr {
    var copy = self
    let result = e.mapChildren { copy.simplify($0) }
    self = copy
    return result
  }

  private mutating func compare(_ function: BinaryFunction, _ a: IndexPolynomial, _ b: IndexPolynomial) -> Expr {
    if isBounded(a), isBounded(b), let difference = b.minus(a), let opposite = difference.times(-1) {
      func isPositive(_ p: IndexPolynomial) -> Bool { p.plus(-1).map { isNonNegative($0) } ?? false }
      switch function {
      case .lt, .ge:
        if isPositive(difference) { return .bool(function == .lt) }
        if isNonNegative(opposite) { return .bool(function == .ge) }
      case .gt, .le:
        if isPositive(opposite) { return .bool(function == .gt) }
        if isNonNegative(difference) { return .bool(function == .le) }
      case .eq, .ne:
        if difference.value == 0 { return .bool(function == .eq) }
        if isPositive(difference) || isPositive(opposite) { return .bool(function == .ne) }
      default: break
      }
    }
    return .binary(function, a.expression, b.expression)
  }

  // MARK: Polynomials

  /// The polynomial equal to an i64 expression.
  mutating func polynomial(_ e: Expr) -> IndexPolynomial {
    if let known = polynomials[e] { return known }
    let result = makePolynomial(e)
    polynomials[e] = result
    return result
  }

  private mutating func makePolynomial(_ e: Expr) -> IndexPolynomial {
    switch e.kind {
    case .integer(let value):
      return IndexPolynomial(value)
    case .axis:
      // A loop that runs once has only index 0.
      return extents[e]?.extent.value == 1 ? IndexPolynomial(0) : IndexPolynomial(atom: e)
    case .size, .local:
      return IndexPolynomial(atom: e)
    case .unary(.neg, let x):
      if let result = polynomial(x).times(-1) { return result }
    case .binary(.add, let a, let b):
      if let sum = polynomial(a).plus(polynomial(b)) { return recombined(sum) }
    case .binary(.sub, let a, let b):
      if let difference = polynomial(a).minus(polynomial(b)) { return recombined(difference) }
    case .binary(.mul, let a, let b):
      if let product = polynomial(a).times(polynomial(b)) { return product }
    case .binary(.shl, let a, let b):
      if let count = polynomial(b).value, (0..<63).contains(count), let product = polynomial(a).times(1 << count) {
        return product
      }
    case .binary(.shr, let a, let b):
      let x = polynomial(a)
      if let count = polynomial(b).value, (0..<63).contains(count), isBounded(x) {
        return divide(x, IndexPolynomial(1 << count))
      }
    case .binary(.floorDiv, let a, let b):
      return divide(polynomial(a), polynomial(b))
    case .binary(.mod, let a, let b):
      return modulo(polynomial(a), polynomial(b))
    case .binary(.div, let a, let b):
      let (x, y) = (polynomial(a), polynomial(b))
      if isBounded(x), isNonNegative(x), isPositiveDivisor(y) { return divide(x, y) }
    case .binary(.rem, let a, let b):
      let (x, y) = (polynomial(a), polynomial(b))
      if isBounded(x), isNonNegative(x), isPositiveDivisor(y) { return modulo(x, y) }
    case .binary(.min, let a, let b):
      return extreme(.min, polynomial(a), polynomial(b))
    case .binary(.max, let a, let b):
      return extreme(.max, polynomial(a), polynomial(b))
    case .load:
      return polynomial(ofAtom: simplify(e))
    case .select(let c, let a, let b):
      let condition = simplify(c)
      if let value = condition.integerValue { return polynomial(value != 0 ? a : b) }
      let (x, y) = (polynomial(a), polynomial(b))
      return x == y ? x : polynomial(ofAtom: .select(condition, x.expression, y.expression))
    default: break
    }
    return polynomial(ofAtom: rebuilt(e))
  }

  /// The polynomial of an expression whose parts are simple already.
  private func polynomial(ofAtom e: Expr) -> IndexPolynomial {
    e.integerValue.map { IndexPolynomial($0) } ?? IndexPolynomial(atom: e)
  }

  private mutating func extreme(
    _ function: BinaryFunction, _ a: IndexPolynomial, _ b: IndexPolynomial
  ) -> IndexPolynomial {
    if isBounded(a), isBounded(b), let difference = b.minus(a), let opposite = difference.times(-1) {
      if isNonNegative(difference) { return function == .min ? a : b }
      if isNonNegative(opposite) { return function == .min ? b : a }
    }
    let (x, y) = (a.expression, b.expression)
    return polynomial(ofAtom: .binary(function, x.precedes(y) ? x : y, x.precedes(y) ? y : x))
  }
}
