// SPDX-License-Identifier: Apache-2.0
// One of two regions, chosen while the model runs.

import GraphIR
import TensorCore

/// ONNX's If. Both regions take every captured value, in the operands' order.
package struct If: Operation {
  package static let name = "If"
  package static let summary = "The outputs of `then_branch` where the condition is true, else those of `else_branch`."
  package static let operands = [Slot("cond"), Slot("captures", .variadic)]
  package static let results = [Slot("outputs", .variadic)]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("then_branch", \.thenBranch, "what runs when the condition is true"),
      Attribute("else_branch", \.elseBranch, "what runs when it is false; its outputs have the same types"),
    ]
  }
  package var thenBranch = SharedGraph.empty
  package var elseBranch = SharedGraph.empty
  package init() {}
  package init(then: Graph, else otherwise: Graph) {
    thenBranch = SharedGraph(then)
    elseBranch = SharedGraph(otherwise)
  }

  package var resultCount: Int { thenBranch.graph.outputs.count }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    try checkScalar(operands.first ?? nil, .bool, "the condition", of: Self.name)
    let captures = try present(operands.dropFirst(), for: Self.name)
    for branch in [thenBranch.graph, elseBranch.graph] { try checkInputs(branch, captures, of: Self.name) }
    let (first, second) = (thenBranch.graph.outputTypes, elseBranch.graph.outputTypes)
    guard first.count == second.count else {
      throw TypeError("the branches of 'If' have \(first.count) and \(second.count) outputs, expected as many of each")
    }
    for (number, (a, b)) in zip(first, second).enumerated() where a != b {
      throw TypeError(
        "output \(number) of 'If' is \(a) in one branch and \(b) in the other",
        note: "the type of a value must be known before the model runs; a constant condition chooses one branch")
    }
    return first
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let condition = operands.first ?? nil, condition.count == 1 else { throw TypeError("'If' needs a condition") }
    let branch = condition.double(0) != 0 ? thenBranch.graph : elseBranch.graph
    return try branch.evaluate(operands.dropFirst().compactMap { $0 })
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .control(.branch(then: thenBranch.graph, else: elseBranch.graph))
  }

  /// The chosen branch's gradient.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    let captures = context.operands.dropFirst().compactMap { $0 }
    var seeds: [ValueID] = []
    for (result, seed) in zip(context.results, context.seeds) where context.type(result).dtype.isFloat {
      if let seed { seeds.append(seed) } else { seeds.append(try context.filled(0, like: result)) }
    }
    let derived = If(
      then: try context.differentiate(thenBranch.graph), else: try context.differentiate(elseBranch.graph))
    var gradients = try context.builder.emitAny(derived, [context.operands[0]] + captures + seeds)[...]
    return [nil] + captures.map { context.type($0).dtype.isFloat ? gradients.popFirst() : nil }
  }

  package static var rules: [Rule] {
    [
      Rule("if-of-constant", on: If.self) { branch, context throws(TypeError) in
        guard let condition = context.splat(0) else { return nil }
        let region = condition != 0 ? branch.thenBranch.graph : branch.elseBranch.graph
        return try context.builder.inline(region, context.operands.dropFirst().compactMap { $0 })
      },
      constantsMoveInto(If.self, from: { _ in 1 }) { branch, builder, captures throws(TypeError) in
        var moved = branch
        moved.thenBranch = SharedGraph(try withConstants(branch.thenBranch.graph, builder, captures, from: 0))
        moved.elseBranch = SharedGraph(try withConstants(branch.elseBranch.graph, builder, captures, from: 0))
        return moved
      },
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let type = TensorType(random.dtype([.f32, .f64]), random.shape(maxRank: 3).map { Dim($0) })
    func branch(_ name: String, _ operation: some Operation) -> Graph {
      var builder = GraphBuilder(name: name)
      let (a, b) = (builder.input("a", type), builder.input("b", type))
      if let value = try? builder.emit(operation, a, b) { builder.output("y", value) }
      return builder.graph
    }
    return Sample(
      If(then: branch("then", Mul()), else: branch("else", Sub())),
      [TensorType(.bool, random.bool() ? [] : [1]), type, type])
  }
}
