// SPDX-License-Identifier: Apache-2.0
// Bounds of sizes that are found at run time, as sizes that are known before.

extension Dim {
  /// A size that this one never exceeds, when each name of `bounds` is between 0 and its bound and every other name
  /// stays. Nil where none is found.
  package func upperBound(_ bounds: [String: Dim]) -> Dim? {
    guard isValid else { return nil }
    if symbols.isDisjoint(with: bounds.keys) { return self }
    var sum = Dim(constant)
    for term in terms {
      var product = Dim(term.coefficient)
      var isKnown = true
      if term.coefficient > 0, let bound = term.boundOfQuotient(bounds) {
        sum = sum + bound
        continue
      }
      for atom in term.factors {
        if atom.symbols.isDisjoint(with: bounds.keys) {
          product = product * Dim(atom)
          continue
        }
        // A part that is subtracted is at least 0 where it is a plain product of names.
        if term.coefficient < 0 {
          guard case .symbol = atom else { return nil }
          isKnown = false
          continue
        }
        guard let bound = atom.upperBound(bounds) else { return nil }
        product = product * bound
      }
      if isKnown { sum = sum + product }
    }
    return sum.isValid ? sum : nil
  }

  fileprivate init(_ atom: Atom) {
    switch atom {
    case .symbol(let name): self.init(symbol: name)
    case .floorDiv(let a, let b): self = Dim.floorDiv(a, b)
    case .mod(let a, let b): self = Dim.mod(a, b)
    case .min(let a, let b): self = Dim.min(a, b)
    case .max(let a, let b): self = Dim.max(a, b)
    }
  }
}

extension Dim.Term {
  /// The bound of a quotient times what it was divided by: b · (a // b) is at most a.
  fileprivate func boundOfQuotient(_ bounds: [String: Dim]) -> Dim? {
    for (place, atom) in factors.enumerated() {
      guard case .floorDiv(let a, let b) = atom, !b.symbols.isDisjoint(with: bounds.keys) else { continue }
      let others = factors.indices.filter { $0 != place }.reduce(Dim(coefficient)) { $0 * Dim(factors[$1]) }
      if let times = others.dividedExactly(by: b) { return a.upperBound(bounds).map { $0 * times } }
    }
    return nil
  }
}

extension Dim.Atom {
  fileprivate var symbols: Set<String> {
    switch self {
    case .symbol(let name): [name]
    case .floorDiv(let a, let b), .mod(let a, let b), .min(let a, let b), .max(let a, let b): a.symbols.union(b.symbols)
    }
  }

  fileprivate func upperBound(_ bounds: [String: Dim]) -> Dim? {
    switch self {
    case .symbol(let name): return bounds[name]
    case .floorDiv(let a, let b):
      // A divisor that is found while the model runs is at least 1.
      return a.upperBound(bounds).map { b.symbols.isDisjoint(with: bounds.keys) ? Dim.floorDiv($0, b) : $0 }
    case .mod(_, let b): return b.upperBound(bounds)
    case .min(let a, let b):
      switch (a.upperBound(bounds), b.upperBound(bounds)) {
      case (let a?, let b?): return Dim.min(a, b)
      case (let one?, nil), (nil, let one?): return one
      case (nil, nil): return nil
      }
    case .max(let a, let b):
      guard let a = a.upperBound(bounds), let b = b.upperBound(bounds) else { return nil }
      return Dim.max(a, b)
    }
  }
}
