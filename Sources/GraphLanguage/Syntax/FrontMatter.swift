// SPDX-License-Identifier: Apache-2.0
// The settings above the diagram.

import GraphSupport

/// The YAML between the `---` lines. Absent keys are nil or empty.
package struct FrontMatter: Sendable {
  package var title: Located<String>?
  package var weights: Weights?
  package var dims: [DimRange] = []
  package var seed: Located<Int>?
  /// For boxes of a pipeline.
  package var stages: [Binding] = []
  /// For boxes of a model.
  package var operations: [Binding] = []
  /// Paths as written, relative to the file.
  package var includes: [Located<String>] = []
  package var precision: Located<String>?
  package var winograd: Located<String>?
  /// The text between the `---` lines, as written; nil without front matter.
  package var text: String?

  package init() {}

  /// The binding of a box, from `stages:` or `ops:`.
  package func binding(_ box: String) -> Binding? {
    stages.first { $0.box == box } ?? operations.first { $0.box == box }
  }
}

/// A value and where it is written.
package struct Located<Value: Sendable>: Sendable {
  package var value: Value
  package var range: SourceRange

  package init(_ value: Value, _ range: SourceRange) {
    self.value = value
    self.range = range
  }
}

/// `weights: file`, or `weights: {file: …, map: {ours: theirs}}`.
package struct Weights: Sendable {
  package var file: Located<String>
  /// Parameter name in the model to tensor name in the file.
  package var map: [(parameter: Located<String>, tensor: Located<String>)] = []

  package init(file: Located<String>) { self.file = file }
}

/// `N: 1..64`, `N: 32`, or `N: {range: 1..64, fast: [1, 8]}`.
package struct DimRange: Sendable {
  package var name: Located<String>
  /// At least 0; lower ≤ upper.
  package var lower: Int
  /// Nil for no upper bound (`1..`).
  package var upper: Int?
  /// The sizes to make code of their own for, within the range, ascending.
  package var fast: [Int]

  package init(name: Located<String>, lower: Int, upper: Int?, fast: [Int] = []) {
    self.name = name
    self.lower = lower
    self.upper = upper
    self.fast = fast
  }
}

/// Operations bound to a box: they take the place of its label's.
package struct Binding: Sendable {
  package var box: String
  package var boxRange: SourceRange
  /// At least one, run in order.
  package var operations: [Expression]

  package init(box: String, boxRange: SourceRange, operations: [Expression]) {
    self.box = box
    self.boxRange = boxRange
    self.operations = operations
  }
}
