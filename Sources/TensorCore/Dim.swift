// SPDX-License-Identifier: Apache-2.0
// Symbolic sizes: integer polynomials over named sizes, with floor division, remainder, minimum and maximum.
//
// Invariants: terms are sorted and have non-zero coefficients, a monomial appears once, and a constant has no terms.
// So two sizes that simplify to the same polynomial are equal as values. Arithmetic never traps: what leaves the
// range of Int becomes `Dim.invalid`, which every operation passes on and every checker refuses.

/// A size that may depend on named sizes such as `N` and `T`.
package struct Dim: Hashable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
  /// What a monomial multiplies.
  package indirect enum Atom: Hashable, Sendable {
    case symbol(String)
    case floorDiv(Dim, Dim)
    case mod(Dim, Dim)
    case min(Dim, Dim)
    case max(Dim, Dim)
  }

  /// `coefficient · Π factors`
  package struct Term: Hashable, Sendable {
    package var coefficient: Int
    package var factors: [Atom]
  }

  /// The part without names.
  package private(set) var constant: Int
  /// The parts with names, sorted by their factors' text.
  package private(set) var terms: [Term]
  /// False once any step left the range of Int or divided by zero.
  package private(set) var isValid: Bool

  private init(constant: Int, terms: [Term], isValid: Bool = true) {
    self.constant = constant
    self.terms = terms
    self.isValid = isValid
  }

  package init(_ value: Int) { self.init(constant: value, terms: []) }
  package init(integerLiteral value: Int) { self.init(value) }
  package init(symbol: String) { self.init(constant: 0, terms: [Term(coefficient: 1, factors: [.symbol(symbol)])]) }

  /// The result of arithmetic that left the range of Int.
  package static let invalid = Dim(constant: 0, terms: [], isValid: false)

  /// The number, when no name is left.
  package var value: Int? { isValid && terms.isEmpty ? constant : nil }
  package var isConstant: Bool { value != nil }

  /// Every name in this size.
  package var symbols: Set<String> {
    var found: Set<String> = []
    for term in terms { for atom in term.factors { atom.collect(&found) } }
    return found
  }

  // MARK: Arithmetic

  package static func + (a: Dim, b: Dim) -> Dim {
    guard a.isValid, b.isValid else { return .invalid }
    let (sum, overflow) = a.constant.addingReportingOverflow(b.constant)
    if overflow { return .invalid }
    if a.terms.isEmpty && b.terms.isEmpty { return Dim(sum) }
    return Dim.collecting(a.terms + b.terms, constant: sum)
  }

  package static prefix func - (a: Dim) -> Dim { a * Dim(-1) }
  package static func - (a: Dim, b: Dim) -> Dim { a + -b }

  package static func * (a: Dim, b: Dim) -> Dim {
    guard a.isValid, b.isValid else { return .invalid }
    let (constant, overflow) = a.constant.multipliedReportingOverflow(by: b.constant)
    if overflow { return .invalid }
    if a.terms.isEmpty && b.terms.isEmpty { return Dim(constant) }
    // A product of long polynomials grows fast; nothing real needs more than this.
    guard a.terms.count * b.terms.count <= 256 else { return .invalid }
    var products: [Term] = []
    for x in a.terms + [Term(coefficient: a.constant, factors: [])] where x.coefficient != 0 {
      for y in b.terms + [Term(coefficient: b.constant, factors: [])] where y.coefficient != 0 {
        if x.factors.isEmpty && y.factors.isEmpty { continue }
        let (product, overflow) = x.coefficient.multipliedReportingOverflow(by: y.coefficient)
        if overflow { return .invalid }
        let factors = (x.factors + y.factors).sorted { $0.description < $1.description }
        guard factors.count <= 16 else { return .invalid }
        products.append(Term(coefficient: product, factors: factors))
      }
    }
    return collecting(products, constant: constant)
  }

  /// Division rounding toward minus infinity.
  package static func floorDiv(_ a: Dim, _ b: Dim) -> Dim {
    guard a.isValid, b.isValid, b != 0 else { return .invalid }
    if let x = a.value, let y = b.value {
      if y == -1 { return -a }
      let q = x / y
      return Dim((x % y != 0 && (x < 0) != (y < 0)) ? q - 1 : q)
    }
    if b == 1 { return a }
    if a == b { return 1 }
    if let exact = a.dividedExactly(by: b) { return exact }
    // (k·b + r) / b = k + r / b for the terms that divide exactly.
    if let divisor = b.value, divisor > 0 {
      var whole = Dim(0)
      var rest = Dim(a.constant)
      for term in a.terms {
        let alone = Dim(constant: 0, terms: [term])
        if term.coefficient % divisor == 0 {
          whole = whole + alone.dividedExactly(by: b)!
        } else {
          rest = rest + alone
        }
      }
      if whole != 0 { return whole + floorDiv(rest, b) }
    }
    return Dim(atom: .floorDiv(a, b))
  }

  /// Remainder with the sign of the divisor.
  package static func mod(_ a: Dim, _ b: Dim) -> Dim {
    guard a.isValid, b.isValid, b != 0 else { return .invalid }
    if let x = a.value, let y = b.value {
      if y == -1 || y == 1 { return 0 }
      let r = x % y
      return Dim(r != 0 && (r < 0) != (y < 0) ? r + y : r)
    }
    if b == 1 || a == b || a.dividedExactly(by: b) != nil { return 0 }
    return Dim(atom: .mod(a, b))
  }

  package static func min(_ a: Dim, _ b: Dim) -> Dim {
    guard a.isValid, b.isValid else { return .invalid }
    if a == b { return a }
    if let x = a.value, let y = b.value { return Dim(Swift.min(x, y)) }
    if let difference = (a - b).value { return difference < 0 ? a : b }
    return Dim(atom: a.description < b.description ? .min(a, b) : .min(b, a))
  }

  package static func max(_ a: Dim, _ b: Dim) -> Dim {
    guard a.isValid, b.isValid else { return .invalid }
    if a == b { return a }
    if let x = a.value, let y = b.value { return Dim(Swift.max(x, y)) }
    if let difference = (a - b).value { return difference > 0 ? a : b }
    return Dim(atom: a.description < b.description ? .max(a, b) : .max(b, a))
  }

  /// Division rounding up.
  package static func ceilDiv(_ a: Dim, _ b: Dim) -> Dim { floorDiv(a + b - 1, b) }

  /// `a / b` when it is a polynomial without remainder.
  package func dividedExactly(by b: Dim) -> Dim? {
    guard isValid, b.isValid, b != 0 else { return nil }
    if self == b { return 1 }
    if let divisor = b.value {
      if divisor == -1 { return -self }
      guard constant % divisor == 0, terms.allSatisfy({ $0.coefficient % divisor == 0 }) else { return nil }
      return Dim(
        constant: constant / divisor,
        terms: terms.map { Term(coefficient: $0.coefficient / divisor, factors: $0.factors) })
    }
    guard b.constant == 0, b.terms.count == 1, constant == 0, let single = b.terms.first, single.coefficient != -1
    else { return nil }
    var quotient = Dim(0)
    for term in terms {
      guard term.coefficient % single.coefficient == 0 else { return nil }
      var factors = term.factors
      for atom in single.factors {
        guard let index = factors.firstIndex(of: atom) else { return nil }
        factors.remove(at: index)
      }
      let coefficient = term.coefficient / single.coefficient
      quotient =
        quotient
        + (factors.isEmpty
          ? Dim(coefficient) : Dim(constant: 0, terms: [Term(coefficient: coefficient, factors: factors)]))
    }
    return quotient
  }

  private init(atom: Atom) { self.init(constant: 0, terms: [Term(coefficient: 1, factors: [atom])]) }

  private static func collecting(_ all: [Term], constant: Int) -> Dim {
    var byFactors: [[Atom]: Int] = [:]
    for term in all {
      let (sum, overflow) = byFactors[term.factors, default: 0].addingReportingOverflow(term.coefficient)
      if overflow { return .invalid }
      byFactors[term.factors] = sum
    }
    let kept = byFactors.filter { $0.value != 0 }.map { Term(coefficient: $0.value, factors: $0.key) }
    guard kept.count <= 256 else { return .invalid }
    return Dim(constant: constant, terms: kept.sorted { $0.key < $1.key })
  }

  // MARK: Evaluation

  /// The number with every name bound, or nil when a name is missing or a step leaves the range of Int.
  package func evaluate(_ sizes: [String: Int]) -> Int? {
    guard isValid else { return nil }
    return substituting(sizes.mapValues { Dim($0) }).value
  }

  /// This size with names replaced.
  package func substituting(_ sizes: [String: Dim]) -> Dim {
    guard isValid, !terms.isEmpty else { return self }
    var sum = Dim(constant)
    for term in terms {
      var product = Dim(term.coefficient)
      for atom in term.factors { product = product * atom.substituting(sizes) }
      sum = sum + product
    }
    return sum
  }

  /// The smallest and largest value over the ranges of the names (names without a range: 0 and up). Nil bounds are
  /// unknown or beyond Int. Sound, not tight.
  package func bounds(_ ranges: [String: ClosedRange<Int>]) -> (low: Int?, high: Int?) {
    guard isValid else { return (nil, nil) }
    var total = Interval(constant)
    for term in terms {
      var product = Interval(term.coefficient)
      for atom in term.factors { product = product * atom.interval(ranges) }
      total = total + product
    }
    return (total.low, total.high)
  }

  // MARK: Text

  package var description: String {
    guard isValid else { return "<out of range>" }
    if terms.isEmpty { return "\(constant)" }
    var text = ""
    for term in terms {
      let magnitude = term.coefficient.magnitude
      let body = (magnitude == 1 ? "" : "\(magnitude) * ") + term.key
      if text.isEmpty {
        text = term.coefficient < 0 ? "-\(body)" : body
      } else {
        text += term.coefficient < 0 ? " - \(body)" : " + \(body)"
      }
    }
    if constant != 0 { text += constant < 0 ? " - \(constant.magnitude)" : " + \(constant)" }
    return text
  }

  /// As `description`, in brackets where a neighbour could bind tighter.
  fileprivate var operand: String {
    terms.isEmpty && constant >= 0
      || (terms.count == 1 && constant == 0 && terms[0].coefficient == 1 && terms[0].factors.count == 1)
      ? description : "(\(description))"
  }
}

extension Dim.Term {
  fileprivate var key: String { factors.map(\.description).joined(separator: " * ") }
}

extension Dim.Atom: CustomStringConvertible {
  package var description: String {
    switch self {
    case .symbol(let name): Dim.nameText(name)
    case .floorDiv(let a, let b): "(\(a.operand) // \(b.operand))"
    case .mod(let a, let b): "(\(a.operand) % \(b.operand))"
    case .min(let a, let b): "min(\(a), \(b))"
    case .max(let a, let b): "max(\(a), \(b))"
    }
  }

  fileprivate func collect(_ found: inout Set<String>) {
    switch self {
    case .symbol(let name): found.insert(name)
    case .floorDiv(let a, let b), .mod(let a, let b), .min(let a, let b), .max(let a, let b):
      found.formUnion(a.symbols)
      found.formUnion(b.symbols)
    }
  }

  fileprivate func substituting(_ sizes: [String: Dim]) -> Dim {
    switch self {
    case .symbol(let name): sizes[name] ?? Dim(symbol: name)
    case .floorDiv(let a, let b): Dim.floorDiv(a.substituting(sizes), b.substituting(sizes))
    case .mod(let a, let b): Dim.mod(a.substituting(sizes), b.substituting(sizes))
    case .min(let a, let b): Dim.min(a.substituting(sizes), b.substituting(sizes))
    case .max(let a, let b): Dim.max(a.substituting(sizes), b.substituting(sizes))
    }
  }

  fileprivate func interval(_ ranges: [String: ClosedRange<Int>]) -> Interval {
    switch self {
    case .symbol(let name):
      return ranges[name].map { Interval(low: $0.lowerBound, high: $0.upperBound) } ?? Interval(low: 0, high: nil)
    case .floorDiv(let a, let b):
      let (x, y) = (Interval(a.bounds(ranges)), Interval(b.bounds(ranges)))
      guard let least = y.low, least > 0 else { return Interval(low: nil, high: nil) }
      func divide(_ n: Int, _ d: Int) -> Int { Dim.floorDiv(Dim(n), Dim(d)).value ?? 0 }
      let low = x.low.flatMap { n in n >= 0 ? y.high.map { divide(n, $0) } ?? 0 : divide(n, least) }
      let high = x.high.flatMap { n in n >= 0 ? divide(n, least) : y.high.map { divide(n, $0) } ?? -1 }
      return Interval(low: low, high: high)
    case .mod(_, let b):
      guard let low = b.bounds(ranges).low, low > 0 else { return Interval(low: nil, high: nil) }
      return Interval(low: 0, high: b.bounds(ranges).high.map { $0 - 1 })
    case .min(let a, let b):
      let (x, y) = (a.bounds(ranges), b.bounds(ranges))
      let low = x.low.flatMap { p in y.low.map { Swift.min(p, $0) } }
      let high = x.high.map { p in y.high.map { Swift.min(p, $0) } ?? p } ?? y.high
      return Interval(low: low, high: high)
    case .max(let a, let b):
      let (x, y) = (a.bounds(ranges), b.bounds(ranges))
      let low = x.low.map { p in y.low.map { Swift.max(p, $0) } ?? p } ?? y.low
      let high = x.high.flatMap { p in y.high.map { Swift.max(p, $0) } }
      return Interval(low: low, high: high)
    }
  }
}

/// A closed interval whose ends may be unknown.
private struct Interval {
  var low: Int?
  var high: Int?

  init(_ value: Int) { (low, high) = (value, value) }
  init(low: Int?, high: Int?) { (self.low, self.high) = (low, high) }
  init(_ bounds: (low: Int?, high: Int?)) { (low, high) = bounds }

  static func + (a: Interval, b: Interval) -> Interval {
    Interval(low: combine(a.low, b.low, +), high: combine(a.high, b.high, +))
  }

  static func * (a: Interval, b: Interval) -> Interval {
    if let low = a.low, let high = a.high, low == high {
      if low == 0 { return Interval(0) }
      let x = b.low.flatMap { combine(low, $0, *) }
      let y = b.high.flatMap { combine(low, $0, *) }
      return low > 0 ? Interval(low: x, high: y) : Interval(low: y, high: x)
    }
    if let p = a.low, let q = b.low, p >= 0, q >= 0 {
      return Interval(low: combine(p, q, *), high: combine(a.high, b.high, *))
    }
    guard let p = a.low, let q = a.high, let r = b.low, let s = b.high else { return Interval(low: nil, high: nil) }
    let products = [combine(p, r, *), combine(p, s, *), combine(q, r, *), combine(q, s, *)]
    guard products.allSatisfy({ $0 != nil }) else { return Interval(low: nil, high: nil) }
    return Interval(low: products.compactMap { $0 }.min(), high: products.compactMap { $0 }.max())
  }

  private static func combine(_ a: Int?, _ b: Int?, _ operation: (Dim, Dim) -> Dim) -> Int? {
    guard let a, let b else { return nil }
    return operation(Dim(a), Dim(b)).value
  }
}
