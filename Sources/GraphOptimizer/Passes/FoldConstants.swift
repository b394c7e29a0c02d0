// SPDX-License-Identifier: Apache-2.0
// Computes what depends on constants alone.

import GraphIR
import TensorCore

/// Results above this many elements are left to kernels: they would cost memory and time while compiling, and views
/// of large weights are read through their strides anyway.
private let elementLimit = 1 << 16

extension GraphPass {
  ///     %y = Add(2, 3)       →   %y = Constant(5)
  package static let foldConstants = GraphPass("fold-constants") { graph, context in
    try GraphPass.rebuild(graph) { graph, node, operands, builder in
      guard !(node.operation is Constant), !(node.operation is Parameter), !node.operands.isEmpty,
        // A loop over constants may still take for ever.
        node.operation.regions.isEmpty, !node.operation.isRandom, node.operation.definedSizes.isEmpty,
        node.results.allSatisfy({ (graph.type($0).elementCount.value ?? .max) <= elementLimit })
      else { return nil }
      var values: [Reference?] = []
      for operand in operands {
        guard let operand else {
          values.append(nil)
          continue
        }
        guard let constant = builder.graph.producer(operand)?.operation as? Constant, constant.value.tensor.count <= 16 * elementLimit
        else { return nil }
        values.append(Reference(constant.value.tensor))
      }
      guard context.mayRewrite("fold \(type(of: node.operation).name)"),
        let results = try? node.operation.evaluate(values)
      else { return nil }
      return try results.map { result in
        guard let tensor = result.tensor else { throw TypeError("out of memory") }
        return try builder.constant(tensor)
      }
    }
  }
}
