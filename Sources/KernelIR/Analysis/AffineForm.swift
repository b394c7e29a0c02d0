// SPDX-License-Identifier: Apache-2.0
// Index expressions as strides along axes.

/// `Σ coefficient · axis + rest`, where neither the coefficients nor the rest depend on the axes asked for.
package struct AffineForm {
  /// The axes that occur, in the order asked for, with their strides.
  package var terms: [(axis: Axis, coefficient: Expr)]
  package var rest: Expr

  /// Decomposes an i64 expression; nil when it is not affine in some of the axes.
  package init?(_ e: Expr, over axes: [Axis]) {
    var parts = Parts(axes: Set(axes))
    guard let form = parts.form(e) else { return nil }
    terms = axes.compactMap { axis in form.coefficients[axis].map { (axis, $0) } }.filter { !$0.1.isZero }
    rest = form.rest
  }

  /// The stride along an axis, 0 where it does not occur.
  package func coefficient(of axis: Axis) -> Expr { terms.first { $0.axis == axis }?.coefficient ?? .int(0) }

  private struct Form {
    var coefficients: [Axis: Expr] = [:]
    var rest: Expr

    func map(_ transform: (Expr) -> Expr) -> Form {
      Form(coefficients: coefficients.mapValues(transform), rest: transform(rest))
    }
  }

  private struct Parts {
    let axes: Set<Axis>
    private var free: [Expr: Bool] = [:]
    private var forms: [Expr: Form?] = [:]

    init(axes: Set<Axis>) { self.axes = axes }

    mutating func form(_ e: Expr) -> Form? {
      if isFree(e) { return Form(rest: e) }
      if let known = forms[e] { return known }
      let result = makeForm(e)
      forms[e] = .some(result)
      return result
    }

    private mutating func makeForm(_ e: Expr) -> Form? {
      switch e.kind {
      case .axis(let axis):
        return Form(coefficients: [axis: .int(1)], rest: .int(0))
      case .unary(.neg, let x):
        return form(x)?.map { .int(0) - $0 }
      case .binary(.add, let a, let b):
        return sum(form(a), form(b)) { $0 + $1 }
      case .binary(.sub, let a, let b):
        return sum(form(a), form(b)) { $0 - $1 }
      case .binary(.mul, let a, let b):
        if isFree(b) { return form(a)?.map { $0 * b } }
        if isFree(a) { return form(b)?.map { a * $0 } }
        return nil
      case .binary(.shl, let a, let b):
        guard let count = b.integerValue, (0..<63).contains(count) else { return nil }
        return form(a)?.map { $0 * .integer(1 << count) }
      default:
        return nil
      }
    }

    private func sum(_ a: Form?, _ b: Form?, _ combine: (Expr, Expr) -> Expr) -> Form? {
      guard let a, let b else { return nil }
      var result = Form(coefficients: a.coefficients, rest: combine(a.rest, b.rest))
      for (axis, stride) in b.coefficients {
        result.coefficients[axis] = combine(a.coefficients[axis] ?? .int(0), stride)
      }
      return result
    }

    private mutating func isFree(_ e: Expr) -> Bool {
      if let known = free[e] { return known }
      var result = true
      if case .axis(let axis) = e.kind { result = !axes.contains(axis) }
      for child in e.children where !isFree(child) { result = false }
      free[e] = result
      return result
    }
  }
}
