// SPDX-License-Identifier: Apache-2.0
// What all elementwise operators share: broadcasting, evaluation element by element, lowering to one expression.

import GraphIR
import KernelIR
import TensorCore

/// An operator whose result element is a function of the operand elements at the same (broadcast) index.
package protocol ElementwiseOperation: Operation {
  /// The element types of operands that it takes.
  static var domain: Set<DType> { get }
  /// The result's element type for the operands' common one.
  func resultType(_ dtype: DType) -> DType
  /// The meaning on floats.
  func reference(_ x: [Double]) -> Double
  /// The meaning on integers and bools; the result is wrapped to the result's type.
  func reference(_ x: [Int64], _ dtype: DType) -> Int64
  /// How it is computed; operands are of the compute type of their element type.
  func scalar(_ x: [Expr]) -> Expr
  /// Values that random tests draw operands from.
  static var sampleRange: ClosedRange<Double> { get }
}

extension ElementwiseOperation {
  package static var operands: [Slot] { [Slot("input")] }
  package static var domain: Set<DType> { DType.floats }
  package static var sampleRange: ClosedRange<Double> { -2...2 }
  package func resultType(_ dtype: DType) -> DType { dtype }
  package func reference(_ x: [Int64], _ dtype: DType) -> Int64 { Int64(saturating: reference(x.map(Double.init))) }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    [try inferElementwise(operands)]
  }

  /// The result type for operands of one element type of the domain that broadcast.
  func inferElementwise(_ operands: [TensorType?]) throws(TypeError) -> TensorType {
    let types = operands.compactMap { $0 }
    guard let first = types.first else { throw TypeError("'\(Self.name)' needs an operand") }
    for (index, type) in types.enumerated() {
      if !Self.domain.contains(type.dtype) {
        throw TypeError(
          "'\(Self.name)' does not take \(type.dtype)", operand: index,
          note: "it takes \(DType.allCases.filter(Self.domain.contains).map(\.name).joined(separator: ", "))")
      }
      if type.dtype != first.dtype {
        throw TypeError(
          "'\(Self.name)' needs operands of one element type, found \(first.dtype) and \(type.dtype)", operand: index,
          note: "convert one with Cast")
      }
    }
    return TensorType(resultType(first.dtype), try broadcast(types, for: Self.name))
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let values = operands.compactMap { $0 }
    let shape = try broadcast(values.map(\.type), for: Self.name).compactMap(\.value)
    let result = resultType(values[0].dtype)
    let strides = values.map { broadcastStrides($0.shape, to: shape) }
    var output = Reference(zeros: result, shape)
    let source = values[0].dtype
    var reals = [Double](repeating: 0, count: values.count)
    var integers = [Int64](repeating: 0, count: values.count)
    forEachIndex(shape) { position, index in
      for (number, value) in values.enumerated() {
        var offset = 0
        for axis in index.indices { offset += index[axis] * strides[number][axis] }
        if source.isFloat { reals[number] = value.reals[offset] } else { integers[number] = value.integers[offset] }
      }
      switch (source.isFloat, result.isFloat) {
      case (true, true): output.reals[position] = reference(reals)
      case (true, false): output.integers[position] = wrap(Int64(saturating: reference(reals)), to: result)
      case (false, true): output.reals[position] = reference(integers.map(Double.init))
      case (false, false): output.integers[position] = wrap(reference(integers, source), to: result)
      }
    }
    return [output]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    let count = types.operands.count
    return .pointwise { context, index in
      [scalar((0..<count).map { context.broadcast($0, at: index) })]
    }
  }

  package func movingAxes(_ order: [Int], _ types: NodeTypes) -> MovedAxes? { MovedAxes(self, .all, order: order) }

  package static func sample(_ random: inout SampleSource) -> Sample { sampleElementwise(Self(), &random) }

  /// An instance with operands of one element type, the first of the result's shape.
  static func sampleElementwise(_ operation: Self, _ random: inout SampleSource) -> Sample {
    let dtype = random.dtype(DType.allCases.filter { domain.contains($0) && $0 != .i4 && $0 != .u4 })
    let shape = random.shape()
    let count = operands.last?.kind == .variadic ? random.int(1...4) : operands.count
    let types = (0..<count).map { index in
      TensorType(dtype, (index == 0 ? shape : random.broadcastable(to: shape)).map { Dim($0) })
    }
    return Sample(operation, types, ranges: Dictionary(uniqueKeysWithValues: types.indices.map { ($0, sampleRange) }))
  }
}
