// SPDX-License-Identifier: Apache-2.0
// Replaces composite operators by the operators they are made of.

import GraphIR
import GraphSupport
import TensorCore

/// Decompositions inside decompositions; deeper is a fault.
private let depthLimit = 16

extension GraphPass {
  ///     %y = Softmax(%x)     →   %m = ReduceMax(%x) … %y = Div(%e, %s)
  package static let decompose = GraphPass("decompose") { graph, context in
    var graph = graph
    for _ in 0..<depthLimit {
      var isDone = true
      graph = try GraphPass.rebuild(graph) { graph, node, operands, builder in
        guard case .decompose(let body) = node.operation.lower(graph.types(node)) else { return nil }
        isDone = false
        do throws(TypeError) {
          return try body(&builder, operands)
        } catch {
          throw InternalError("'\(type(of: node.operation).name)' does not decompose: \(error.message)")
        }
      }
      if isDone { return graph }
    }
    throw InternalError("decomposition does not end")
  }
}
