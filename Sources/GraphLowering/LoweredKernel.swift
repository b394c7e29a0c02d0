// SPDX-License-Identifier: Apache-2.0
// What each kind of region becomes: a kernel and what it is called with.

import GraphIR
import GraphOps
import KernelIR
import TensorCore

/// A kernel and the call of it that computes one region.
struct LoweredKernel {
  var kernel: Kernel
  var arguments: [Argument]
  /// The run-time sizes, in order.
  var sizes: [Dim]
  var tiles: Dim
  /// Of a kernel with a register tile, what that is chosen by.
  var contraction: ContractionShape?
}

extension KernelScope {
  func lowered(name: String, tileAxis: Axis, tiles: Dim, body: [Statement]) -> LoweredKernel {
    let tileCount = size(tiles)
    let kernel = finish(name: name, tileAxis: tileAxis, tiles: tileCount, body: body)
    return LoweredKernel(
      kernel: kernel, arguments: arguments, sizes: sizeNames.map { Dim(symbol: $0) }, tiles: tiles)
  }

  /// Stores an element of a result at its index, unless the condition is false.
  func store(_ value: ValueID, at index: [Expr], _ element: Expr, where condition: Expr? = nil) -> Statement {
    let dtype = context.graph.type(value).dtype
    let (number, offset) = self.element(of: value, at: index, .write)
    return .store(
      buffer: number, offset: offset, value: element.unrounded(for: dtype).cast(to: dtype.computeType),
      guard: condition)
  }
}

/// A loop nest over an index space, whose outer part is split into tiles.
struct IndexSpace {
  var axes: [(axis: Axis, extent: Dim)]

  /// The index of a tensor shape over fresh axes; axes of size 1 get no loop.
  static func over(_ shape: [Dim], _ scope: KernelScope) -> (space: IndexSpace, index: [Expr]) {
    var axes: [(axis: Axis, extent: Dim)] = []
    let index = shape.enumerated().map { number, extent -> Expr in
      if extent == 1 { return .int(0) }
      let axis = scope.axis("i\(number)")
      axes.append((axis, extent))
      return .axis(axis)
    }
    return (IndexSpace(axes: axes), index)
  }
}
