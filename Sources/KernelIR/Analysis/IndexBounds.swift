// SPDX-License-Identifier: Apache-2.0
// Proofs that an index polynomial is never negative.

import TensorCore

extension IndexSimplifier {
  // MARK: Boundedness

  /// Whether a polynomial's value is that of exact arithmetic, so that it may be reasoned about as a number.
  mutating func isBounded(_ p: IndexPolynomial) -> Bool {
    for atom in p.atoms where !isBounded(atom: atom) { return false }
    return true
  }

  private mutating func isBounded(atom: Expr) -> Bool {
    if let known = boundedAtoms[atom] { return known }
    let result: Bool
    switch atom.kind {
    case .axis, .size: result = true
    case .local: result = definitions[atom] != nil
    case .cast(let x): result = x.dtype.bits < 64 && !x.dtype.isFloat
    case .binary(.floorDiv, let a, let b), .binary(.mod, let a, let b):
      let (x, y) = (polynomial(a), polynomial(b))
      result = isBounded(x) && isPositiveDivisor(y)
    case .binary(.min, let a, let b), .binary(.max, let a, let b):
      let (x, y) = (polynomial(a), polynomial(b))
      result = isBounded(x) && isBounded(y)
    case .select(_, let a, let b):
      let (x, y) = (polynomial(a), polynomial(b))
      result = isBounded(x) && isBounded(y)
    default: result = false
    }
    boundedAtoms[atom] = result
    return result
  }

  // MARK: Proof

  /// Whether a bounded polynomial is provably at least 0 for every value of its atoms.
  func isNonNegative(_ p: IndexPolynomial) -> Bool {
    if let value = p.value { return value >= 0 }
    var proof = NonNegativeProof(self)
    return proof.holds(p)
  }
}

/// One proof attempt with a bounded number of steps.
private struct NonNegativeProof {
  private var simplifier: IndexSimplifier
  private var steps: Int

  /// A proof makes polynomials, which needs proofs: those within others get fewer steps, until there are none.
  init(_ simplifier: IndexSimplifier) {
    self.simplifier = simplifier
    self.simplifier.proofDepth += 1
    steps = 200 >> (3 * (simplifier.proofDepth - 1))
  }

  /// Replaces atoms by the ends of their ranges, those that contain others first, until sizes are left.
  mutating func holds(_ p: IndexPolynomial?, facts: Bool = true) -> Bool {
    guard let p else { return false }
    if let value = p.value { return value >= 0 }
    steps -= 1
    guard steps > 0 else { return false }
    if eliminates(p, facts) { return true }
    guard facts else { return false }
    let atoms = Set(p.atoms)
    for fact in simplifier.facts where fact.atoms.contains(where: atoms.contains) {
      if holds(p.minus(fact), facts: false) { return true }
    }
    return false
  }

  private mutating func eliminates(_ p: IndexPolynomial, _ facts: Bool) -> Bool {
    guard let atom = outermost(p.atoms) else { return isNonNegativeOverSizes(p) }
    guard let (c, r) = p.split(by: atom) else { return false }
    let isRising: Bool
    if let value = c.value {
      isRising = value >= 0
    } else if holds(c, facts: facts) {
      isRising = true
    } else if holds(c.times(-1), facts: facts) {
      isRising = false
    } else {
      return false
    }
    switch atom.kind {
    case .axis:
      if isRising { return holds(r, facts: facts) }
      guard let extent = simplifier.extents[atom]?.extent else { return false }
      return holds(extent.plus(-1)?.times(c)?.plus(r), facts: facts)
    case .local:
      guard let definition = simplifier.definitions[atom] else { return false }
      return holds(c.times(definition)?.plus(r), facts: facts)
    case .cast(let x):
      guard let range = x.dtype.integerRange, x.dtype.bits < 64 else { return false }
      return holds(c.times(isRising ? range.low : range.high)?.plus(r), facts: facts)
    case .binary(.mod, let a, let b):
      let (x, d) = (simplifier.polynomial(a), simplifier.polynomial(b))
      guard simplifier.isBounded(x), simplifier.isPositiveDivisor(d) else { return false }
      if isRising { return holds(r, facts: facts) }
      if holds(d.plus(-1)?.times(c)?.plus(r), facts: facts) { return true }
      return holds(x, facts: facts) && holds(c.times(x)?.plus(r), facts: facts)
    case .binary(.floorDiv, let a, let b):
      return quotientHolds(simplifier.polynomial(a), simplifier.polynomial(b), c, r, isRising, facts)
    case .binary(let function, let a, let b) where function == .min || function == .max:
      let first = c.times(simplifier.polynomial(a))?.plus(r)
      let second = c.times(simplifier.polynomial(b))?.plus(r)
      // c · max(a, b) is at least both c · a and c · b when c ≥ 0, else the smaller of them.
      if (function == .max) == isRising { return holds(first, facts: facts) || holds(second, facts: facts) }
      return holds(first, facts: facts) && holds(second, facts: facts)
    case .select(_, let a, let b):
      return holds(c.times(simplifier.polynomial(a))?.plus(r), facts: facts)
        && holds(c.times(simplifier.polynomial(b))?.plus(r), facts: facts)
    default:
      return false
    }
  }

  /// `c · floor(x / d) + r ≥ 0`
  private mutating func quotientHolds(
    _ x: IndexPolynomial, _ d: IndexPolynomial, _ c: IndexPolynomial, _ r: IndexPolynomial, _ isRising: Bool,
    _ facts: Bool
  ) -> Bool {
    guard simplifier.isBounded(x), simplifier.isPositiveDivisor(d), let scaled = r.times(d) else { return false }
    // Exact for c = 1 and c = -1.
    if c.value == 1 { return holds(scaled.plus(x), facts: facts) }
    if c.value == -1 { return holds(scaled.plus(d)?.plus(-1)?.minus(x), facts: facts) }
    // d · floor(x / d) is between x - d + 1 and x.
    guard isRising else { return holds(c.times(x)?.plus(scaled), facts: facts) }
    if holds(x.minus(d)?.plus(1)?.times(c)?.plus(scaled), facts: facts) { return true }
    return holds(x, facts: facts) && holds(r, facts: facts)
  }

  /// The atom that no other one contains or depends on; nil when all are sizes.
  private func outermost(_ atoms: [Expr]) -> Expr? {
    var best: (atom: Expr, height: Int, rank: Int)?
    for atom in atoms {
      if case .size = atom.kind { continue }
      // A local's definition may depend on any axis.
      let (height, rank) = (atom.height, simplifier.extents[atom]?.rank ?? .max)
      if let best, (best.height, best.rank) >= (height, rank) { continue }
      best = (atom, height, rank)
    }
    return best?.atom
  }

  /// Sizes are at least 1: over `size - 1`, no coefficient may be negative.
  private func isNonNegativeOverSizes(_ p: IndexPolynomial) -> Bool {
    guard let shifted = p.substituting({ IndexPolynomial(atom: $0).plus(1) }) else { return false }
    return shifted.constant >= 0 && shifted.terms.allSatisfy { $0.coefficient > 0 }
  }
}
