// SPDX-License-Identifier: Apache-2.0
// Keras' activations by name.

import GraphIR
import GraphOps
import GraphSupport
import TensorCore

/// The activation functions that layers take by name.
package enum Activation {
  /// Names in Keras' spelling, and what they build.
  private static let table: [(name: String, build: @Sendable (inout GraphBuilder, ValueID) throws(TypeError) -> ValueID)] = [
    ("linear", { (_, x) throws(TypeError) in x }),
    ("relu", { (b, x) throws(TypeError) in try b.emit(Relu(), x) }),
    ("relu6", { (b, x) throws(TypeError) in try b.emit(Clip(min: 0, max: 6), x) }),
    ("sigmoid", { (b, x) throws(TypeError) in try b.emit(Sigmoid(), x) }),
    ("hard_sigmoid", { (b, x) throws(TypeError) in
        var operation = HardSigmoid()
        operation.alpha = 1.0 / 6
        return try b.emit(operation, x)
      }),
    ("tanh", { (b, x) throws(TypeError) in try b.emit(Tanh(), x) }),
    ("softmax", { (b, x) throws(TypeError) in try b.emit(Softmax(axis: -1), x) }),
    ("log_softmax", { (b, x) throws(TypeError) in try b.emit(LogSoftmax(axis: -1), x) }),
    ("gelu", { (b, x) throws(TypeError) in try b.emit(Gelu(), x) }),
    ("elu", { (b, x) throws(TypeError) in try b.emit(Elu(), x) }),
    ("selu", { (b, x) throws(TypeError) in try b.emit(Selu(), x) }),
    ("softplus", { (b, x) throws(TypeError) in try b.emit(Softplus(), x) }),
    ("softsign", { (b, x) throws(TypeError) in try b.emit(Softsign(), x) }),
    ("silu", { (b, x) throws(TypeError) in try b.emit(Swish(), x) }),
    ("swish", { (b, x) throws(TypeError) in try b.emit(Swish(), x) }),
    ("mish", { (b, x) throws(TypeError) in try b.emit(Mish(), x) }),
    ("leaky_relu", { (b, x) throws(TypeError) in try b.emit(LeakyRelu(alpha: 0.2), x) }),
    ("exponential", { (b, x) throws(TypeError) in try b.emit(Exp(), x) }),
  ]

  package static var names: [String] { table.map(\.name) }

  /// Applies the activation of a name; nil or `linear` is the identity.
  package static func apply(_ name: String?, to value: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    guard let name else { return value }
    guard let entry = table.first(where: { $0.name == name }) else {
      throw TypeError(
        "there is no activation '\(name)'\(nearest(name, among: names).map { ", did you mean '\($0)'?" } ?? "")",
        note: "the activations are \(names.map { "'\($0)'" }.joined(separator: ", "))")
    }
    return try entry.build(&builder, value)
  }
}

extension LayerContext {
  /// Applies the activation of a name; nil is the identity.
  package mutating func activate(_ name: String?, _ value: ValueID) throws(TypeError) -> ValueID {
    try Activation.apply(name, to: value, &builder)
  }
}
