// SPDX-License-Identifier: Apache-2.0
// Convolutions whose windows are bent by offsets.

import GraphIR
import KernelIR
import TensorCore

package struct DeformConv: WindowOperation {
  package static let name = "DeformConv"
  package static let summary =
    "Convolution of X [N, C, H, W] whose window elements are read at offsets (linear between elements, 0 outside), "
    + "times a mask."
  package static let operands = [
    Slot("X"), Slot("W"), Slot("offset"), Slot("B", .optional), Slot("mask", .optional),
  ]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    windowAttributes(except: ["auto_pad", "data_format", "ceil_mode"]) + [
      Attribute("group", \.group, "groups that channels are divided into"),
      Attribute("offset_group", \.offsetGroup, "groups of channels that share offsets"),
    ]
  }
  package var windowOptions = WindowOptions()
  package var group = 1
  package var offsetGroup = 1
  package init() {}

  private func geometry(_ operands: [TensorType?]) throws(TypeError) -> Conv.Geometry {
    guard let x = operands[0], let w = operands[1], let offset = operands[2] else {
      throw TypeError("'DeformConv' needs an input, weights and offsets")
    }
    guard x.rank == 4, x.dtype.isFloat, w.dtype == x.dtype, offset.dtype == x.dtype else {
      throw TypeError("'DeformConv' takes float images [N, C, H, W], found \(x), \(w) and \(offset)", operand: 0)
    }
    var conv = Conv()
    conv.windowOptions = windowOptions
    conv.group = group
    let geometry = try conv.geometry(x, w)
    guard geometry.filters != 0, geometry.channels != 0 else {
      throw TypeError("the weights \(w) of 'DeformConv' are empty", operand: 1)
    }
    guard offsetGroup > 0, geometry.channels.dividedExactly(by: Dim(offsetGroup)) != nil else {
      throw TypeError("\(offsetGroup) offset groups do not divide the channels of \(x)", operand: 0)
    }
    let taps = geometry.window.reduce(Dim(offsetGroup)) { $0 * Dim($1.kernel) }
    let output = geometry.window.map(\.output)
    let wanted = TensorType(x.dtype, [x.shape[0], 2 * taps] + output)
    guard offset == wanted else {
      throw TypeError("the offsets of 'DeformConv' are \(offset), expected \(wanted)", operand: 2)
    }
    if let bias = optional(operands, 3), bias != TensorType(x.dtype, [geometry.filters]) {
      throw TypeError("the bias of 'DeformConv' is \(bias), expected [\(geometry.filters)]", operand: 3)
    }
    let maskType = TensorType(x.dtype, [x.shape[0], taps] + output)
    if let mask = optional(operands, 4), mask != maskType {
      throw TypeError("the mask of 'DeformConv' is \(mask), expected \(maskType)", operand: 4)
    }
    return geometry
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    [TensorType(operands[0]?.dtype ?? .f32, try geometry(operands).output)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let w = operands[1], let offset = operands[2] else {
      throw TypeError("'DeformConv' needs three operands")
    }
    let geometry = try geometry(operands.map { $0?.type })
    guard let window = BoundWindow(geometry.window) else { throw TypeError("'DeformConv' has unknown sizes") }
    let (bias, mask) = (optional(operands, 3), optional(operands, 4))
    let (channels, filters) = (x.shape[1], w.shape[0])
    let taps = window.kernel.reduce(1, *)
    let (area, points) = (window.input.reduce(1, *), window.output.reduce(1, *))
    let sampler = Sampler(mode: .linear, border: .zeros)
    let shape = [x.shape[0], filters] + window.output
    var result = Reference(zeros: x.dtype, shape)
    let (depth, width) = (channels / group, filters / group)
    for n in 0..<x.shape[0] {
      forEachIndex(window.output) { point, o in
        for c in 0..<channels {
          let block = n * offsetGroup + c / (channels / offsetGroup)
          forEachIndex(window.kernel) { tap, k in
            let coordinates = (0..<2).map { axis in
              Double(o[axis] * window.stride[axis] + k[axis] * window.dilation[axis] - window.before[axis])
                + offset.reals[((block * taps + tap) * 2 + axis) * points + point]
            }
            var value = sampler.reference(coordinates, window.input) { x.reals[(n * channels + c) * area + $0] }
            if let mask { value *= mask.reals[(block * taps + tap) * points + point] }
            for m in c / depth * width..<(c / depth + 1) * width {
              result.reals[(n * filters + m) * points + point] += value * w.reals[(m * depth + c % depth) * taps + tap]
            }
          }
        }
        for m in 0..<filters { result.reals[(n * filters + m) * points + point] += bias?.reals[m] ?? 0 }
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let geometry = try? geometry(types.operands) else { return .leaf }
    let window = geometry.window
    let (batch, groups) = (x.shape[0], Dim(offsetGroup))
    let taps = window.reduce(Dim(1)) { $0 * Dim($1.kernel) }
    let output = window.map(\.output)
    let points = output.reduce(Dim(1), *)
    let depth = Dim.floorDiv(geometry.channels, groups)
    return .decompose { builder, operands throws(TypeError) in
      let area = window.reduce(Dim(1)) { $0 * $1.input }
      let data = try builder.reshaped(try builder.widened(operands[0]), [batch * groups, depth, area])
      // [N · groups, taps, 2, oH, oW]
      let split = try builder.reshaped(try builder.widened(operands[2]), [batch * groups, taps, 2] + output)
      let wide = builder.type(data).dtype
      var coordinates: [ValueID] = []
      for (axis, w) in window.enumerated() {
        let part = try builder.slice(split, axis: 2, from: Dim(axis), to: Dim(axis + 1))
        let tapLine = try builder.scaled(try builder.range(Dim(w.kernel), wide), by: Double(w.dilation))
        let outLine = try builder.scaled(try builder.range(w.output, wide), by: Double(w.stride))
        let kernel = [window[0].kernel, window[1].kernel].map { Dim($0) }
        var place = try builder.along(axis, rank: 4, tapLine)
        place = try builder.add(place, try builder.along(2 + axis, rank: 4, outLine))
        place = try builder.sub(place, try builder.size(w.before, wide))
        place = try builder.reshaped(try builder.expanded(place, to: kernel + output), [1, taps, 1] + output)
        coordinates.append(try builder.reshaped(try builder.add(part, place), [batch * groups, 1, taps * points]))
      }
      let sampler = Sampler(mode: .linear, border: .zeros)
      var columns = try sampler.read(data, sizes: window.map(\.input), at: coordinates, &builder)
      if let mask = optional(operands, 4) {
        let factor = try builder.reshaped(try builder.widened(mask), [batch * groups, 1, taps * points])
        columns = try builder.mul(columns, factor)
      }
      let (count, rows) = (Dim(group), geometry.groupChannels * taps)
      let right = try builder.reshaped(columns, [batch, count, rows, points])
      let left = try builder.reshaped(try builder.widened(operands[1]), [1, count, geometry.groupFilters, rows])
      let product = try builder.emit(MatMul(), left, right)
      var y = try builder.reshaped(product, geometry.output)
      if let bias = optional(operands, 3) {
        y = try builder.add(y, try builder.along(1, rank: 4, try builder.widened(bias)))
      }
      return [try builder.narrowed(y, to: x.dtype)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = DeformConv()
    operation.strides = [1, random.int(1...2)]
    operation.pads = [random.int(0...1), 0, 0, random.int(0...1)].map { Dim($0) }
    operation.dilations = [random.int(1...2), 1]
    operation.group = random.int(1...2)
    operation.offsetGroup = random.int(1...2)
    let kernel = [random.int(1...2), random.int(1...2)]
    let spatial = [random.int(3...4), random.int(3...5)]
    let (channels, filters, batch) = (2 * operation.group, operation.group * random.int(1...2), random.int(1...2))
    let dtype = random.dtype([.f32, .f64])
    let x = TensorType(dtype, [Dim(batch), Dim(channels)] + spatial.map { Dim($0) })
    let w = TensorType(dtype, [Dim(filters), 2] + kernel.map { Dim($0) })
    var conv = Conv()
    conv.windowOptions = operation.windowOptions
    conv.group = operation.group
    let output = (try? conv.geometry(x, w).window.map(\.output)) ?? []
    let taps = Dim(kernel.reduce(1, *) * operation.offsetGroup)
    return Sample(
      operation,
      [
        x, w, TensorType(dtype, [Dim(batch), 2 * taps] + output),
        random.bool() ? TensorType(dtype, [Dim(filters)]) : nil,
        random.bool() ? TensorType(dtype, [Dim(batch), taps] + output) : nil,
      ])
  }
}
