// SPDX-License-Identifier: Apache-2.0
// Convolution (cross-correlation) over one, two or three spatial axes.

import GraphIR
import KernelIR
import TensorCore

package struct Conv: WindowOperation {
  package static let name = "Conv"
  package static let summary =
    "Convolution: each output is the sum over a window of input times weights, plus a bias. Weights are "
    + "[M, C/group, spatial…] with channels_first and [spatial…, C/group, M] with channels_last."
  package static let operands = [Slot("X"), Slot("W"), Slot("B", .optional)]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    windowAttributes(except: ["ceil_mode"]) + [Attribute("group", \.group, "groups that channels are divided into")]
  }
  package static let accuracy = Accuracy.accumulation

  package var windowOptions = WindowOptions()
  package var group = 1
  package init() {}

  /// The parts of a convolution's types.
  struct Geometry {
    var format: DataFormat
    var batch: Dim
    /// Of the input and of the output.
    var channels: Dim
    var filters: Dim
    var window: [WindowAxis]
    /// Channels of one group.
    var groupChannels: Dim { Dim.floorDiv(channels, Dim(group)) }
    var groupFilters: Dim { Dim.floorDiv(filters, Dim(group)) }
    var group: Int
    var output: [Dim] { format.shape(batch, filters, window.map(\.output)) }
    var isPadded: Bool { window.contains { $0.before != 0 || $0.after != 0 } }
  }

  func geometry(_ x: TensorType, _ w: TensorType) throws(TypeError) -> Geometry {
    let format = try format()
    guard (3...5).contains(x.rank) else {
      throw TypeError("'\(Self.name)' takes 1 to 3 spatial axes (rank 3 to 5), found \(x)", operand: 0)
    }
    guard w.rank == x.rank else {
      throw TypeError("the weights of '\(Self.name)' are \(w), expected rank \(x.rank) as the input \(x)", operand: 1)
    }
    let spatial = format.spatial(rank: x.rank)
    let isLast = format == .channelsLast
    let kernel = w.shape[isLast ? 0..<w.rank - 2 : 2..<w.rank]
    let sizes = kernel.compactMap(\.value)
    guard sizes.count == kernel.count else {
      throw TypeError("the window sizes of the weights \(w) of '\(Self.name)' must be numbers", operand: 1)
    }
    guard kernelShape.isEmpty || kernelShape == sizes else {
      throw TypeError("'kernel_shape' of '\(Self.name)' is \(kernelShape), the weights are \(w)", operand: 1)
    }
    guard sizes.allSatisfy({ $0 > 0 }) else { throw TypeError("the weights \(w) have an empty window", operand: 1) }
    let channels = x.shape[format.channel(rank: x.rank)]
    let filters = w.shape[isLast ? w.rank - 1 : 0]
    let depth = w.shape[isLast ? w.rank - 2 : 1]
    guard group > 0, depth * Dim(group) == channels else {
      throw TypeError(
        "'\(Self.name)' has \(channels) input channels in \(group) group\(group == 1 ? "" : "s"), its weights \(w) "
          + "have \(depth) for each group", operand: 1)
    }
    guard let groupFilters = filters.dividedExactly(by: Dim(group)), groupFilters * Dim(group) == filters else {
      throw TypeError("'\(Self.name)' has \(filters) filters, which \(group) groups do not divide", operand: 1)
    }
    return Geometry(
      format: format, batch: x.shape[0], channels: channels, filters: filters,
      window: try window(Array(x.shape[spatial]), kernel: sizes), group: group)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let w = operands[1] else { throw TypeError("'Conv' needs an input and weights") }
    guard DType.floats.contains(x.dtype) || x.dtype == .i32 else {
      throw TypeError("'Conv' does not take \(x.dtype)", operand: 0)
    }
    guard x.dtype == w.dtype else {
      throw TypeError("'Conv' needs operands of one element type, found \(x.dtype) and \(w.dtype)", operand: 1)
    }
    let geometry = try geometry(x, w)
    if operands.count > 2, let b = operands[2], b != TensorType(x.dtype, [geometry.filters]) {
      throw TypeError("the bias of 'Conv' is \(b), expected \(TensorType(x.dtype, [geometry.filters]))", operand: 2)
    }
    return [TensorType(x.dtype, geometry.output)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let w = operands[1] else { throw TypeError("'Conv' needs an input and weights") }
    let bias = operands.count > 2 ? operands[2] : nil
    _ = try inferTypes([x.type, w.type, bias?.type])
    let geometry = try geometry(x.type, w.type)
    guard let window = BoundWindow(geometry.window) else { throw TypeError("'Conv' has unknown sizes") }
    let rank = x.shape.count
    guard geometry.format == .channelsFirst else {
      return [Conv.convolve(x, w, bias, window, group: group)]
    }
    let result = Conv.convolve(
      x.permuted(DataFormat.toLast(rank: rank)), w.permuted(Array(2..<rank) + [1, 0]), bias, window, group: group)
    return [result.permuted(DataFormat.toFirst(rank: rank))]
  }

  /// The definition over `[N, spatial…, C]` and `[window…, C/group, M]`.
  private static func convolve(
    _ x: Reference, _ w: Reference, _ bias: Reference?, _ window: BoundWindow, group: Int
  ) -> Reference {
    let channels = x.shape[x.shape.count - 1]
    let filters = w.shape[w.shape.count - 1]
    let (depth, width) = (channels / group, filters / group)
    let batch = x.shape[0]
    let area = window.input.reduce(1, *)
    let outputArea = window.output.reduce(1, *)
    var result = Reference(zeros: x.dtype, [x.shape[0]] + window.output + [filters])
    /// Adds the products of `depth` channels and `width` filters of every group.
    func accumulate<Number>(
      _ x: [Number], _ w: [Number], _ y: inout [Number], _ add: (inout Number, Number, Number) -> Void
    ) {
      x.withUnsafeBufferPointer { x in
        w.withUnsafeBufferPointer { w in
          y.withUnsafeMutableBufferPointer { y in
            forEachIndex(window.output) { place, o in
              forEachIndex(window.kernel) { tap, k in
                guard let source = window.position(o, k) else { return }
                for n in 0..<batch {
                  let from = (n * area + source) * channels
                  let to = (n * outputArea + place) * filters
                  for g in 0..<group {
                    for c in 0..<depth {
                      let value = x[from + g * depth + c]
                      let row = (tap * depth + c) * filters + g * width
                      for m in 0..<width { add(&y[to + g * width + m], value, w[row + m]) }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    if x.dtype.isFloat {
      accumulate(x.reals, w.reals, &result.reals) { $0 += $1 * $2 }
      if let bias { for index in result.reals.indices { result.reals[index] += bias.reals[index % filters] } }
    } else {
      accumulate(x.integers, w.integers, &result.integers) { $0 &+= $1 &* $2 }
      for index in result.integers.indices {
        result.integers[index] = wrap(result.integers[index] &+ (bias?.integers[index % filters] ?? 0), to: x.dtype)
      }
    }
    return result
  }
}
