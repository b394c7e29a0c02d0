// SPDX-License-Identifier: Apache-2.0
// Replaces parameters by the tensors they were loaded from.

import GraphIR
import GraphSupport
import TensorCore

extension Graph {
  /// The parameters in order, each once.
  package var parameters: [(parameter: Parameter, value: ValueID, origin: Origin)] {
    nodes.compactMap { node in
      (node.operation as? Parameter).map { ($0, node.results[0], node.origin) }
    }
  }

  /// This graph with parameters bound; all that have no tensor are reported in one go.
  package func binding(_ tensors: [String: Tensor]) throws -> Graph {
    let missing = parameters.filter { tensors[$0.parameter.name] == nil }
    if !missing.isEmpty {
      throw DiagnosticsError(
        missing.map {
          Diagnostic(
            .error, "missing-parameter", "parameter '\($0.parameter.name)' (\(type($0.value))) has no value", at: $0.origin.location)
        })
    }
    return try GraphPass.rebuild(self) { _, node, _, builder in
      guard let parameter = node.operation as? Parameter, let tensor = tensors[parameter.name] else { return nil }
      let value = try builder.constant(tensor)
      builder.setName(parameter.name, of: value)
      return [value]
    }
  }
}
