// SPDX-License-Identifier: Apache-2.0
// Convolutions with windows of 3 × 3 by fewer multiplications, where that is asked for.

import GraphIR
import GraphOps
import TensorCore

/// How large the tiles of Winograd's method may be; see ``WinogradTransform``.
package enum WinogradLimit: String, CaseIterable, Sendable {
  /// Every product is made.
  case off
  case two = "2"
  case four = "4"

  package var tile: Int? { Int(rawValue) }
}

extension GraphPass {
  ///     %y = Conv(Pad(%x), %w)  →   %y = WinogradOutput(MatMul(WinogradInput(%x), U))
  ///
  /// U are the transformed windows, made here. Only for f32 convolutions of one group, stride 1 and dilation 1, whose
  /// weights and sizes are known, and where fewer multiplications outweigh what the transformations cost.
  ///
  /// - Parameter largest: The largest side of output tiles.
  package static func winograd(largest: Int) -> GraphPass {
    GraphPass("winograd") { graph, context in
      try GraphPass.rebuild(graph) { graph, node, operands, builder in
        guard let conv = node.operation as? Conv, operands.count == 2, let x = operands[0], let w = operands[1],
          let plan = WinogradPlan(conv, x, w, largest: largest, builder.graph),
          context.mayRewrite("Winograd's method for Conv")
        else { return nil }
        let tile = plan.transform.tile
        let tiles = try builder.emit(WinogradInput(tile: tile, pads: plan.pads), plan.image)
        let products = try builder.emit(MatMul(), tiles, try builder.constant(try plan.windows()))
        let output = graph.type(node.results[0]).shape
        return [
          try builder.emit(
            WinogradOutput(tile: tile, batch: output[0], height: output[1], width: output[2]), products)
        ]
      }
    }
  }
}

/// How one convolution is computed.
private struct WinogradPlan {
  let transform: WinogradTransform
  /// The image before its border of zeros, and that border.
  let image: ValueID
  let pads: [Int]
  private let weights: StridedConstant
  private let channels: Int
  private let filters: Int

  /// Nil where the method does not apply or does not pay.
  init?(_ conv: Conv, _ x: ValueID, _ w: ValueID, largest: Int, _ graph: Graph) {
    let type = graph.type(x)
    guard conv.dataFormat == DataFormat.channelsLast.rawValue, conv.group == 1, type.rank == 4, type.dtype == .f32,
      conv.pads.allSatisfy({ $0 == 0 }), ["NOTSET", "VALID"].contains(conv.autoPad),
      (conv.strides + conv.dilations).allSatisfy({ $0 == 1 }),
      let weights = StridedConstant(w, graph), weights.shape.count == 4, weights.shape[0] == 3, weights.shape[1] == 3,
      let height = type.shape[1].value, let width = type.shape[2].value, height >= 3, width >= 3
    else { return nil }
    self.weights = weights
    (channels, filters) = (weights.shape[2], weights.shape[3])
    let sizes = (
      images: Double(type.shape[0].value ?? 1), outputs: (height: height - 2, width: width - 2),
      channels: Double(weights.shape[2]), filters: Double(weights.shape[3])
    )
    /// Multiplications, and what else takes time as so many multiplications: reading weights once, and the elements of
    /// both transformations.
    func cost(products: Int, places: Double, transformed: Double) -> Double {
      let (channels, filters) = (sizes.channels, sizes.filters)
      return Double(products) * (channels * filters * (places + 9) + transformed * (channels + filters))
    }
    let area = sizes.images * Double(sizes.outputs.height * sizes.outputs.width)
    var best = cost(products: 9, places: area, transformed: 0)
    var chosen: WinogradTransform?
    for transform in WinogradTransform.tiles.filter({ $0 <= largest }).compactMap(WinogradTransform.init(tile:)) {
      func tiles(_ size: Int) -> Int { (size + transform.tile - 1) / transform.tile }
      let places = sizes.images * Double(tiles(sizes.outputs.height) * tiles(sizes.outputs.width))
      let next = cost(products: transform.products, places: places, transformed: 10 * places)
      if next < best { (best, chosen) = (next, transform) }
    }
    guard let chosen else { return nil }
    transform = chosen
    if let (image, pads) = Self.unpadded(x, graph) {
      (self.image, self.pads) = (image, pads)
    } else {
      (image, pads) = (x, [0, 0, 0, 0])
    }
  }

  /// What a border of zeros is put around, when a value is that.
  private static func unpadded(_ x: ValueID, _ graph: Graph) -> (image: ValueID, pads: [Int])? {
    guard let node = graph.producer(x), let pad = node.operation as? Pad, pad.mode == PadMode.constant.rawValue,
      pad.value == 0, node.operands.count == 1, let image = node.operands[0],
      let borders = try? pad.borders(of: graph.type(image).shape), borders.count == 4
    else { return nil }
    let before = borders.map(\.before.value)
    let after = borders.map(\.after.value)
    guard borders.allSatisfy({ $0.crop == 0 && $0.kept == $0.whole }), before[0] == 0, before[3] == 0, after[0] == 0,
      after[3] == 0, let top = before[1], let left = before[2], let bottom = after[1], let right = after[2]
    else { return nil }
    return (image, [top, left, bottom, right])
  }

  /// G g Gᵀ of every channel's and filter's window: [products, channels, filters].
  func windows() throws(TypeError) -> Tensor {
    guard let result = Tensor(zeros: .f32, [transform.products, channels, filters]) else {
      throw TypeError("out of memory")
    }
    let target = result.mutableBytes
    let matrix = transform.windowMatrix
    var line = [Double](repeating: 0, count: filters)
    weights.withBytes { bytes, strides in
      for channel in 0..<channels {
        for (number, row) in matrix.enumerated() {
          for filter in line.indices { line[filter] = 0 }
          for (tap, factor) in row.enumerated() where factor != 0 {
            let first = tap / 3 * strides[0] + tap % 3 * strides[1] + channel * strides[2]
            for filter in line.indices {
              let offset = (first + filter * strides[3]) * 4
              line[filter] += factor * Double(bytes.loadUnaligned(fromByteOffset: offset, as: Float.self))
            }
          }
          let place = (number * channels + channel) * filters
          for filter in line.indices {
            target.storeBytes(of: Float(line[filter]), toByteOffset: (place + filter) * 4, as: Float.self)
          }
        }
      }
    }
    return result
  }
}

/// A constant of f32, or one with its axes in another order.
private struct StridedConstant {
  private let tensor: Tensor
  let shape: [Int]
  private let strides: [Int]

  init?(_ value: ValueID, _ graph: Graph) {
    guard let node = graph.producer(value) else { return nil }
    if let constant = node.operation as? Constant, constant.value.tensor.dtype == .f32 {
      let sizes = constant.value.tensor.shape
      (tensor, shape) = (constant.value.tensor, sizes)
      strides = sizes.indices.map { sizes[($0 + 1)...].reduce(1, *) }
    } else if let transpose = node.operation as? Transpose, let source = node.operands[0],
      let inner = StridedConstant(source, graph), let order = try? transpose.permutation(rank: inner.shape.count)
    {
      tensor = inner.tensor
      shape = order.map { inner.shape[$0] }
      strides = order.map { inner.strides[$0] }
    } else {
      return nil
    }
  }

  /// Gives the bytes and the distance of neighbours along each axis, in elements.
  func withBytes(_ body: (_ bytes: UnsafeRawBufferPointer, _ strides: [Int]) -> Void) {
    tensor.withBytes { body($0, strides) }
  }
}
