// SPDX-License-Identifier: Apache-2.0
// Binding named sizes: in an operator's attributes, and from the sizes that inputs have.

import TensorCore

extension Operation {
  /// This operator with the named sizes in its attributes and regions replaced.
  package func substituting(_ sizes: [String: Dim]) -> Self {
    if sizes.isEmpty { return self }
    var bound = self
    for attribute in Self.attributes {
      switch attribute.get(self) {
      case .dim(let dim):
        _ = attribute.set(&bound, .dim(dim.substituting(sizes)))
      case .dims(let dims):
        _ = attribute.set(&bound, .dims(dims.map { $0.substituting(sizes) }))
      case .graph(let shared):
        _ = attribute.set(&bound, .graph(SharedGraph(shared.graph.substituting(sizes))))
      default: continue
      }
    }
    return bound
  }
}

extension Graph {
  /// The named sizes' values when the inputs have these shapes. Sizes that are sums or products of names are checked
  /// once every name they use is known. Throws with what does not fit, naming the input.
  ///
  /// - Parameter sizes: values of names that no input shows; an input that shows another value is an error.
  package func bind(
    _ shapes: [(name: String, shape: [Int])], sizes: [String: Int] = [:]
  ) throws(TypeError) -> [String: Int] {
    var bound = sizes
    let given = Dictionary(shapes.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
    for input in inputs {
      let name = self[input].name ?? ""
      guard let shape = given[name] else { throw TypeError("input '\(name)' (\(type(input))) is not given") }
      guard shape.count == type(input).rank else {
        throw TypeError("input '\(name)' has shape \(shape), expected \(type(input))")
      }
      for (size, dim) in zip(shape, type(input).shape) {
        guard dim.symbols.count == 1, let symbol = dim.symbols.first, dim == Dim(symbol: symbol), bound[symbol] == nil
        else { continue }
        if let range = ranges[symbol], !range.contains(size) {
          throw TypeError(
            "'\(symbol)' of input '\(name)' (\(type(input))) is \(size), expected "
              + "\(range.lowerBound) to \(range.upperBound)")
        }
        bound[symbol] = size
      }
    }
    for input in inputs {
      let name = self[input].name ?? ""
      guard let shape = given[name] else { continue }
      for (size, dim) in zip(shape, type(input).shape) {
        if let unknown = dim.symbols.first(where: { bound[$0] == nil }) {
          throw TypeError("no input has '\(unknown)' as a size of its own, so \(type(input)) of '\(name)' is not known")
        }
        if let expected = dim.evaluate(bound), expected == size { continue }
        let names = bound.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
        throw TypeError(
          "input '\(name)' has shape \(shape), expected \(type(input))"
            + (names.isEmpty ? "" : " with \(names.joined(separator: ", "))"))
      }
    }
    return bound
  }
}
