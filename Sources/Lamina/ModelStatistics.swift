// SPDX-License-Identifier: Apache-2.0
// What each box of a model costs: parameters, arithmetic, memory of its result.

import GraphIR
import GraphLayers
import GraphOptimizer
import GraphSupport
import TensorCore

/// One box of a model in numbers.
package struct BoxStatistics: Sendable {
  package var path: String
  /// How many blocks it is inside.
  package var depth: Int
  package var title: String
  package var operation: String
  package var location: SourceLocation?
  package var types: [TensorType]
  /// Elements of what training changes.
  package var parameterCount: Int
  /// Elements of running statistics and frozen parameters.
  package var untrainedCount: Int
  /// Multiplications and additions counted one each; symbolic where sizes are.
  package var flops: Dim
  /// Bytes of the results.
  package var bytes: Dim
}

/// The boxes of a resolved model in order. A block's box is followed by the boxes inside it, whose share it includes.
package func statistics(_ model: ResolvedModel) -> [BoxStatistics] {
  model.boxes.map { box in
    var (parameters, untrained) = (0, 0)
    var flops = Dim(0)
    for node in model.graph.nodes[box.nodes] {
      if let parameter = node.operation as? Parameter {
        let count = Tensor.count(of: parameter.shape) ?? 0
        if parameter.trainable { parameters += count } else { untrained += count }
      }
      flops = flops + arithmetic(node, in: model.graph)
    }
    let types = box.outputs.map { model.graph.type($0.value) }
    return BoxStatistics(
      path: box.path, depth: box.depth, title: box.title, operation: box.operation, location: box.location, types: types,
      parameterCount: parameters, untrainedCount: untrained, flops: flops,
      bytes: types.reduce(Dim(0)) { $0 + $1.elementCount * Dim($1.dtype.size) })
  }
}

/// Operations of one node: two for each product of a contraction, one for each element otherwise; movement is free.
private func arithmetic(_ node: Node, in graph: Graph) -> Dim {
  switch node.operation.lower(graph.types(node)) {
  case .contraction(let contraction):
    return contraction.axes.reduce(Dim(2)) { $0 * $1.extent }
  case .reduction(let reduction):
    let results = node.results.first.map { graph.type($0).elementCount } ?? 0
    return reduction.extents.reduce(results, *)
  case .pointwise:
    // Movement reads elements without arithmetic; what operators call elementwise does one operation each.
    return node.results.first.map { graph.type($0).elementCount } ?? 0
  case .decompose(let body):
    var builder = GraphBuilder(name: "box", symbols: graph.symbols)
    let operands = node.operands.map { operand in operand.map { builder.input("x", graph.type($0)) } }
    guard (try? body(&builder, operands)) != nil else { return 0 }
    return builder.graph.nodes.reduce(Dim(0)) { $0 + arithmetic($1, in: builder.graph) }
  case .control(.branch(let first, _)): return regionArithmetic(first)
  case .control(.loop(let loop)):
    guard case .exactly(let trips) = loop.trips else { return regionArithmetic(loop.body) }
    return trips * regionArithmetic(loop.body)
  case .loops: return node.results.first.map { graph.type($0).elementCount } ?? 0
  case .reshape, .leaf, .control(.size): return 0
  }
}

private func regionArithmetic(_ region: Graph) -> Dim {
  region.nodes.reduce(Dim(0)) { $0 + arithmetic($1, in: region) }
}
