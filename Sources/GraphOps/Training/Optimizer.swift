// SPDX-License-Identifier: Apache-2.0
// Steps of optimizers over several tensors: what the operators of ai.onnx.preview.training share.

import GraphIR
import TensorCore

/// Operands are the rate R, the step T, then all tensors X, all gradients G, and all of each state; results are all new
/// X, then all of each new state.
package protocol OptimizerStep: Operation {
  /// The states beside each tensor.
  static var states: [String] { get }
  /// The number of tensors.
  var tensorCount: Int { get set }
  /// The multiple of X that is added to G.
  var normCoefficient: Double { get set }
  /// The new tensor and states from rate, step, tensor, gradient and states, element by element.
  func step(_ r: Double, _ t: Double, _ x: Double, _ g: Double, _ states: [Double]) -> [Double]
  /// The same in a graph; `g` holds the multiple of X already, `t` is of the tensors' type.
  func emit(
    _ r: ValueID, _ t: ValueID, _ x: ValueID, _ g: ValueID, _ states: [ValueID], _ builder: inout GraphBuilder
  ) throws(TypeError) -> [ValueID]
}

extension OptimizerStep {
  package static var operands: [Slot] { [Slot("R"), Slot("T"), Slot("inputs", .variadic)] }
  package static var results: [Slot] { [Slot("outputs", .variadic)] }
  package static var accuracy: Accuracy { .accumulation }
  package var resultCount: Int { max(0, min(tensorCount, 1 << 20)) * (1 + Self.states.count) }

  static func stepAttributes() -> [Attribute<Self>] {
    [
      Attribute("tensors", \.tensorCount, "the number of tensors that are optimised"),
      Attribute("norm_coefficient", \.normCoefficient, "the multiple of X that is added to its gradient"),
    ]
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let r = operands[0], let t = operands[1], r.dtype.isFloat, t.dtype == .i64, r.elementCount == 1,
      t.elementCount == 1
    else { throw TypeError("'\(Self.name)' needs a rate and an i64 step, both scalars", operand: 0) }
    let kinds = 2 + Self.states.count
    guard tensorCount > 0, tensorCount <= operands.count, operands.count == 2 + kinds * tensorCount else {
      throw TypeError(
        "'\(Self.name)' of \(tensorCount) tensors takes 2 operands and \(kinds) for each, found \(operands.count)")
    }
    var results: [TensorType] = []
    for tensor in 0..<tensorCount {
      guard let x = operands[2 + tensor], x.dtype.isFloat else {
        throw TypeError("'\(Self.name)' optimises floats", operand: 2 + tensor)
      }
      for kind in 1..<kinds where operands[2 + kind * tensorCount + tensor] != x {
        throw TypeError(
          "'\(Self.name)' needs gradients and states like their tensor \(x)", operand: 2 + kind * tensorCount + tensor)
      }
      results.append(x)
    }
    return (0..<1 + Self.states.count).flatMap { _ in results }
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let values = operands.compactMap { $0 }
    let types = try inferTypes(values.map(\.type))
    let (r, t) = (values[0].reals[0], Double(values[1].integers[0]))
    var results = try types.map { type throws(TypeError) in
      Reference(zeros: type.dtype, try staticSizes(type.shape, for: Self.name))
    }
    for tensor in 0..<tensorCount {
      for position in values[2 + tensor].reals.indices {
        let given = (0..<2 + Self.states.count).map { values[2 + $0 * tensorCount + tensor].reals[position] }
        let new = step(r, t, given[0], given[1] + normCoefficient * given[0], Array(given.dropFirst(2)))
        for (kind, value) in new.enumerated() { results[kind * tensorCount + tensor].reals[position] = value }
      }
    }
    return results
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      let given = operands.compactMap { $0 }
      guard given.count == operands.count, given.count > 2 else {
        throw TypeError("an operand of '\(Self.name)' is missing")
      }
      var results = [ValueID](repeating: given[0], count: resultCount)
      for tensor in 0..<tensorCount {
        let values = (0..<2 + Self.states.count).map { given[2 + $0 * tensorCount + tensor] }
        let dtype = builder.type(values[0]).dtype
        let wide = try values.map { value throws(TypeError) in try builder.widened(value) }
        let inner = builder.type(wide[0]).dtype
        let rate = try builder.narrowed(try builder.reshaped(given[0], []), to: inner)
        let count = try builder.narrowed(try builder.reshaped(given[1], []), to: inner)
        let gradient =
          normCoefficient == 0
          ? wide[1] : try builder.add(wide[1], try builder.scaled(wide[0], by: normCoefficient))
        let new = try emit(rate, count, wide[0], gradient, Array(wide.dropFirst(2)), &builder)
        for (kind, value) in new.enumerated() {
          results[kind * tensorCount + tensor] = try builder.narrowed(value, to: dtype)
        }
      }
      return results
    }
  }

  /// An instance with operands.
  static func sampleStep(_ operation: Self, _ random: inout SampleSource) -> Sample {
    var operation = operation
    operation.tensorCount = random.int(1...2)
    operation.normCoefficient = random.pick([0, 0.1])
    let dtype = random.dtype([.f32, .f64])
    let types = (0..<operation.tensorCount).map { _ in TensorType(dtype, random.shape(maxRank: 2).map { Dim($0) }) }
    var operands: [TensorType?] = [TensorType(dtype, []), TensorType(.i64, [])]
    for _ in 0..<2 + states.count { operands += types }
    var ranges: [Int: ClosedRange<Double>] = [0: 0.1...0.2, 1: 0...3]
    // States such as sums of squares are above 0.
    for index in 2 + 2 * operation.tensorCount..<operands.count { ranges[index] = 0.5...1 }
    return Sample(operation, operands, ranges: ranges)
  }
}
