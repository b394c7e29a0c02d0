// SPDX-License-Identifier: Apache-2.0
// The projections into heads and back that attention layers share.

import GraphIR
import GraphOps
import TensorCore

/// Sums over the width with a kernel [width, heads, size], and back with one [heads, size, outputs…].
struct Projection {
  var heads: Int
  var useBias: Bool
  var kernel: WeightOptions
  var bias: WeightOptions

  /// [N, …, width] as [N, …, heads, size].
  func split(_ context: inout LayerContext, _ x: ValueID, _ size: Int, _ name: String) throws(TypeError) -> ValueID {
    let type = context.type(x)
    let width = type.shape[type.rank - 1]
    let kernel = try context.parameter(
      "\(name)/kernel", [width, Dim(heads), Dim(size)], kernel, dtype: type.dtype)
    // One matrix product: the heads side by side.
    let columns = Dim(heads) * Dim(size)
    let matrix = try context.emit(Reshape(exactly: [width, columns]), kernel)
    var y = try context.emit(MatMul(), x, matrix)
    if useBias {
      let bias = try context.parameter("\(name)/bias", [Dim(heads), Dim(size)], bias, dtype: type.dtype)
      y = try context.emit(Add(), y, try context.emit(Reshape(exactly: [columns]), bias))
    }
    return try context.emit(Reshape(exactly: type.shape.dropLast() + [Dim(heads), Dim(size)]), y)
  }

  /// [N, …, heads, size] as [N, …, outputs…].
  func joined(
    _ context: inout LayerContext, _ x: ValueID, _ outputs: [Int], _ name: String
  ) throws(TypeError) -> ValueID {
    let type = context.type(x)
    let size = type.shape[type.rank - 1]
    let outer = outputs.map { Dim($0) }
    guard !outer.isEmpty, outputs.allSatisfy({ $0 > 0 }) else {
      throw TypeError("'output_shape' must hold positive sizes, found \(outputs)")
    }
    let kernel = try context.parameter("\(name)/kernel", [Dim(heads), size] + outer, kernel, dtype: type.dtype)
    let columns = outer.reduce(1, *)
    let rows = Dim(heads) * size
    let matrix = try context.emit(Reshape(exactly: [rows, columns]), kernel)
    let free = Array(type.shape.dropLast(2))
    var y = try context.emit(MatMul(), try context.emit(Reshape(exactly: free + [rows]), x), matrix)
    if useBias {
      let bias = try context.parameter("\(name)/bias", outer, bias, dtype: type.dtype)
      y = try context.emit(Add(), y, try context.emit(Reshape(exactly: [columns]), bias))
    }
    return outer.count == 1 ? y : try context.emit(Reshape(exactly: free + outer), y)
  }
}

/// Letters of attention over [N, …, heads, size] along some axes.
struct AttentionEquation {
  /// query, key → [N, unattended…, heads, queries…, keys…]
  let scores: String
  /// weights, value → [N, …, heads, size]
  let combined: String

  /// - Parameters:
  ///   - rank: of the input with its width, so that projected ones have one axis more.
  ///   - axes: between batch and width.
  init(rank: Int, axes: [Int]) {
    let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".map(String.init)
    func letter(_ place: Int) -> String { letters[min(place, letters.count - 1)] }
    let query = (0...rank).map { letter($0) }
    let key = (0...rank).map { axes.contains($0) ? letter(rank + 1 + $0) : letter($0) }
    let free = (0..<rank).filter { !axes.contains($0) }.map { letter($0) }
    let product = free.joined() + axes.map { query[$0] }.joined() + axes.map { key[$0] }.joined()
    // The width of value differs from that of query and key.
    scores = "\(query.joined()),\(key.joined())->\(product)"
    combined = "\(product),\(key.joined())->\(query.joined())"
  }
}
