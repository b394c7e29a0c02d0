// SPDX-License-Identifier: Apache-2.0
// Linear models of several targets.

import GraphIR
import TensorCore

package struct LinearRegressor: Operation {
  package static let name = "LinearRegressor"
  package static let summary = "X · coefficientsᵀ + intercepts, one column for each target, in f32."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("coefficients", \.coefficients, "for each target those of all features"),
      Attribute("intercepts", \.intercepts, "for each target what is added; empty: nothing"),
      Attribute("targets", \.targets, "the number of targets"),
      Attribute("post_transform", \.transform, "must be 'NONE'"),
    ]
  }
  package var coefficients: [Double] = []
  package var intercepts: [Double] = []
  package var targets = 1
  package var transform = "NONE"
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], DType.numbers.contains(x.dtype), x.rank == 2 else {
      throw TypeError("'LinearRegressor' takes rows of numbers", operand: 0)
    }
    guard transform == "NONE" else { throw TypeError("'post_transform' of 'LinearRegressor' is '\(transform)'") }
    guard targets > 0, x.shape[1] * Dim(targets) == Dim(coefficients.count),
      intercepts.isEmpty || intercepts.count == targets
    else {
      throw TypeError(
        "'LinearRegressor' has \(coefficients.count) coefficients and \(intercepts.count) intercepts for \(targets) "
          + "targets of \(x)")
    }
    return [TensorType(.f32, [x.shape[0], Dim(targets)])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'LinearRegressor' needs an operand") }
    let shape = try staticSizes(inferTypes([x.type])[0].shape, for: Self.name)
    let width = x.shape[1]
    let values = (0..<shape[0] * targets).map { position in
      let (row, target) = (position / targets, position % targets)
      return (0..<width).reduce(intercepts.isEmpty ? 0 : intercepts[target]) {
        $0 + x.double(row * width + $1) * coefficients[target * width + $1]
      }
    }
    return [Reference(.f32, shape, reals: values)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      guard let input = operands[0] else { throw TypeError("'LinearRegressor' needs an operand") }
      let value = try builder.narrowed(input, to: .f32)
      let width = coefficients.count / targets
      let matrix = try builder.constant(try Tensor(.f32, [targets, width], doubles: coefficients).orThrow())
      var y = try builder.emit(MatMul(), value, try builder.transposed(matrix, [1, 0]))
      if !intercepts.isEmpty {
        y = try builder.add(y, try builder.constant(try Tensor(.f32, [targets], doubles: intercepts).orThrow()))
      }
      return [y]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = LinearRegressor()
    let width = random.int(1...4)
    operation.targets = random.int(1...3)
    operation.coefficients = (0..<width * operation.targets).map { Double($0) / 4 - 1 }
    if random.bool() { operation.intercepts = (0..<operation.targets).map { Double($0) } }
    return Sample(operation, [TensorType(random.dtype([.f32, .i64]), [Dim(random.int(1...3)), Dim(width)])])
  }
}
