// SPDX-License-Identifier: Apache-2.0
// A convolution's image from the products of Winograd's method. Not an operator of ONNX.

import GraphIR
import KernelIR
import TensorCore

package struct WinogradOutput: Operation {
  package static let name = "WinogradOutput"
  package static let summary =
    "Aᵀ p A of every tile p of [(tile + 2)², tiles, M]: the image [batch, height, width, M] of a 3 × 3 convolution."
  package static let operands = [Slot("P")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("tile", \.tile, "the side of the output tiles, 2 or 4"),
      Attribute("batch", \.batch, "images"),
      Attribute("height", \.height, "rows of an image"),
      Attribute("width", \.width, "columns of an image"),
    ]
  }
  package static let accuracy = Accuracy.accumulation
  package var tile = 2
  package var batch: Dim = 1
  package var height: Dim = 2
  package var width: Dim = 2
  package init() {}
  package init(tile: Int, batch: Dim, height: Dim, width: Dim) {
    self.tile = tile
    self.batch = batch
    self.height = height
    self.width = width
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let p = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    let transform = try winograd(tile, for: Self.name)
    let tiles = batch * transform.count(height) * transform.count(width)
    let expected = "[\(transform.products), \(tiles), M]"
    guard p.rank == 3, p.dtype == .f32 || p.dtype == .f64, p.shape[0] == Dim(transform.products), p.shape[1] == tiles
    else { throw TypeError("'\(Self.name)' takes f32 or f64 \(expected), found \(p)", operand: 0) }
    return [TensorType(p.dtype, [batch, height, width, p.shape[2]])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let p = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    let type = try inferTypes([p.type])[0]
    let transform = try winograd(tile, for: Self.name)
    let shape = try staticSizes(type.shape, for: Self.name)
    let (tiles, channels) = (p.shape[1], p.shape[2])
    let grid = [(shape[1] - 1) / tile + 1, (shape[2] - 1) / tile + 1]
    var result = Reference(zeros: type.dtype, shape)
    for place in 0..<tiles {
      let (image, row, column) = (place / (grid[0] * grid[1]), place / grid[1] % grid[0], place % grid[1])
      for channel in 0..<channels {
        let products = (0..<transform.products).map { p.reals[($0 * tiles + place) * channels + channel] }
        let values = WinogradTransform.sandwich(transform.output, products, columns: transform.side)
        for (number, value) in values.enumerated() {
          let (h, w) = (row * tile + number / tile, column * tile + number % tile)
          guard h < shape[1], w < shape[2] else { continue }
          result.reals[((image * shape[1] + h) * shape[2] + w) * channels + channel] = value
        }
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let p = types.operands[0], let transform = WinogradTransform(tile: tile) else { return .leaf }
    let result = types.results[0]
    return .loops(isElementwise: true) { context in
      context.tileCount = p.shape[1]
      let tile = Expr.axis(context.tileAxis)
      let channel = context.axis("c")
      let (rows, columns) = (context.size(transform.count(height)), context.size(transform.count(width)))
      let (tiles, channels) = (context.size(p.shape[1]), context.size(p.shape[2]))
      var statements: [Statement] = []
      var elements: [Expr] = []
      for number in 0..<transform.products {
        let local = context.local("p", p.dtype)
        let offset = (.int(number) * tiles + tile) * channels + .axis(channel)
        statements.append(.define(local, context.load(0, at: offset)))
        elements.append(.local(local))
      }
      let product = WinogradTransform.sandwich(transform.output, elements, columns: transform.side, &context)
      statements += product.statements
      let first = (
        row: Expr.mod(.floorDiv(tile, columns), rows) * .int(transform.tile),
        column: Expr.mod(tile, columns) * .int(transform.tile)
      )
      for (number, element) in product.elements.enumerated() {
        let index = [
          .floorDiv(tile, rows * columns), first.row + .int(number / transform.tile),
          first.column + .int(number % transform.tile), .axis(channel),
        ]
        // The last tiles may go beyond the image.
        var isInside: Expr?
        for axis in 1...2 where (result.shape[axis].value.map { $0 % transform.tile } ?? 1) != 0 {
          let fits = Expr.less(index[axis], context.size(result.shape[axis]))
          isInside = isInside.map { $0 && fits } ?? fits
        }
        statements += context.finish(at: index, element, where: isInside)
      }
      return [.loop(Loop(channel, channels, .vector(unroll: 1), statements))]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let transform = WinogradTransform(tile: random.pick(WinogradTransform.tiles))
    let operation = WinogradOutput(
      tile: transform?.tile ?? 2, batch: Dim(random.int(1...2)), height: Dim(random.int(1...9)),
      width: Dim(random.int(1...9)))
    let tiles = [operation.height, operation.width].compactMap { transform?.count($0) }.reduce(operation.batch, *)
    return Sample(
      operation, [TensorType(random.dtype([.f32, .f64]), [Dim(transform?.products ?? 16), tiles, Dim(random.size())])])
  }
}
