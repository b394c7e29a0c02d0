// SPDX-License-Identifier: Apache-2.0
// Floor division and remainder of index polynomials.

extension IndexSimplifier {
  /// Whether a polynomial is bounded and at least 1.
  mutating func isPositiveDivisor(_ d: IndexPolynomial) -> Bool {
    guard isBounded(d), let below = d.plus(-1) else { return false }
    return isNonNegative(below)
  }

  /// `floor(n / d)`
  mutating func divide(_ n: IndexPolynomial, _ d: IndexPolynomial) -> IndexPolynomial {
    if d.value == 1 { return n }
    guard isBounded(n), isPositiveDivisor(d) else { return atom(.floorDiv, n, d) }
    guard let divisor = d.monomial else {
      if let (quotient, _) = longDivision(n, d) { return quotient }
      return atom(.floorDiv, n, d)
    }
    // floor((d · q + r) / d) = q + floor(r / d)
    guard let (quotient, rest) = n.divided(by: divisor) else { return atom(.floorDiv, n, d) }
    return quotient.plus(divideRest(rest, divisor, d)) ?? atom(.floorDiv, n, d)
  }

  /// `floor(r / d)` where no term of r is a multiple of d.
  private mutating func divideRest(
    _ r: IndexPolynomial, _ divisor: IndexPolynomial.Term, _ d: IndexPolynomial
  ) -> IndexPolynomial {
    if let number = floorInUnitSteps(r, d) { return IndexPolynomial(number) }
    if let (part, whole) = commonPart(r, divisor), let inner = divisor.divided(by: part) {
      // floor((g · a + b) / (g · e)) = floor(a / e) for 0 ≤ b < g
      return divide(whole, IndexPolynomial(inner))
    }
    if r.terms.count == 1, let term = r.terms.first, term.coefficient == 1, term.factors.count == 1 {
      switch term.factors[0].kind {
      case .binary(.floorDiv, let x, let b):
        // floor((floor(x / b) + c) / d) = floor((x + c · b) / (b · d))
        let below = polynomial(b)
        if isPositiveDivisor(below), let both = below.times(d), let shift = below.times(r.constant),
          let numerator = polynomial(x).plus(shift)
        {
          return divide(numerator, both)
        }
      case .binary(.mod, let x, let b) where r.constant == 0:
        // floor((x mod (d · e)) / d) = floor(x / d) mod e
        if let e = polynomial(b).dividedExactly(by: divisor), isPositiveDivisor(e) {
          return modulo(divide(polynomial(x), d), e)
        }
      default: break
      }
    }
    return atom(.floorDiv, r, d)
  }

  /// `n - d · floor(n / d)`
  mutating func modulo(_ n: IndexPolynomial, _ d: IndexPolynomial) -> IndexPolynomial {
    if d.value == 1 { return IndexPolynomial(0) }
    guard isBounded(n), isPositiveDivisor(d) else { return atom(.mod, n, d) }
    guard let divisor = d.monomial else {
      if let (_, rest) = longDivision(n, d) { return rest }
      return atom(.mod, n, d)
    }
    guard let (_, rest) = n.divided(by: divisor) else { return atom(.mod, n, d) }
    var r = rest
    if let number = floorInUnitSteps(r, d), let shift = d.times(number), let result = r.minus(shift) { return result }
    // k · (x mod b) = k · x - k · b · floor(x / b), and the last is a multiple of d when k · b is one.
    for term in r.terms {
      for (index, factor) in term.factors.enumerated() {
        guard case .binary(.mod, let x, let b) = factor.kind else { continue }
        var cofactor = term
        cofactor.factors.remove(at: index)
        let (inner, base) = (polynomial(x), polynomial(b))
        guard isBounded(inner), isPositiveDivisor(base), let step = IndexPolynomial(cofactor).times(base),
          step.dividedExactly(by: divisor) != nil, let replaced = IndexPolynomial(cofactor).times(inner),
          let next = r.minus(IndexPolynomial(term))?.plus(replaced)
        else { continue }
        return modulo(next, d)
      }
    }
    if let (part, whole) = commonPart(r, divisor), let inner = divisor.divided(by: part) {
      // (g · a + b) mod (g · e) = g · (a mod e) + b for 0 ≤ b < g
      let scaled = whole.times(IndexPolynomial(part))
      if let low = scaled.flatMap({ r.minus($0) }),
        let high = modulo(whole, IndexPolynomial(inner)).times(IndexPolynomial(part)), let result = high.plus(low)
      {
        return result
      }
    }
    r = rest
    return atom(.mod, r, d)
  }

  /// `floor(r / d)` when it is 0 or -1 throughout.
  private func floorInUnitSteps(_ r: IndexPolynomial, _ d: IndexPolynomial) -> Int64? {
    if isNonNegative(r), let gap = d.minus(r)?.plus(-1), isNonNegative(gap) { return 0 }
    if let negative = r.times(-1)?.plus(-1), isNonNegative(negative), let sum = r.plus(d), isNonNegative(sum) {
      return -1
    }
    return nil
  }

  /// A term g that divides d, and a, with `r = g · a + b` and `0 ≤ b < g`.
  private func commonPart(
    _ r: IndexPolynomial, _ divisor: IndexPolynomial.Term
  ) -> (part: IndexPolynomial.Term, whole: IndexPolynomial)? {
    var tried: Set<IndexPolynomial.Term> = []
    for term in r.terms {
      guard let part = term.commonDivisor(divisor), part.coefficient > 1 || !part.factors.isEmpty,
        tried.insert(part).inserted, let (whole, below) = r.divided(by: part), isNonNegative(below),
        let gap = IndexPolynomial(part).minus(below)?.plus(-1), isNonNegative(gap)
      else { continue }
      return (part, whole)
    }
    return nil
  }

  /// Quotient and rest for a divisor of several terms, when the rest is provably in `0..<d`.
  private func longDivision(
    _ n: IndexPolynomial, _ d: IndexPolynomial
  ) -> (quotient: IndexPolynomial, rest: IndexPolynomial)? {
    for lead in d.terms {
      var (quotient, rest) = (IndexPolynomial(0), n)
      for _ in 0..<8 {
        guard let step = rest.terms.lazy.compactMap({ $0.divided(by: lead) }).first.map({ IndexPolynomial($0) }),
          let product = step.times(d), let smaller = rest.minus(product), let larger = quotient.plus(step)
        else { break }
        (quotient, rest) = (larger, smaller)
      }
      if isNonNegative(rest), let gap = d.minus(rest)?.plus(-1), isNonNegative(gap) { return (quotient, rest) }
    }
    return nil
  }

  private func atom(_ function: BinaryFunction, _ n: IndexPolynomial, _ d: IndexPolynomial) -> IndexPolynomial {
    let e = Expr.binary(function, n.expression, d.expression)
    return e.integerValue.map { IndexPolynomial($0) } ?? IndexPolynomial(atom: e)
  }

  // MARK: Recombination

  /// Puts quotients and remainders of one value together again: `x // b · b + x % b` is x, and
  /// `x // b % a · b + x % b` is `x % (a · b)`.
  mutating func recombined(_ p: IndexPolynomial) -> IndexPolynomial {
    var p = p
    for _ in 0..<16 {
      guard let next = recombinedOnce(p) else { break }
      p = next
    }
    return p
  }

  private mutating func recombinedOnce(_ p: IndexPolynomial) -> IndexPolynomial? {
    for term in p.terms {
      for (index, factor) in term.factors.enumerated() {
        guard case .binary(.mod, let x, let b) = factor.kind else { continue }
        var cofactor = term
        cofactor.factors.remove(at: index)
        let scale = IndexPolynomial(cofactor)
        let (inner, base) = (polynomial(x), polynomial(b))
        guard isBounded(inner), isPositiveDivisor(base), let step = scale.times(base),
          let others = p.minus(IndexPolynomial(term))
        else { continue }
        let quotient = divide(inner, base)
        if let whole = step.times(quotient), others.holds(whole), let all = scale.times(inner),
          let next = others.minus(whole)?.plus(all)
        {
          return next
        }
        for other in others.terms {
          for (position, candidate) in other.factors.enumerated() {
            guard case .binary(.mod, let y, let a) = candidate.kind else { continue }
            var rest = other
            rest.factors.remove(at: position)
            guard IndexPolynomial(rest) == step, polynomial(y) == quotient else { continue }
            let outer = polynomial(a)
            guard isPositiveDivisor(outer), let both = outer.times(base),
              let all = scale.times(modulo(inner, both)), let next = others.minus(IndexPolynomial(other))?.plus(all)
            else { continue }
            return next
          }
        }
      }
    }
    return nil
  }
}

extension IndexPolynomial {
  /// Whether every term of another polynomial, which has no constant, occurs here with the same coefficient.
  fileprivate func holds(_ other: IndexPolynomial) -> Bool {
    other.constant == 0 && !other.terms.isEmpty && other.terms.allSatisfy { terms.contains($0) }
  }
}
