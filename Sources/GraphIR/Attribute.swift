// SPDX-License-Identifier: Apache-2.0
// Attributes of operators, declared once as key paths: parsing, printing, verification, hashing and documentation
// need no code per operator.

import TensorCore

/// An attribute's value in its general form.
package indirect enum AttributeValue: Hashable, Sendable {
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case string(String)
  case dim(Dim)
  case dtype(DType)
  case ints([Int])
  case dims([Dim])
  case floats([Double])
  case strings([String])
  case tensor(SharedTensor)
  case graph(SharedGraph)
}

/// A tensor as an attribute: equal when it is the same memory, or the same few bytes.
package struct SharedTensor: Hashable, Sendable {
  package let tensor: Tensor
  package init(_ tensor: Tensor) { self.tensor = tensor }

  private static let comparedBytes = 256

  package static func == (a: SharedTensor, b: SharedTensor) -> Bool {
    guard a.tensor.dtype == b.tensor.dtype, a.tensor.shape == b.tensor.shape else { return false }
    if a.tensor.storage === b.tensor.storage && a.tensor.byteOffset == b.tensor.byteOffset { return true }
    return a.tensor.byteCount <= comparedBytes && a.tensor.bytes.elementsEqual(b.tensor.bytes)
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(tensor.dtype)
    hasher.combine(tensor.shape)
    if tensor.byteCount <= Self.comparedBytes { hasher.combine(bytes: tensor.bytes) }
  }
}

/// A graph as an attribute (branches and loop bodies): equal when its text and its tensors are.
package final class SharedGraph: Hashable, Sendable {
  package let graph: Graph
  package init(_ graph: Graph) { self.graph = graph }

  package static func == (a: SharedGraph, b: SharedGraph) -> Bool {
    if a === b { return true }
    guard a.graph.nodes.count == b.graph.nodes.count, a.graph.inputTypes == b.graph.inputTypes else { return false }
    let (first, second) = (printGraph(a.graph), printGraph(b.graph))
    return first.text == second.text
      && first.tensors.mapValues(SharedTensor.init) == second.tensors.mapValues(SharedTensor.init)
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(graph.nodes.count)
    hasher.combine(graph.inputTypes)
  }
}

/// A Swift type that an attribute can have.
package protocol AttributeRepresentable: Sendable {
  /// What a message calls it: `an integer`, `a list of integers`.
  static var attributeKind: String { get }
  init?(_ value: AttributeValue)
  var attributeValue: AttributeValue { get }
}

/// One attribute of an operator.
package struct Attribute<Owner: Sendable>: Sendable {
  package let name: String
  package let summary: String
  package let kind: String
  package let get: @Sendable (Owner) -> AttributeValue
  /// False when the value has the wrong kind.
  package let set: @Sendable (inout Owner, AttributeValue) -> Bool

  package init<Value: AttributeRepresentable>(
    _ name: String, _ path: any WritableKeyPath<Owner, Value> & Sendable, _ summary: String = ""
  ) {
    self.name = name
    self.summary = summary
    kind = Value.attributeKind
    get = { $0[keyPath: path].attributeValue }
    set = { owner, value in
      guard let new = Value(value) else { return false }
      owner[keyPath: path] = new
      return true
    }
  }

  /// An attribute of a part.
  package init<Part>(_ attribute: Attribute<Part>, of part: any WritableKeyPath<Owner, Part> & Sendable) {
    name = attribute.name
    summary = attribute.summary
    kind = attribute.kind
    get = { attribute.get($0[keyPath: part]) }
    set = { attribute.set(&$0[keyPath: part], $1) }
  }

  /// An attribute that is part of a property.
  package init<Value: AttributeRepresentable>(
    _ name: String, _ summary: String, get: @escaping @Sendable (Owner) -> Value,
    set: @escaping @Sendable (inout Owner, Value) -> Void
  ) {
    self.name = name
    self.summary = summary
    kind = Value.attributeKind
    self.get = { get($0).attributeValue }
    self.set = { owner, value in
      guard let new = Value(value) else { return false }
      set(&owner, new)
      return true
    }
  }
}

/// An attribute without its owner's type: what documentation and readers need.
package struct AttributeDescription: Sendable {
  package let name: String
  package let kind: String
  package let summary: String
  /// The value a fresh operator has.
  package let defaultValue: AttributeValue

  package init(name: String, kind: String, summary: String, defaultValue: AttributeValue) {
    self.name = name
    self.kind = kind
    self.summary = summary
    self.defaultValue = defaultValue
  }
}

extension Bool: AttributeRepresentable {
  package static var attributeKind: String { "true or false" }
  package init?(_ value: AttributeValue) {
    switch value {
    case .bool(let flag): self = flag
    case .int(let number) where number == 0 || number == 1: self = number == 1
    default: return nil
    }
  }
  package var attributeValue: AttributeValue { .bool(self) }
}

extension Int: AttributeRepresentable {
  package static var attributeKind: String { "an integer" }
  package init?(_ value: AttributeValue) {
    switch value {
    case .int(let number): self = number
    case .dim(let dim):
      guard let number = dim.value else { return nil }
      self = number
    default: return nil
    }
  }
  package var attributeValue: AttributeValue { .int(self) }
}

extension Double: AttributeRepresentable {
  package static var attributeKind: String { "a number" }
  package init?(_ value: AttributeValue) {
    switch value {
    case .float(let number): self = number
    case .int(let number): self = Double(number)
    default: return nil
    }
  }
  package var attributeValue: AttributeValue { .float(self) }
}

extension String: AttributeRepresentable {
  package static var attributeKind: String { "a string" }
  package init?(_ value: AttributeValue) {
    guard case .string(let text) = value else { return nil }
    self = text
  }
  package var attributeValue: AttributeValue { .string(self) }
}

extension Dim: AttributeRepresentable {
  package static var attributeKind: String { "a size" }
  package init?(_ value: AttributeValue) {
    switch value {
    case .dim(let dim): self = dim
    case .int(let number): self = Dim(number)
    default: return nil
    }
  }
  package var attributeValue: AttributeValue { value.map { .int($0) } ?? .dim(self) }
}

extension DType: AttributeRepresentable {
  package static var attributeKind: String { "an element type" }
  package init?(_ value: AttributeValue) {
    guard case .dtype(let dtype) = value else { return nil }
    self = dtype
  }
  package var attributeValue: AttributeValue { .dtype(self) }
}

extension SharedTensor: AttributeRepresentable {
  package static var attributeKind: String { "a tensor" }
  package init?(_ value: AttributeValue) {
    guard case .tensor(let tensor) = value else { return nil }
    self = tensor
  }
  package var attributeValue: AttributeValue { .tensor(self) }
}

extension SharedGraph: AttributeRepresentable {
  package static var attributeKind: String { "a subgraph" }
  package convenience init?(_ value: AttributeValue) {
    guard case .graph(let shared) = value else { return nil }
    self.init(shared.graph)
  }
  package var attributeValue: AttributeValue { .graph(self) }
}

extension Optional: AttributeRepresentable where Wrapped: AttributeRepresentable {
  package static var attributeKind: String { "\(Wrapped.attributeKind) or none" }
  package init?(_ value: AttributeValue) {
    if value == .none {
      self = Optional<Wrapped>.none
      return
    }
    guard let wrapped = Wrapped(value) else { return nil }
    self = .some(wrapped)
  }
  package var attributeValue: AttributeValue { map(\.attributeValue) ?? AttributeValue.none }
}

/// An element type that lists of attributes can have.
package protocol AttributeElement: AttributeRepresentable {
  static func list(_ value: AttributeValue) -> [Self]?
  static func listValue(_ list: [Self]) -> AttributeValue
}

extension Int: AttributeElement {
  package static func list(_ value: AttributeValue) -> [Int]? {
    switch value {
    case .ints(let list): return list
    case .int(let single): return [single]
    case .dims(let dims):
      let list = dims.compactMap(\.value)
      return list.count == dims.count ? list : nil
    default: return nil
    }
  }
  package static func listValue(_ list: [Int]) -> AttributeValue { .ints(list) }
}

extension Dim: AttributeElement {
  package static func list(_ value: AttributeValue) -> [Dim]? {
    switch value {
    case .dims(let list): list
    case .ints(let list): list.map { Dim($0) }
    case .dim(let single): [single]
    case .int(let single): [Dim(single)]
    default: nil
    }
  }
  package static func listValue(_ list: [Dim]) -> AttributeValue {
    let numbers = list.compactMap(\.value)
    return numbers.count == list.count ? .ints(numbers) : .dims(list)
  }
}

extension Double: AttributeElement {
  package static func list(_ value: AttributeValue) -> [Double]? {
    switch value {
    case .floats(let list): list
    case .ints(let list): list.map(Double.init)
    case .float(let single): [single]
    case .int(let single): [Double(single)]
    default: nil
    }
  }
  package static func listValue(_ list: [Double]) -> AttributeValue { .floats(list) }
}

extension String: AttributeElement {
  package static func list(_ value: AttributeValue) -> [String]? {
    switch value {
    case .strings(let list): list
    case .string(let single): [single]
    case .ints(let list) where list.isEmpty: []
    default: nil
    }
  }
  package static func listValue(_ list: [String]) -> AttributeValue { .strings(list) }
}

extension Array: AttributeRepresentable where Element: AttributeElement {
  package static var attributeKind: String { "a list of \(Element.attributeKind.split(separator: " ").last ?? "value")s" }
  package init?(_ value: AttributeValue) {
    guard let list = Element.list(value) else { return nil }
    self = list
  }
  package var attributeValue: AttributeValue { Element.listValue(self) }
}
