// SPDX-License-Identifier: Apache-2.0
// What a convolution by Winograd's method multiplies. Not an operator of ONNX.

import GraphIR
import KernelIR
import TensorCore

package struct WinogradInput: Operation {
  package static let name = "WinogradInput"
  package static let summary =
    "Bᵀ d B of every tile d of an image [N, H, W, C] that a 3 × 3 convolution of output tiles of tile × tile sees: "
    + "[(tile + 2)², tiles, C]."
  package static let operands = [Slot("X")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("tile", \.tile, "the side of the output tiles, 2 or 4"),
      Attribute("pads", \.pads, "zeros around the image: before H and W, then after them"),
    ]
  }
  package static let accuracy = Accuracy.accumulation
  package var tile = 2
  package var pads = [0, 0, 0, 0]
  package init() {}
  package init(tile: Int, pads: [Int]) {
    self.tile = tile
    self.pads = pads
  }

  /// Rows and columns of the convolution's output, and of its tiles.
  private func grid(_ x: TensorType, _ transform: WinogradTransform) throws(TypeError) -> (rows: Dim, columns: Dim) {
    guard x.rank == 4, x.dtype == .f32 || x.dtype == .f64 else {
      throw TypeError("'\(Self.name)' takes images [N, H, W, C] of f32 or f64, found \(x)", operand: 0)
    }
    guard pads.count == 4, pads.allSatisfy({ (0...1 << 20).contains($0) }) else {
      throw TypeError("'pads' of '\(Self.name)' is \(pads)", note: "it has four numbers that are not negative")
    }
    let sizes = (0..<2).map { x.shape[1 + $0] + Dim(pads[$0] + pads[2 + $0] - 2) }
    if sizes.contains(where: { ($0.value ?? 1) < 1 }) {
      throw TypeError("the image \(x) of '\(Self.name)' is smaller than the window of 3 × 3", operand: 0)
    }
    return (transform.count(sizes[0]), transform.count(sizes[1]))
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    let transform = try winograd(tile, for: Self.name)
    let grid = try grid(x, transform)
    return [TensorType(x.dtype, [Dim(transform.products), x.shape[0] * grid.rows * grid.columns, x.shape[3]])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'\(Self.name)' needs an operand") }
    let type = try inferTypes([x.type])[0]
    let transform = try winograd(tile, for: Self.name)
    let shape = try staticSizes(type.shape, for: Self.name)
    let grid = try staticSizes([grid(x.type, transform).rows, grid(x.type, transform).columns], for: Self.name)
    let (height, width, channels, side) = (x.shape[1], x.shape[2], x.shape[3], transform.side)
    var result = Reference(zeros: type.dtype, shape)
    for place in 0..<shape[1] {
      let (image, row, column) = (place / (grid[0] * grid[1]), place / grid[1] % grid[0], place % grid[1])
      for channel in 0..<channels {
        var d = [Double](repeating: 0, count: transform.products)
        for number in d.indices {
          let (h, w) = (row * tile + number / side - pads[0], column * tile + number % side - pads[1])
          guard (0..<height).contains(h), (0..<width).contains(w) else { continue }
          d[number] = x.reals[((image * height + h) * width + w) * channels + channel]
        }
        for (number, value) in WinogradTransform.sandwich(transform.input, d, columns: side).enumerated() {
          result.reals[(number * shape[1] + place) * channels + channel] = value
        }
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let transform = WinogradTransform(tile: tile),
      let grid = try? grid(x, transform)
    else { return .leaf }
    let (count, side) = (types.results[0].shape[1], transform.side)
    return .loops { context in
      context.tileCount = count
      let tile = Expr.axis(context.tileAxis)
      let channel = context.axis("c")
      let (rows, columns) = (context.size(grid.rows), context.size(grid.columns))
      let (height, width, channels) = (context.size(x.shape[1]), context.size(x.shape[2]), context.size(x.shape[3]))
      let image = Expr.floorDiv(tile, rows * columns)
      let first = (
        row: Expr.mod(.floorDiv(tile, columns), rows) * .int(transform.tile) - .int(pads[0]),
        column: Expr.mod(tile, columns) * .int(transform.tile) - .int(pads[1])
      )
      func isInside(_ place: Expr, _ size: Expr) -> Expr { .binary(.ge, place, .int(0)) && .less(place, size) }
      var statements: [Statement] = []
      var elements: [Expr] = []
      for number in 0..<transform.products {
        let (row, column) = (first.row + .int(number / side), first.column + .int(number % side))
        let isInside = isInside(row, height) && isInside(column, width)
        let offset = ((image * height + row) * width + column) * channels + .axis(channel)
        let local = context.local("d", x.dtype)
        let value = Expr.select(
          isInside, context.load(0, at: offset, where: isInside), .constant(0, x.dtype))
        statements.append(.define(local, value))
        elements.append(.local(local))
      }
      let product = WinogradTransform.sandwich(transform.input, elements, columns: side, &context)
      statements += product.statements
      for (number, element) in product.elements.enumerated() {
        let offset = (.int(number) * context.size(count) + tile) * channels + .axis(channel)
        statements.append(context.store(0, at: offset, element))
      }
      return [.loop(Loop(channel, channels, .vector(unroll: 1), statements))]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let pads = (0..<4).map { _ in random.int(0...2) }
    let shape = [random.int(1...2), random.int(3...11), random.int(3...11), random.size()]
    return Sample(
      WinogradInput(tile: random.pick(WinogradTransform.tiles), pads: pads),
      [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }
}
