// SPDX-License-Identifier: Apache-2.0
// Moves transpositions towards the results, so that those of neighbouring layers meet and cancel.
//
// Convolutions compute with channels last and turn images around them. Where the operators between two of them do not
// care about the order of axes, both turns go.

import GraphIR
import GraphOps
import TensorCore

extension GraphPass {
  ///     %y = Relu(Transpose(%x))     →   %y = Transpose(Relu(%x))
  package static let sinkTransposes = GraphPass("sink-transposes") { graph, context in
    try GraphPass.rebuild(graph) { graph, node, operands, builder in
      // Those that meet become one at once: the one after would go below the next operator before the other arrives.
      if let outer = node.operation as? Transpose, let x = operands[0], let inner = producer(x, builder),
        let order = try? outer.permutation(rank: inner.order.count)
      {
        let joined = order.map { inner.order[$0] }
        if joined == Array(joined.indices) { return [inner.source] }
        return [try builder.emit(Transpose(perm: joined), inner.source)]
      }
      guard node.results.count == 1, node.operation.resultCount == 1,
        let transpose = firstTranspose(operands, builder),
        let rank = operands.compactMap({ $0.map { builder.type($0).rank } }).max(), rank == transpose.order.count,
        let moved = node.operation.movingAxes(transpose.order, graph.types(node)),
        let sources = sources(operands, moved.operands, transpose.order, graph.type(node.results[0]), &builder),
        context.mayRewrite("Transpose below \(type(of: node.operation).name)")
      else { return nil }
      let result = try builder.emitAny(moved.operation, sources)[0]
      return [try builder.emit(Transpose(perm: moved.order), result)]
    }
  }

  private static func firstTranspose(_ operands: [ValueID?], _ builder: GraphBuilder) -> (order: [Int], source: ValueID)? {
    for case let operand? in operands {
      if let transpose = producer(operand, builder) { return transpose }
    }
    return nil
  }

  /// The transposition that makes a value.
  private static func producer(_ value: ValueID, _ builder: GraphBuilder) -> (order: [Int], source: ValueID)? {
    guard let node = builder.graph.producer(value), let transpose = node.operation as? Transpose,
      let source = node.operands[0], let order = try? transpose.permutation(rank: builder.type(value).rank)
    else { return nil }
    return (order, source)
  }

  /// The operands with their axes as before the transposition: transposed ones by dropping it, small ones by turning
  /// them back. Nil where a whole tensor would have to be turned instead.
  private static func sources(
    _ operands: [ValueID?], _ kind: MovedAxes.Operands, _ order: [Int], _ result: TensorType, _ builder: inout GraphBuilder
  ) -> [ValueID?]? {
    var inverse = order
    for (place, axis) in order.enumerated() { inverse[axis] = place }
    var sources = operands
    for (number, operand) in operands.enumerated() {
      guard let operand, kind == .all || number == 0 else { continue }
      if let transpose = producer(operand, builder), transpose.order == order {
        sources[number] = transpose.source
        continue
      }
      let type = builder.type(operand)
      if number == 0 && kind == .first { return nil }
      if type.elementCount == 1 { continue }
      let isConstant = builder.graph.producer(operand)?.operation is Constant
      guard isConstant || type.rank < order.count || type.shape != result.shape else { return nil }
      let full = [Dim](repeating: 1, count: order.count - type.rank) + type.shape
      sources[number] = try? builder.emit(
        Transpose(perm: inverse), try builder.emit(Reshape(exactly: full), operand))
      if sources[number] == nil { return nil }
    }
    return sources
  }
}
