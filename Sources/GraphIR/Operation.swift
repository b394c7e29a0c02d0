// SPDX-License-Identifier: Apache-2.0
// What an operator is: everything about it stands in one type in one file of GraphOps.

import KernelIR
import TensorCore

/// An operand or result's place in an operator's signature.
package struct Slot: Sendable {
  package enum Kind: Sendable { case required, optional, variadic }
  package let name: String
  package let kind: Kind
  package init(_ name: String, _ kind: Kind = .required) {
    self.name = name
    self.kind = kind
  }
}

/// How far compiled results may be from the reference.
package enum Accuracy: Sendable, Equatable {
  /// The same value.
  case exact
  /// Within this many units in the last place of the result's type, of exact operands.
  case ulps(Double)
  /// Sums of many terms: error relative to the sum of magnitudes.
  case accumulation
  /// Random values: only type and sizes are compared.
  case random
}

/// An operator that cannot take what it is given. The one who knows the box turns it into a diagnostic.
package struct TypeError: Error, Sendable {
  package var message: String
  /// The operand at fault, when one is.
  package var operand: Int?
  /// What would fit.
  package var note: String?

  package init(_ message: String, operand: Int? = nil, note: String? = nil) {
    self.message = message
    self.operand = operand
    self.note = note
  }
}

/// An operator of the graph: ONNX's name, attributes and meaning.
///
/// `evaluate` is the definition (plain, in double precision) and never shares code with `lower`.
package protocol Operation: Sendable {
  /// ONNX's name, or one in its style.
  static var name: String { get }
  /// One sentence, with the formula where there is one.
  static var summary: String { get }
  static var operands: [Slot] { get }
  static var results: [Slot] { get }
  static var attributes: [Attribute<Self>] { get }
  static var accuracy: Accuracy { get }
  /// Local simplifications rooted at this operator.
  static var rules: [Rule] { get }

  /// The operator with every attribute at its default.
  init()

  /// How many results this instance has; the default is one for each of `results`.
  var resultCount: Int { get }

  /// Sizes that this instance finds while the model runs: names of their own, each a size of a result.
  var definedSizes: [Dim] { get }

  /// The results' types. Missing optional operands are nil.
  func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType]

  /// The results' values: the reference meaning.
  func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference]

  /// How kernels compute it.
  func lower(_ types: NodeTypes) -> Lowering

  /// How the result is put together from operands that are in it as they are; nil where it is not.
  func assembly(_ types: NodeTypes) -> Assembly?

  /// For each operand the gradient of a scalar with respect to it, given those with respect to the results; nil where
  /// there is none (integers, missing operands). Throws for operators without a gradient.
  func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?]

  /// The operator that does the same to operands whose axes stand in another order: with `T` the transposition by
  /// `order` (axis i of its result is axis `order[i]` of its operand), `self(T(x)) = T'(moved(x))`. Nil where there is
  /// none.
  func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes?

  /// A random legal instance and operand types for the automatic tests.
  static func sample(_ random: inout SampleSource) -> Sample
}

extension Operation {
  package static var results: [Slot] { [Slot("output")] }
  package static var attributes: [Attribute<Self>] { [] }
  package static var accuracy: Accuracy { .exact }
  package static var rules: [Rule] { [] }
  package var resultCount: Int { Self.results.count }
  package var definedSizes: [Dim] { [] }
  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? { nil }
  package func assembly(_ types: NodeTypes) -> Assembly? { nil }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    throw TypeError("'\(Self.name)' has no gradient")
  }

  /// Attribute names and values, in declaration order.
  package var attributeValues: [(name: String, value: AttributeValue)] {
    Self.attributes.map { ($0.name, $0.get(self)) }
  }

  /// Sets an attribute by name; throws with what is wrong.
  package mutating func setAttribute(_ name: String, _ value: AttributeValue) throws(TypeError) {
    guard let attribute = Self.attributes.first(where: { $0.name == name }) else {
      let known = Self.attributes.map(\.name)
      throw TypeError(
        "'\(Self.name)' has no attribute '\(name)'",
        note: known.isEmpty ? "it has none" : "it has \(known.map { "'\($0)'" }.joined(separator: ", "))")
    }
    guard attribute.set(&self, value) else {
      throw TypeError("'\(name)' of '\(Self.name)' must be \(attribute.kind)")
    }
  }

  package static var attributeDescriptions: [AttributeDescription] {
    let fresh = Self()
    return attributes.map {
      AttributeDescription(name: $0.name, kind: $0.kind, summary: $0.summary, defaultValue: $0.get(fresh))
    }
  }

  package var key: OperationKey { OperationKey(name: Self.name, attributes: attributeValues.map(\.value)) }
}

/// An operator's identity: name and attributes.
package struct OperationKey: Hashable, Sendable {
  package let name: String
  package let attributes: [AttributeValue]
}

/// A result some parts of which are operands. Memory of the whole can then be where operands are computed.
package struct Assembly {
  package struct Part {
    package let operand: Int
    /// Where its first element is in the result.
    package let start: [Dim]
    package init(operand: Int, start: [Dim]) {
      self.operand = operand
      self.start = start
    }
  }
  package let parts: [Part]
  /// All elements that are in no part; nil where the parts are the whole.
  package let rest: ((_ context: PullContext) -> Expr)?
  package init(_ parts: [Part], rest: ((_ context: PullContext) -> Expr)? = nil) {
    self.parts = parts
    self.rest = rest
  }
}

/// An operator on operands with their axes in another order.
package struct MovedAxes {
  package enum Operands: Sendable {
    /// All have the axes, some of them by broadcasting.
    case all
    /// The others have axes of their own.
    case first
  }
  package let operation: any Operation
  package let operands: Operands
  /// The transposition of its result that gives the original operator's.
  package let order: [Int]
  package init(_ operation: any Operation, _ operands: Operands, order: [Int]) {
    self.operation = operation
    self.operands = operands
    self.order = order
  }
}

/// The types around one node.
package struct NodeTypes: Sendable {
  package let operands: [TensorType?]
  package let results: [TensorType]
  package init(operands: [TensorType?], results: [TensorType]) {
    self.operands = operands
    self.results = results
  }
}
