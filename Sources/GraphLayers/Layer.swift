// SPDX-License-Identifier: Apache-2.0
// What a layer is: Keras' name and arguments, parameters, and the operators it is built from.

import GraphIR
import TensorCore

/// A value that an edge brings to a box.
package struct LayerInput: Sendable {
  /// The operand's name from the edge's label.
  package var name: String?
  package var value: ValueID
  package init(_ name: String?, _ value: ValueID) {
    self.name = name
    self.value = value
  }
}

/// A result of a box, by the name that a port reads it with.
package struct LayerOutput: Sendable {
  package var name: String
  package var value: ValueID
  package init(_ name: String, _ value: ValueID) {
    self.name = name
    self.value = value
  }
}

/// A layer: everything about it stands in one file.
///
/// Arguments are properties, in the order in which they may be given without names.
package protocol Layer: Sendable {
  /// Keras' name.
  static var name: String { get }
  static var summary: String { get }
  static var arguments: [Attribute<Self>] { get }
  /// The arguments that must be given.
  static var required: [String] { get }
  /// The operands: by order, or by the names of edges.
  static var inputs: [Slot] { get }

  init()

  /// Builds the layer for its operands, in the order of `inputs` (missing optional ones are nil).
  func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput]
}

extension Layer {
  package static var arguments: [Attribute<Self>] { [] }
  package static var required: [String] { [] }
  package static var inputs: [Slot] { [Slot("inputs")] }

  package static var argumentDescriptions: [AttributeDescription] {
    let fresh = Self()
    return arguments.map {
      AttributeDescription(name: $0.name, kind: $0.kind, summary: $0.summary, defaultValue: $0.get(fresh))
    }
  }

  /// A layer with arguments set by name; false results say which argument has the wrong kind.
  mutating func set(_ name: String, _ value: AttributeValue) -> Bool {
    Self.arguments.first { $0.name == name }?.set(&self, value) ?? false
  }
}

/// What a layer builds with.
package struct LayerContext: Sendable {
  package var builder: GraphBuilder
  /// The path of the box, which parameters are named under.
  package let path: String

  package init(builder: GraphBuilder, path: String) {
    self.builder = builder
    self.path = path
  }

  package func type(_ value: ValueID) -> TensorType { builder.type(value) }

  package mutating func emit(_ operation: some Operation, _ operands: ValueID?...) throws(TypeError) -> ValueID {
    try builder.emitAny(operation, operands)[0]
  }

  /// A parameter named `path/name`; its sizes must be numbers.
  package mutating func parameter(
    _ name: String, _ shape: [Dim], initializer: String, dtype: DType = .f32, trainable: Bool = true
  ) throws(TypeError) -> ValueID {
    let sizes = shape.compactMap(\.value)
    guard sizes.count == shape.count else {
      throw TypeError(
        "the shape [\(shape.map(\.description).joined(separator: ", "))] of parameter '\(name)' must be known",
        note: "give the axes that a layer has weights for as numbers")
    }
    return try emit(Parameter("\(path)/\(name)", dtype, sizes, initializer: initializer, trainable: trainable))
  }

  /// The last axis' size of a value, which must be known.
  package func features(_ value: ValueID, of layer: String) throws(TypeError) -> Dim {
    guard let last = type(value).shape.last else {
      throw TypeError("'\(layer)' needs an axis of features, found the scalar \(type(value))")
    }
    return last
  }
}
