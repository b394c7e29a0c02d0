// SPDX-License-Identifier: Apache-2.0
// What an import is told besides the file, and what it gives.

import GraphIR
import GraphSupport
import TensorCore

/// How a file is imported.
package struct ImportOptions: Sendable {
  /// Named sizes that are fixed.
  package var dims: [String: Int]
  /// Inputs that are constants of the model from now on, as whoever asks for the model decided.
  package var constants: [String: String]
  /// The inputs a run is given; nil when the model is not imported for one run.
  package var run: RunInputs?

  package init(dims: [String: Int] = [:], constants: [String: String] = [:], run: RunInputs? = nil) {
    self.dims = dims
    self.constants = constants
    self.run = run
  }
}

/// The inputs of the one run that a model is imported for. What cannot be compiled for every input is compiled for
/// these: a value that decides a shape becomes a constant, and sizes that cannot be reasoned about by name are numbers.
package struct RunInputs: Sendable {
  /// Whether the run gives an input; one that has a value without it only when its name is there.
  package var isGiven: @Sendable (_ name: String, _ isOptional: Bool) -> Bool
  /// The tensor that the run gives for an input. A type without sizes takes any.
  package var tensor: @Sendable (_ name: String, _ type: DType, _ shape: [Dim]?) throws -> Tensor?

  package init(
    isGiven: @escaping @Sendable (_ name: String, _ isOptional: Bool) -> Bool,
    tensor: @escaping @Sendable (_ name: String, _ type: DType, _ shape: [Dim]?) throws -> Tensor?
  ) {
    self.isGiven = isGiven
    self.tensor = tensor
  }
}

/// An imported model.
package struct ImportedModel: Sendable {
  /// With a `Parameter` for each trained tensor.
  package var graph: Graph
  /// The values of the parameters, by name: views of the file.
  package var parameters: [String: Tensor]
  /// The operators of the model, in order.
  package var nodes: [ImportedNode]
  package var warnings: [Diagnostic]
  /// Inputs of the file that are constants of this graph, because their values decide shapes.
  package var boundInputs: Set<String>
}

/// One operator of the file.
package struct ImportedNode: Sendable {
  package var name: String
  package var operation: String
  package var results: [ValueID]
  /// The nodes it became, as positions in the graph's nodes.
  package var nodes: Range<Int>
}
