// SPDX-License-Identifier: Apache-2.0
// What is known of values while a model is imported: constants, and integers that are sizes. Shape arithmetic
// (Shape, Gather, Concat, Mul … Reshape) is computed here, with polynomials where sizes have names.

import GraphIR
import GraphOps
import TensorCore

/// A small tensor of which every element is known.
enum KnownValue: Sendable {
  case constant(Reference)
  /// Integers, some of which are sizes with names.
  case sizes(shape: [Int], [Dim], DType)

  /// The elements of an integer tensor.
  var dims: [Dim]? {
    switch self {
    case .constant(let value): value.dtype.isInteger ? value.integers.map { Dim(Int($0)) } : nil
    case .sizes(_, let dims, _): dims
    }
  }

  var shape: [Int] {
    switch self {
    case .constant(let value): value.shape
    case .sizes(let shape, _, _): shape
    }
  }
}

struct KnownValues {
  /// Shape arithmetic is short; more elements than this are weights.
  private static let elementLimit = 2048

  private var values: [ValueID: KnownValue] = [:]
  /// Constants of any size, as they are stored.
  private var tensors: [ValueID: Tensor] = [:]
  var ranges: [String: ClosedRange<Int>] = [:]

  func tensor(_ id: ValueID) -> Tensor? { tensors[id] ?? constant(id)?.tensor }

  func constant(_ id: ValueID) -> Reference? {
    if case .constant(let value)? = values[id] { return value }
    return nil
  }

  func dims(_ id: ValueID) -> [Dim]? { values[id]?.dims }
  subscript(_ id: ValueID) -> KnownValue? { values[id] }

  mutating func define(_ id: ValueID, _ known: KnownValue) { values[id] = known }

  mutating func define(_ id: ValueID, _ tensor: Tensor) {
    tensors[id] = tensor
    if tensor.count <= Self.elementLimit { values[id] = .constant(Reference(tensor)) }
  }

  /// Finds out what is known of a new node's results. Nothing is: no matter.
  mutating func learn(_ node: Node, in graph: Graph) {
    let operation = node.operation
    // A loop may take for ever.
    guard !operation.isRandom, operation.regions.isEmpty, let first = node.results.first, values[first] == nil else {
      return
    }
    switch operation {
    case let constant as Constant: return define(node.results[0], constant.value.tensor)
    case let shape as Shape:
      guard let operand = node.operands[0] else { return }
      return define(node.results[0], shape.sizes(graph.type(operand).shape), [graph.type(operand).rank], .i64, graph)
    case is Size:
      guard let operand = node.operands[0] else { return }
      return define(node.results[0], [graph.type(operand).elementCount], [], .i64, graph)
    case let dimension as Dimension:
      return define(node.results[0], [dimension.size], [], dimension.dtype, graph)
    default: break
    }
    for result in node.results {
      guard let count = graph.type(result).elementCount.value, count <= Self.elementLimit else { return }
    }
    if node.operands.isEmpty && node.results.contains(where: { !graph.type($0).isStatic }) { return }
    let operands = node.operands.map { $0.flatMap { values[$0] } }
    guard zip(node.operands, operands).allSatisfy({ ($0 == nil) == ($1 == nil) }) else { return }
    let references = operands.map { known -> Reference? in
      if case .constant(let value)? = known { return value }
      return nil
    }
    if zip(operands, references).allSatisfy({ ($0 == nil) == ($1 == nil) }) {
      guard let results = try? operation.evaluate(references) else { return }
      for (id, result) in zip(node.results, results) { values[id] = .constant(result) }
      return
    }
    guard let results = SizeArithmetic(ranges: ranges).evaluate(operation, operands) else { return }
    for (id, result) in zip(node.results, results) { values[id] = result }
  }

  /// Sizes become a constant when all of them are numbers.
  private mutating func define(_ id: ValueID, _ dims: [Dim], _ shape: [Int], _ dtype: DType, _ graph: Graph) {
    let shape = graph.type(id).staticShape ?? shape
    let numbers = dims.compactMap(\.value)
    values[id] =
      numbers.count == dims.count
      ? .constant(Reference(dtype, shape, integers: numbers.map { wrap(Int64($0), to: dtype) }))
      : .sizes(shape: shape, dims, dtype)
  }
}
