// SPDX-License-Identifier: Apache-2.0
// Local rewrites: named values on a root operator.

import TensorCore

/// What a rule sees: the node about to be emitted and the graph before it.
package struct RuleContext: Sendable {
  package var builder: GraphBuilder
  package let operation: any Operation
  package let operands: [ValueID?]

  package init(builder: GraphBuilder, operation: any Operation, operands: [ValueID?]) {
    self.builder = builder
    self.operation = operation
    self.operands = operands
  }

  package func type(_ index: Int) -> TensorType? { operands.indices.contains(index) ? operands[index].map(builder.type) : nil }

  /// The node that makes an operand, when it is of this operator.
  package func producer<Op: Operation>(of index: Int, as _: Op.Type) -> (operation: Op, node: Node)? {
    guard operands.indices.contains(index), let operand = operands[index], let node = builder.graph.producer(operand),
      let operation = node.operation as? Op
    else { return nil }
    return (operation, node)
  }

  /// The tensor of a constant operand.
  package func constant(_ index: Int) -> Tensor? { producer(of: index, as: Constant.self)?.operation.value.tensor }

  /// Whether two values are the same, or constants of the same elements; both may be missing.
  package func areEqual(_ a: ValueID?, _ b: ValueID?) -> Bool {
    if a == b { return true }
    guard let a, let b, let x = builder.graph.producer(a)?.operation as? Constant,
      let y = builder.graph.producer(b)?.operation as? Constant
    else { return false }
    return x.value.tensor.isIdentical(to: y.value.tensor)
  }

  /// The one number a constant operand holds in every element.
  package func splat(_ index: Int) -> Double? {
    guard let tensor = constant(index), tensor.count > 0, tensor.count <= 4096 else { return nil }
    let first = tensor.double(0)
    return (0..<tensor.count).allSatisfy({ tensor.double($0) == first }) ? first : nil
  }
}

/// A rewrite of one node into values that replace its results. Rules never make things worse, are directed, and say why.
package struct Rule: Sendable {
  package let name: String
  package let file: String
  package let line: UInt
  package let apply: @Sendable (inout RuleContext) throws(TypeError) -> [ValueID]?

  /// A rule on operator `Op`; it returns nil where it does not apply.
  package init<Op: Operation>(
    _ name: String, on _: Op.Type, file: String = #fileID, line: UInt = #line,
    _ body: @escaping @Sendable (Op, inout RuleContext) throws(TypeError) -> [ValueID]?
  ) {
    self.name = name
    self.file = file
    self.line = line
    apply = { (context: inout RuleContext) throws(TypeError) -> [ValueID]? in
      guard let operation = context.operation as? Op else { return nil }
      return try body(operation, &context)
    }
  }
}
