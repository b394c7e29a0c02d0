// SPDX-License-Identifier: Apache-2.0
// What Keras lets one say of each weight: initialiser, regulariser and constraint.

import GraphIR
import GraphSupport

/// How one of a layer's weights starts, and what holds it in training.
package struct WeightOptions: Sendable {
  package var initializer: String
  package var regularizer: String?
  package var constraint: String?

  package init(_ initializer: String) { self.initializer = initializer }

  /// The names and arguments that training knows.
  private static let regularizers: [(name: String, arguments: KeyValuePairs<String, Double>)] = [
    ("l1", ["l1": 0.01]), ("l2", ["l2": 0.01]), ("l1_l2", ["l1": 0, "l2": 0]),
  ]
  private static let constraints: [(name: String, arguments: KeyValuePairs<String, Double>)] = [
    ("max_norm", ["max_value": 2, "axis": 0]), ("non_neg", [:]), ("unit_norm", ["axis": 0]),
    ("min_max_norm", ["min_value": 0, "max_value": 1, "rate": 1, "axis": 0]),
  ]

  /// - Throws: for names and arguments that Keras does not have.
  func check() throws(TypeError) {
    _ = try Initializer(initializer)
    try Self.check(regularizer, "regulariser", Self.regularizers)
    try Self.check(constraint, "constraint", Self.constraints)
  }

  private static func check(
    _ text: String?, _ what: String, _ known: [(name: String, arguments: KeyValuePairs<String, Double>)]
  ) throws(TypeError) {
    guard let text else { return }
    let object = try NamedObject(text)
    guard let entry = known.first(where: { $0.name == object.name }) else {
      let names = known.map(\.name)
      throw TypeError(
        "there is no \(what) '\(text)'\(nearest(object.name, among: names).map { ", did you mean '\($0)'?" } ?? "")",
        note: "there are \(names.map { "'\($0)'" }.joined(separator: ", "))")
    }
    _ = try object.numbers(entry.arguments, what)
  }
}

extension Layer {
  /// The three arguments of a weight.
  static func weight(
    _ name: String, _ path: any WritableKeyPath<Self, WeightOptions> & Sendable
  ) -> [Attribute<Self>] {
    let what = ["recurrent", "depthwise", "pointwise"].contains(name) ? "\(name) kernel" : name
    return [
      Attribute(
        "\(name)_initializer", "how the \(what) starts",
        get: { $0[keyPath: path].initializer }, set: { $0[keyPath: path].initializer = $1 }),
      Attribute(
        "\(name)_regularizer", "what training adds to the loss for the \(what)",
        get: { $0[keyPath: path].regularizer }, set: { $0[keyPath: path].regularizer = $1 }),
      Attribute(
        "\(name)_constraint", "what training holds the \(what) to",
        get: { $0[keyPath: path].constraint }, set: { $0[keyPath: path].constraint = $1 }),
    ]
  }
}
