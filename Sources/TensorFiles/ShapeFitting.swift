// SPDX-License-Identifier: Apache-2.0
// Giving rows and samples, which have no axes of their own, the axes a model expects.

import GraphSupport
import TensorCore

enum ShapeFitting {
  /// Rows `[rows, columns]` as the expected shape: a row is one element of the first axis (`[360, 64]` fits
  /// `[N, 8, 8, 1]`), and a single row or column may also be the whole tensor. Anything else is an error.
  static func rows(
    _ tensor: Tensor, to expected: TensorType?, _ table: CSVTable
  ) throws(DiagnosticsError) -> Tensor {
    guard let expected else { return tensor }
    let (rows, columns) = (tensor.shape[0], tensor.shape[1])
    if let first = expected.shape.first, first.value ?? rows == rows {
      let rest = expected.shape.dropFirst().compactMap(\.value)
      if rest.count == expected.rank - 1, Tensor.count(of: rest) == columns, let fit = tensor.reshaped([rows] + rest) {
        return fit
      }
    }
    if rows == 1 || columns == 1, let fit = whole(tensor, expected) { return fit }
    if expected.rank == 2, fits(tensor.shape, expected) { return tensor }
    var message = "\(quoted(table.path)) has \(rows) rows of \(columns) numbers, expected \(expected)"
    if let last = table.columns.last, let first = table.columns.first, table.columns.count > 1 {
      message += "; choose columns as 'PATH:\(first.name)..\(last.name)'"
    }
    throw DiagnosticsError("tensor-mismatch", message, file: table.path)
  }

  /// With axes of size 1 before or behind the tensor's own, where that is what is expected; else as it is.
  static func withUnitAxes(_ tensor: Tensor, _ expected: TensorType?) -> Tensor {
    guard let expected, expected.rank > tensor.shape.count, expected.rank <= tensor.shape.count + 2 else {
      return tensor
    }
    let extra = expected.rank - tensor.shape.count
    for before in (0...extra).reversed() {
      let ones = { [Int](repeating: 1, count: $0) }
      let shape = ones(before) + tensor.shape + ones(extra - before)
      if fits(shape, expected), let fit = tensor.reshaped(shape) { return fit }
    }
    return tensor
  }

  /// The elements as the expected shape when at most one axis is open and it comes out even; nil otherwise.
  static func whole(_ tensor: Tensor, _ expected: TensorType) -> Tensor? {
    var shape = expected.shape.map { $0.value ?? 1 }
    let open = expected.shape.indices.filter { !expected.shape[$0].isConstant }
    guard let fixed = Tensor.count(of: shape) else { return nil }
    if fixed == tensor.count { return tensor.reshaped(shape) }
    guard open.count == 1, fixed > 0, tensor.count % fixed == 0 else { return nil }
    shape[open[0]] = tensor.count / fixed
    return tensor.reshaped(shape)
  }

  /// Whether every expected number is there.
  static func fits(_ shape: [Int], _ expected: TensorType) -> Bool {
    shape.count == expected.rank && zip(shape, expected.shape).allSatisfy { $1.value ?? $0 == $0 }
  }
}
