// SPDX-License-Identifier: Apache-2.0
// The indices of the elements that are not zero.

import GraphIR
import KernelIR
import TensorCore

package struct NonZero: RuntimeSized {
  package static let name = "NonZero"
  package static let summary = "The indices of the elements that are not zero, one column each, in row-major order."
  package static let operands = [Slot("X")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("count", \.count, "the run-time size that their number is")]
  }
  package var count: Dim?
  package init() {}
  package init(count: Dim) { self.count = count }

  package func countBound(_ operands: [TensorType?]) -> Dim? { operands.first.flatMap { $0 }?.elementCount }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'NonZero' needs an operand") }
    return [TensorType(.i64, [Dim(type.rank), try runtimeCount(count, for: Self.name)])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'NonZero' needs an operand") }
    var columns: [[Int]] = []
    forEachIndex(x.shape) { position, index in
      if x.dtype.isFloat ? x.reals[position] != 0 : x.integers[position] != 0 { columns.append(index) }
    }
    let rows = x.shape.indices.flatMap { axis in columns.map { Int64($0[axis]) } }
    return [Reference(.i64, [x.shape.count, columns.count], integers: rows)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { (builder, operands) throws(TypeError) in
      guard let x = operands[0] else { throw TypeError("'NonZero' needs an operand") }
      let type = builder.type(x)
      let size = try runtimeCount(count, for: Self.name)
      let mask = try builder.emit(Cast(to: .bool), x)
      let found = try builder.emitAny(TruePositions(), [mask])
      let positions = try builder.prefixes([found[0]], of: found[1], size)[0]
      if type.rank == 0 { return [try builder.emit(ConstantOfShape([0, size], 0, .i64))] }
      var rows: [ValueID] = []
      for axis in type.shape.indices {
        let stride = type.shape[(axis + 1)...].reduce(Dim(1), *)
        let whole = try builder.emit(Div(), positions, try builder.emit(Dimension(Dim.larger(1, stride), .i64)))
        let index = try builder.emit(Mod(), whole, try builder.emit(Dimension(Dim.larger(1, type.shape[axis]), .i64)))
        rows.append(try builder.emit(Reshape(exactly: [1, size]), index))
      }
      return rows.count == 1 ? rows : [try builder.emitAny(Concat(axis: 0), rows)[0]]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  /// Random values are never zero, so that the number is known.
  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(maxRank: 3)
    return Sample(
      NonZero(count: Dim(shape.reduce(1, *))), [TensorType(.f32, shape.map { Dim($0) })], ranges: [0: 1...2])
  }
}
