// SPDX-License-Identifier: Apache-2.0
// What operators share that pick elements by index.

import GraphIR
import TensorCore

/// Indices are i32 or i64.
func checkIndices(_ type: TensorType, operand: Int = 1, for name: String) throws(TypeError) {
  guard type.dtype == .i32 || type.dtype == .i64 else {
    throw TypeError("the indices of '\(name)' must be i32 or i64, found \(type.dtype)", operand: operand)
  }
}

/// An empty axis has nothing that an index could name.
func checkNotEmpty(
  _ size: Dim, axis: Int, of type: TensorType, indices: TensorType, for name: String
) throws(TypeError) {
  if size == 0 && indices.elementCount != 0 {
    throw TypeError("axis \(axis) of \(type) is empty: '\(name)' cannot pick from it", operand: 0)
  }
}

/// Element indices lie beside the data on every other axis.
func checkCovered(
  _ indices: TensorType, by data: TensorType, axis: Int, for name: String
) throws(TypeError) {
  guard indices.rank == data.rank else {
    throw TypeError("the indices \(indices) of '\(name)' must have the rank of the data \(data)", operand: 1)
  }
  for other in data.shape.indices where other != axis {
    guard Dim.isKnown(indices.shape[other], atMost: data.shape[other]) else {
      throw TypeError(
        "axis \(other) of the indices of '\(name)' has \(indices.shape[other]) entries, the data only "
          + "\(data.shape[other])", operand: 1)
    }
  }
}
