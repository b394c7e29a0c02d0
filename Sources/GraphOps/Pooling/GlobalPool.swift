// SPDX-License-Identifier: Apache-2.0
// Pooling over whole images: each channel becomes one element.

import GraphIR
import KernelIR
import TensorCore

/// Pooling whose window is all spatial axes, which stay with size 1.
package protocol GlobalPoolOperation: Operation {
  var dataFormat: String { get set }
  /// The meaning on the elements of one channel.
  func reference(_ values: [Double]) -> Double
  func decompose(_ builder: inout GraphBuilder, _ x: ValueID?, axes: [Int]) throws(TypeError) -> ValueID
}

extension GlobalPoolOperation {
  package static var operands: [Slot] { [Slot("X")] }
  package static var results: [Slot] { [Slot("Y")] }
  package static var accuracy: Accuracy { .accumulation }
  package static func globalPoolAttributes() -> [Attribute<Self>] {
    [Attribute("data_format", \.dataFormat, "channels_first (N, C, spatial…) or channels_last (N, spatial…, C)")]
  }
  package static var attributes: [Attribute<Self>] { globalPoolAttributes() }

  private func spatial(_ x: TensorType) throws(TypeError) -> Range<Int> {
    guard DType.floats.contains(x.dtype) else { throw TypeError("'\(Self.name)' does not take \(x.dtype)", operand: 0) }
    guard x.rank >= 3 else {
      throw TypeError("'\(Self.name)' needs a spatial axis (rank 3 or more), found \(x)", operand: 0)
    }
    return try DataFormat(dataFormat, for: Self.name).spatial(rank: x.rank)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    let spatial = try spatial(x)
    return [TensorType(x.dtype, x.shape.indices.map { spatial.contains($0) ? 1 : x.shape[$0] })]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    let spatial = try spatial(x.type)
    var result = Reference(zeros: x.dtype, try inferTypes([x.type])[0].shape.compactMap(\.value))
    let strides = x.strides
    forEachIndex(result.shape) { place, index in
      let base = index.indices.reduce(0) { $0 + index[$1] * strides[$1] }
      var values: [Double] = []
      forEachIndex(Array(x.shape[spatial])) { _, inner in
        values.append(x.reals[base + inner.indices.reduce(0) { $0 + inner[$1] * strides[spatial.lowerBound + $1] }])
      }
      result.reals[place] = reference(values)
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let spatial = try? spatial(x) else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      [try decompose(&builder, operands[0], axes: Array(spatial))]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Self()
    if random.bool() { operation.dataFormat = DataFormat.channelsLast.rawValue }
    let shape = (0..<random.int(3...5)).map { _ in Dim(random.int(1...6)) }
    return Sample(operation, [TensorType(random.dtype([.f32, .f64]), shape)])
  }
}

package struct GlobalAveragePool: GlobalPoolOperation {
  package static let name = "GlobalAveragePool"
  package static let summary = "The mean of each channel over all spatial axes."
  package var dataFormat = DataFormat.channelsFirst.rawValue
  package init() {}

  package func reference(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
  package func decompose(
    _ builder: inout GraphBuilder, _ x: ValueID?, axes: [Int]
  ) throws(TypeError) -> ValueID { try builder.emit(ReduceMean(axes: axes), x) }
}

package struct GlobalMaxPool: GlobalPoolOperation {
  package static let name = "GlobalMaxPool"
  package static let summary = "The largest element of each channel over all spatial axes."
  package static let accuracy = Accuracy.exact
  package var dataFormat = DataFormat.channelsFirst.rawValue
  package init() {}

  package func reference(_ values: [Double]) -> Double { values.reduce(-.infinity) { $1 > $0 || $1.isNaN ? $1 : $0 } }
  package func decompose(
    _ builder: inout GraphBuilder, _ x: ValueID?, axes: [Int]
  ) throws(TypeError) -> ValueID { try builder.emit(ReduceMax(axes: axes), x) }
}
