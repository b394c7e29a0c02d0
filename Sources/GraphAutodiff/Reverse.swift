// SPDX-License-Identifier: Apache-2.0
// The reverse sweep: from the scalar back to the values, node by node.

import GraphIR
import GraphOps
import GraphSupport
import TensorCore

struct Reverse {
  private(set) var builder: GraphBuilder
  private let forward: Graph
  private let values: [ValueID]
  private let onPath: [Bool]
  /// The gradient with respect to each forward value, as far as it is known.
  private var gradients: [ValueID?]

  /// - Parameter seeds: gives the gradients that the targets start with, in order.
  init(
    _ expansion: Expansion, from values: [ValueID], to targets: [ValueID],
    seeds: (inout GraphBuilder) throws(TypeError) -> [ValueID]
  ) throws {
    builder = expansion.builder
    forward = expansion.builder.graph
    self.values = values.compactMap { expansion.map[$0.index] }
    gradients = [ValueID?](repeating: nil, count: forward.values.count)
    let targets = targets.compactMap { expansion.map[$0.index] }
    guard self.values.count == values.count else { throw InternalError("a value of the graph was lost") }
    onPath = path(in: forward, from: self.values, to: targets)
    do throws(TypeError) {
      for (target, seed) in zip(targets, try seeds(&builder)) where onPath[target.index] {
        gradients[target.index] = try gradients[target.index].map { (sum) throws(TypeError) in
          try builder.emit(Add(), sum, seed)
        } ?? seed
      }
    } catch {
      throw InternalError(error.message)
    }
  }

  mutating func run() throws {
    for node in forward.nodes.reversed() {
      let seeds = node.results.map { gradients[$0.index] }
      guard seeds.contains(where: { $0 != nil }),
        node.operands.contains(where: { $0.map { onPath[$0.index] } ?? false })
      else { continue }
      builder.origin = node.origin
      do throws(TypeError) {
        try cross(node, seeds)
      } catch {
        throw failure(error, at: node)
      }
    }
  }

  /// Adds what a node's gradient gives to its operands.
  private mutating func cross(_ node: Node, _ seeds: [ValueID?]) throws(TypeError) {
    var context = GradientContext(
      builder: builder, operands: node.operands, results: node.results, seeds: seeds,
      differentiate: vectorJacobian)
    // The one copy of the graph moves into the context and back.
    builder = GraphBuilder(name: "")
    defer { builder = context.builder }
    let toOperands = try node.operation.gradient(&context)
    for (operand, gradient) in zip(node.operands, toOperands) {
      guard let operand, let gradient, onPath[operand.index] else { continue }
      guard context.type(gradient) == context.type(operand) else {
        throw TypeError(
          "the gradient of '\(type(of: node.operation).name)' with respect to \(context.type(operand)) is "
            + "\(context.type(gradient))")
      }
      if let sum = gradients[operand.index] {
        gradients[operand.index] = try context.emit(Add(), sum, gradient)
      } else {
        gradients[operand.index] = gradient
      }
    }
  }

  /// The gradients of the chosen values; zeros where the scalar does not depend on them.
  mutating func results() throws -> [ValueID] {
    var found: [ValueID] = []
    for value in values {
      if let gradient = gradients[value.index] {
        found.append(gradient)
        continue
      }
      do throws(TypeError) {
        let type = forward.type(value)
        found.append(try builder.emit(Expand(shape: type.shape), try builder.scalar(0, type.dtype)))
      } catch {
        throw InternalError(error.message)
      }
    }
    return found
  }
}
