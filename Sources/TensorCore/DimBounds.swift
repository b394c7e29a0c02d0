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

  private init(_ atom: Atom) {
    switch atom {
    case .symbol(let name): self.init(symbol: name)
    case .floorDiv(let a, let b): self = Dim.floorDiv(a, b)
    case .mod(let a, let b): self = Dim.mod(a, b)
    case .min(let a, let b): self = Dim.min(a, b)
    case .max(let a, let b): self = Dim.max(a, b)
    }
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
      guard b.symbols.isDisjoint(with: bounds.keys) else { return nil }
      return a.upperBound(bounds).map { Dim.floorDiv($0, b) }
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
