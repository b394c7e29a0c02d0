// SPDX-License-Identifier: Apache-2.0
// Images read at coordinates that a grid names.

import GraphIR
import KernelIR
import TensorCore

/// NaN coordinates read as the first element's.
package struct GridSample: Operation {
  package static let name = "GridSample"
  package static let summary =
    "X [N, C, spatial…] at the grid's coordinates [N, out…, x y (z)], of which -1 and 1 are the edges."
  package static let operands = [Slot("X"), Slot("grid")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("mode", \.mode, "'linear' (or 'bilinear'), 'nearest' or 'cubic' (or 'bicubic')"),
      Attribute("padding_mode", \.paddingMode, "'zeros', 'border' or 'reflection'"),
      Attribute("align_corners", \.alignCorners, "whether -1 and 1 are the centres of the first and last element"),
    ]
  }
  package var mode = "linear"
  package var paddingMode = "zeros"
  package var alignCorners = false
  package init() {}

  private func sampler() throws(TypeError) -> Sampler {
    let plain = mode.hasPrefix("bi") ? String(mode.dropFirst(2)) : mode
    guard let mode = Sampler.Mode(rawValue: plain) else {
      throw TypeError("'mode' of 'GridSample' is '\(mode)'", note: "it is 'linear', 'nearest' or 'cubic'")
    }
    guard let border = Sampler.Border(rawValue: paddingMode) else {
      throw TypeError(
        "'padding_mode' of 'GridSample' is '\(paddingMode)'", note: "it is 'zeros', 'border' or 'reflection'")
    }
    return Sampler(mode: mode, border: border, mirrorsCentres: alignCorners)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], let grid = operands[1] else { throw TypeError("'GridSample' needs two operands") }
    _ = try sampler()
    guard x.dtype.isFloat, grid.dtype.isFloat else {
      throw TypeError("'GridSample' takes floats, found \(x) and \(grid)", operand: x.dtype.isFloat ? 1 : 0)
    }
    let count = x.rank - 2
    guard (1...3).contains(count), grid.rank == x.rank, grid.shape[grid.rank - 1] == Dim(count),
      grid.shape[0] == x.shape[0]
    else {
      throw TypeError("the grid of 'GridSample' is \(grid), expected [N, out…, \(count)] for \(x)", operand: 1)
    }
    if let axis = x.shape.dropFirst(2).firstIndex(of: 0) {
      throw TypeError("axis \(axis) of \(x) is empty: 'GridSample' has nothing to read", operand: 0)
    }
    return [TensorType(x.dtype, [x.shape[0], x.shape[1]] + grid.shape[1..<grid.rank - 1])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let grid = operands[1] else { throw TypeError("'GridSample' needs two operands") }
    let shape = try staticSizes(inferTypes([x.type, grid.type])[0].shape, for: Self.name)
    let sampler = try sampler()
    let sizes = Array(x.shape.dropFirst(2))
    let (area, points) = (sizes.reduce(1, *), shape.dropFirst(2).reduce(1, *))
    var result = Reference(zeros: x.dtype, shape)
    for position in 0..<result.count {
      let (image, point) = (position / points, position % points)
      let place = image / shape[1] * points + point
      // Grids name the last spatial axis first.
      let coordinates = sizes.indices.map { axis -> Double in
        let n = grid.reals[place * sizes.count + sizes.count - 1 - axis]
        let size = Double(sizes[axis])
        return alignCorners ? (n + 1) / 2 * (size - 1) : ((n + 1) * size - 1) / 2
      }
      result.reals[position] = sampler.reference(coordinates, sizes) { x.reals[image * area + $0] }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let grid = types.operands[1], let sampler = try? sampler() else { return .leaf }
    let sizes = Array(x.shape.dropFirst(2))
    let result = types.results[0]
    let points = result.shape.dropFirst(2).reduce(Dim(1), *)
    return .decompose { builder, operands throws(TypeError) in
      let data = try builder.reshaped(
        try builder.widened(operands[0]), [x.shape[0], x.shape[1], sizes.reduce(Dim(1), *)])
      let names = try builder.widened(operands[1])
      var coordinates: [ValueID] = []
      for axis in sizes.indices {
        let channel = Dim(sizes.count - 1 - axis)
        let part = try builder.slice(names, axis: grid.rank - 1, from: channel, to: channel + 1)
        let n = try builder.plus(try builder.reshaped(part, [x.shape[0], 1, points]), 1)
        let size = try builder.size(sizes[axis], builder.type(n).dtype)
        coordinates.append(
          alignCorners
            ? try builder.mul(try builder.scaled(n, by: 0.5), try builder.plus(size, -1))
            : try builder.scaled(try builder.plus(try builder.mul(n, size), -1), by: 0.5))
      }
      let value = try sampler.read(data, sizes: sizes, at: coordinates, &builder)
      return [try builder.narrowed(try builder.reshaped(value, result.shape), to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = GridSample()
    operation.mode = random.pick(["linear", "nearest", "cubic"])
    operation.paddingMode = random.pick(["zeros", "border", "reflection"])
    operation.alignCorners = random.bool()
    let count = random.int(1...3)
    let dtype = random.dtype([.f32, .f64])
    let batch = random.int(1...2)
    let x = [batch, random.int(1...2)] + (0..<count).map { _ in random.int(2...4) }
    let grid = [batch] + (0..<count).map { _ in random.int(1...3) } + [count]
    return Sample(
      operation, [TensorType(dtype, x.map { Dim($0) }), TensorType(dtype, grid.map { Dim($0) })],
      ranges: [1: -1.3...1.3])
  }
}
