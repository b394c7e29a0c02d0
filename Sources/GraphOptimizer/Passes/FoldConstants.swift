// SPDX-License-Identifier: Apache-2.0
// Computes what depends on constants alone.

import GraphIR
import GraphOps
import TensorCore

/// Results above this many elements are left to kernels: they would cost memory and time while compiling, and views
/// of large weights are read through their strides anyway.
private let elementLimit = 1 << 16

extension GraphPass {
  ///     %y = Add(2, 3)       →   %y = Constant(5)
  ///
  /// Bytes that are widened stay bytes, since products read them as they are.
  package static let foldConstants = GraphPass("fold-constants") { graph, context in
    try GraphPass.rebuild(graph) { graph, node, operands, builder in
      guard !(node.operation is Constant), !(node.operation is Parameter), !node.operands.isEmpty,
        // A loop over constants may still take for ever.
        node.operation.regions.isEmpty, !node.operation.isRandom, node.operation.definedSizes.isEmpty,
        node.results.allSatisfy({ (graph.type($0).elementCount.value ?? .max) <= elementLimit }),
        !widensBytes(node, builder.graph, operands)
      else { return nil }
      var values: [Reference?] = []
      for operand in operands {
        guard let operand else {
          values.append(nil)
          continue
        }
        let isReduced = reduces(graph.type(node.results[0]), builder.type(operand))
        guard let value = try constant(operand, builder.graph, isReduced: isReduced) else { return nil }
        values.append(value)
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

  /// Whether a node makes wider integers of more than a few bytes.
  private static func widensBytes(_ node: Node, _ graph: Graph, _ operands: [ValueID?]) -> Bool {
    guard let cast = node.operation as? Cast, cast.to == .i32, let operand = operands.first?.map({ $0 }) else {
      return false
    }
    let type = graph.type(operand)
    return (type.dtype == .i8 || type.dtype == .u8) && type.elementCount != 1
  }

  private static func reduces(_ result: TensorType, _ operand: TensorType) -> Bool {
    guard let few = result.elementCount.value, let many = operand.elementCount.value else { return false }
    return few < many
  }

  /// The value of a constant, or of bytes that are widened only to be reduced.
  private static func constant(_ value: ValueID, _ graph: Graph, isReduced: Bool) throws(TypeError) -> Reference? {
    guard let node = graph.producer(value) else { return nil }
    if let constant = node.operation as? Constant {
      return constant.value.tensor.count <= 16 * elementLimit ? Reference(constant.value.tensor) : nil
    }
    guard isReduced, widensBytes(node, graph, node.operands), let operand = node.operands[0],
      let bytes = try constant(operand, graph, isReduced: false)
    else { return nil }
    return try node.operation.evaluate([bytes])[0]
  }
}
