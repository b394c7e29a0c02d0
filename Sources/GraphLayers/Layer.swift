// SPDX-License-Identifier: Apache-2.0
// What a layer is: Keras' name and arguments, parameters, and the operators it is built from.

import GraphIR
import GraphOps
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
  /// Whether the mask of the first input is the mask of the results, as for layers that keep the steps of a sequence.
  static var keepsMask: Bool { get }

  init()

  /// Builds the layer for its operands, in the order of `inputs` (missing optional ones are nil).
  func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput]
}

extension Layer {
  package static var arguments: [Attribute<Self>] { [] }
  package static var required: [String] { [] }
  package static var inputs: [Slot] { [Slot("inputs")] }
  package static var keepsMask: Bool { false }

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

  /// An operand that must be there.
  func operand(_ inputs: [ValueID?], _ place: Int = 0) throws(TypeError) -> ValueID {
    guard place < inputs.count, let value = inputs[place] else {
      throw TypeError(
        "'\(Self.name)' needs its operand '\(place < Self.inputs.count ? Self.inputs[place].name : "inputs")'")
    }
    return value
  }

  /// The result of a layer with one.
  func result(_ value: ValueID) -> [LayerOutput] { [LayerOutput("output", value)] }
}

/// What a layer builds with.
package struct LayerContext: Sendable {
  package var builder: GraphBuilder
  /// The path of the box, which parameters are named under.
  package var path: String
  /// Keras' masks: for a value [N, steps, …] which steps count, a bool [N, steps].
  package var masks: [ValueID: ValueID]
  /// False for a frozen layer.
  package var isTrainable = true

  package init(builder: GraphBuilder, path: String, masks: [ValueID: ValueID] = [:]) {
    self.builder = builder
    self.path = path
    self.masks = masks
  }

  package func type(_ value: ValueID) -> TensorType { builder.type(value) }

  package mutating func emit(_ operation: some Operation, _ operands: ValueID?...) throws(TypeError) -> ValueID {
    try builder.emitAny(operation, operands)[0]
  }

  /// A parameter named `path/name`; its sizes must be numbers.
  package mutating func parameter(
    _ name: String, _ shape: [Dim], _ options: WeightOptions, dtype: DType, trainable: Bool = true
  ) throws(TypeError) -> ValueID {
    let sizes = shape.compactMap(\.value)
    guard sizes.count == shape.count else {
      throw TypeError(
        "the shape [\(shape.map(\.description).joined(separator: ", "))] of parameter '\(name)' must be known",
        note: "give the axes that a layer has weights for as numbers")
    }
    try options.check()
    var parameter = Parameter(
      "\(path)/\(name)", dtype, sizes, initializer: options.initializer, trainable: trainable && isTrainable)
    parameter.regularizer = options.regularizer
    parameter.constraint = options.constraint
    return try emit(parameter)
  }

  /// The mask that an edge brings, else the one that comes with a value.
  package func mask(_ given: ValueID?, of value: ValueID?) -> ValueID? { given ?? value.flatMap { masks[$0] } }

  /// The last axis' size of a value, which must be known.
  package func features(_ value: ValueID, of layer: String) throws(TypeError) -> Dim {
    guard let last = type(value).shape.last else {
      throw TypeError("'\(layer)' needs an axis of features, found the scalar \(type(value))")
    }
    return last
  }

  /// The value itself, or integers and bools as f32: layers compute with floats.
  package mutating func floats(_ value: ValueID) throws(TypeError) -> ValueID {
    type(value).dtype.isFloat ? value : try emit(Cast(to: .f32), value)
  }

  /// A number of the element type of a value.
  package mutating func scalar(_ number: Double, like value: ValueID) throws(TypeError) -> ValueID {
    try builder.scalar(number, type(value).dtype)
  }

  /// 0, 1, 2 … as many as a size.
  package mutating func range(_ size: Dim, _ dtype: DType) throws(TypeError) -> ValueID {
    try emit(NumberRange(count: size, dtype))
  }

  /// A vector as an axis of a tensor of some rank, the other sizes 1.
  package mutating func aligned(_ vector: ValueID, axis: Int, rank: Int) throws(TypeError) -> ValueID {
    if axis == rank - 1 { return vector }
    let size = type(vector).shape.reduce(1, *)
    return try emit(Reshape(exactly: [size] + [Dim](repeating: 1, count: rank - axis - 1)), vector)
  }
}
