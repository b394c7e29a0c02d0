// SPDX-License-Identifier: Apache-2.0
// Index expressions as polynomials over atoms: axes, sizes, and whatever is not a sum or product.
//
// Invariants: terms are sorted by their factors, have non-zero coefficients and at least one factor, and no factors
// occur twice. So equal polynomials are equal values. Every operation gives nil when a coefficient leaves Int64 or
// the terms become too many.

struct IndexPolynomial: Hashable {
  struct Term: Hashable {
    var coefficient: Int64
    /// Sorted by `Expr.precedes`.
    var factors: [Expr]
  }

  private(set) var terms: [Term]
  private(set) var constant: Int64

  private static let maximumTerms = 64

  init(_ constant: Int64) {
    terms = []
    self.constant = constant
  }

  init(atom: Expr) {
    terms = [Term(coefficient: 1, factors: [atom])]
    constant = 0
  }

  init(_ term: Term) {
    terms = term.factors.isEmpty || term.coefficient == 0 ? [] : [term]
    constant = term.factors.isEmpty ? term.coefficient : 0
  }

  private init?(collecting all: [Term], _ constant: Int64) {
    var coefficients: [[Expr]: Int64] = [:]
    for term in all {
      let (sum, overflow) = coefficients[term.factors, default: 0].addingReportingOverflow(term.coefficient)
      if overflow { return nil }
      coefficients[term.factors] = sum
    }
    terms = coefficients.filter { $0.value != 0 }.map { Term(coefficient: $0.value, factors: $0.key) }
    if terms.count > Self.maximumTerms { return nil }
    terms.sort { Self.precedes($0.factors, $1.factors) }
    self.constant = constant
  }

  private static func precedes(_ a: [Expr], _ b: [Expr]) -> Bool {
    for (x, y) in zip(a, b) where x != y { return x.precedes(y) }
    return a.count < b.count
  }

  /// The number, when there are no terms.
  var value: Int64? { terms.isEmpty ? constant : nil }

  /// Every atom, each once.
  var atoms: [Expr] {
    var seen: Set<Expr> = []
    return terms.flatMap(\.factors).filter { seen.insert($0).inserted }
  }

  // MARK: Arithmetic

  func plus(_ other: IndexPolynomial) -> IndexPolynomial? {
    let (sum, overflow) = constant.addingReportingOverflow(other.constant)
    if overflow { return nil }
    if other.terms.isEmpty {
      var result = self
      result.constant = sum
      return result
    }
    return IndexPolynomial(collecting: terms + other.terms, sum)
  }

  func minus(_ other: IndexPolynomial) -> IndexPolynomial? { other.times(-1).flatMap { plus($0) } }

  func plus(_ number: Int64) -> IndexPolynomial? { plus(IndexPolynomial(number)) }

  func times(_ number: Int64) -> IndexPolynomial? {
    if number == 0 { return IndexPolynomial(0) }
    var result = self
    var overflow = false
    (result.constant, overflow) = constant.multipliedReportingOverflow(by: number)
    if overflow { return nil }
    for index in terms.indices {
      (result.terms[index].coefficient, overflow) = terms[index].coefficient.multipliedReportingOverflow(by: number)
      if overflow { return nil }
    }
    return result
  }

  func times(_ other: IndexPolynomial) -> IndexPolynomial? {
    if let number = other.value { return times(number) }
    if let number = value { return other.times(number) }
    guard (terms.count + 1) * (other.terms.count + 1) <= 4 * Self.maximumTerms else { return nil }
    var products: [Term] = []
    for x in terms + [Term(coefficient: constant, factors: [])] where x.coefficient != 0 {
      for y in other.terms + [Term(coefficient: other.constant, factors: [])] where y.coefficient != 0 {
        guard let product = x.times(y) else { return nil }
        products.append(product)
      }
    }
    let constant = products.first { $0.factors.isEmpty }?.coefficient ?? 0
    return IndexPolynomial(collecting: products.filter { !$0.factors.isEmpty }, constant)
  }

  /// Each atom replaced by a polynomial where `replacement` gives one.
  func substituting(_ replacement: (Expr) -> IndexPolynomial?) -> IndexPolynomial? {
    var sum = IndexPolynomial(constant)
    for term in terms {
      var product = IndexPolynomial(term.coefficient)
      for factor in term.factors {
        guard let next = product.times(replacement(factor) ?? IndexPolynomial(atom: factor)) else { return nil }
        product = next
      }
      guard let next = sum.plus(product) else { return nil }
      sum = next
    }
    return sum
  }

  /// `self = coefficient · atom + rest` with both free of the atom; nil when the atom is squared.
  func split(by atom: Expr) -> (coefficient: IndexPolynomial, rest: IndexPolynomial)? {
    var with: [Term] = []
    var without: [Term] = []
    var constantCoefficient: Int64 = 0
    for term in terms {
      guard let index = term.factors.firstIndex(of: atom) else {
        without.append(term)
        continue
      }
      var rest = term
      rest.factors.remove(at: index)
      if rest.factors.contains(atom) { return nil }
      if rest.factors.isEmpty { constantCoefficient = rest.coefficient } else { with.append(rest) }
    }
    guard let coefficient = IndexPolynomial(collecting: with, constantCoefficient),
      let rest = IndexPolynomial(collecting: without, constant)
    else { return nil }
    return (coefficient, rest)
  }

  /// The only term, when there is one term and no constant, or the constant as a term.
  var monomial: Term? {
    if terms.isEmpty { return Term(coefficient: constant, factors: []) }
    return terms.count == 1 && constant == 0 ? terms[0] : nil
  }

  /// `self = divisor · quotient + rest`, taking into the quotient each term that the divisor divides, and of the
  /// constant as much as leaves a rest in `0..<divisor` for a constant divisor.
  func divided(by divisor: Term) -> (quotient: IndexPolynomial, rest: IndexPolynomial)? {
    var whole: [Term] = []
    var wholeConstant: Int64 = 0
    var rest: [Term] = []
    for term in terms {
      if let quotient = term.divided(by: divisor) {
        if quotient.factors.isEmpty { wholeConstant = quotient.coefficient } else { whole.append(quotient) }
      } else {
        rest.append(term)
      }
    }
    var restConstant = constant
    if divisor.factors.isEmpty && divisor.coefficient > 0 {
      let (q, r) = constant.quotientAndRemainder(dividingBy: divisor.coefficient)
      restConstant = r < 0 ? r + divisor.coefficient : r
      let (sum, overflow) = wholeConstant.addingReportingOverflow(r < 0 ? q - 1 : q)
      if overflow { return nil }
      wholeConstant = sum
    }
    guard let quotient = IndexPolynomial(collecting: whole, wholeConstant),
      let remainder = IndexPolynomial(collecting: rest, restConstant)
    else { return nil }
    return (quotient, remainder)
  }

  /// The quotient when every term and the constant divide.
  func dividedExactly(by divisor: Term) -> IndexPolynomial? {
    guard let (quotient, rest) = divided(by: divisor), rest.value == 0 else { return nil }
    return quotient
  }

  // MARK: Expressions

  /// The polynomial as an expression: large strides first, the constant last.
  var expression: Expr {
    var ordered = terms.enumerated().sorted { a, b in
      let (x, y) = (a.element, b.element)
      if x.coefficient.magnitude != y.coefficient.magnitude {
        return x.coefficient.magnitude > y.coefficient.magnitude
      }
      if x.factors.count != y.factors.count { return x.factors.count > y.factors.count }
      return a.offset < b.offset
    }.map(\.element)
    guard !ordered.isEmpty else { return .integer(constant) }
    // Starting with a term to add saves a negation.
    if let index = ordered.firstIndex(where: { $0.coefficient > 0 }) {
      ordered.insert(ordered.remove(at: index), at: 0)
    }
    var sum: Expr?
    for term in ordered {
      let product = term.factors.dropFirst().reduce(term.factors[0]) { $0 * $1 }
      if let before = sum {
        sum =
          term.coefficient < 0
          ? before - product * .integer(0 &- term.coefficient) : before + product * .integer(term.coefficient)
      } else {
        sum = product * .integer(term.coefficient)
      }
    }
    return (sum ?? .integer(0)) + .integer(constant)
  }
}

extension IndexPolynomial.Term {
  func times(_ other: Self) -> Self? {
    let (product, overflow) = coefficient.multipliedReportingOverflow(by: other.coefficient)
    let all = factors + other.factors
    guard !overflow, all.count <= 12 else { return nil }
    return Self(coefficient: product, factors: all.sorted { $0.precedes($1) })
  }

  /// `self / divisor` when it is without remainder.
  func divided(by divisor: Self) -> Self? {
    let (quotient, rest) =
      divisor.coefficient == -1 || divisor.coefficient == 0
      ? (0, 1) : coefficient.quotientAndRemainder(dividingBy: divisor.coefficient)
    guard rest == 0 else { return nil }
    var left = factors
    for factor in divisor.factors {
      guard let index = left.firstIndex(of: factor) else { return nil }
      left.remove(at: index)
    }
    return Self(coefficient: quotient, factors: left)
  }

  /// The largest term that divides both, with a positive coefficient.
  func commonDivisor(_ other: Self) -> Self? {
    var (a, b) = (coefficient.magnitude, other.coefficient.magnitude)
    while b != 0 { (a, b) = (b, a % b) }
    guard let coefficient = Int64(exactly: a) else { return nil }
    var left = other.factors
    var common: [Expr] = []
    for factor in factors {
      if let index = left.firstIndex(of: factor) {
        left.remove(at: index)
        common.append(factor)
      }
    }
    return Self(coefficient: coefficient, factors: common)
  }
}
