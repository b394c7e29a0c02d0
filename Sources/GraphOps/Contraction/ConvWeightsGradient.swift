// SPDX-License-Identifier: Apache-2.0
// The gradient of a convolution with respect to its weights.

import GraphIR
import KernelIR
import TensorCore

package struct ConvWeightsGradient: WindowOperation {
  package static let name = "ConvWeightsGradient"
  package static let summary =
    "The gradient of Conv's weights: for each window element the sum over all windows of input times output gradient."
  package static let operands = [Slot("X"), Slot("dY")]
  package static let results = [Slot("dW")]
  package static var attributes: [Attribute<Self>] {
    windowAttributes(except: ["ceil_mode"]) + [Attribute("group", \.group, "groups that channels are divided into")]
  }
  package static let accuracy = Accuracy.accumulation

  package var windowOptions = WindowOptions()
  package var group = 1
  package init() {}

  private struct Geometry {
    var format: DataFormat
    var window: [WindowAxis]
    var batch: Dim
    var depth: Dim
    var filters: Dim
    var weights: [Dim]
  }

  private func geometry(_ types: [TensorType?]) throws(TypeError) -> Geometry {
    guard let x = types[0], let y = types[1] else { throw TypeError("'\(Self.name)' needs two operands") }
    let format = try format()
    guard (3...5).contains(x.rank), x.rank == y.rank, x.dtype == y.dtype, DType.floats.contains(x.dtype) else {
      throw TypeError("'\(Self.name)' does not take \(x) and \(y)", operand: 1)
    }
    let spatial = format.spatial(rank: x.rank)
    guard kernelShape.count == spatial.count else {
      throw TypeError("'kernel_shape' of '\(Self.name)' is \(kernelShape), expected \(spatial.count) numbers")
    }
    let window = try window(Array(x.shape[spatial]), kernel: kernelShape)
    let channels = x.shape[format.channel(rank: x.rank)]
    let filters = y.shape[format.channel(rank: x.rank)]
    guard y.shape == format.shape(x.shape[0], filters, window.map(\.output)) else {
      throw TypeError("the output gradient of '\(Self.name)' is \(y), which does not fit the input \(x)", operand: 1)
    }
    guard group > 0, let depth = channels.dividedExactly(by: Dim(group)), filters.dividedExactly(by: Dim(group)) != nil
    else { throw TypeError("\(group) groups do not divide the channels of \(x) and \(y)", operand: 1) }
    let kernel = kernelShape.map { Dim($0) }
    return Geometry(
      format: format, window: window, batch: x.shape[0], depth: depth, filters: filters,
      weights: format == .channelsFirst ? [filters, depth] + kernel : kernel + [depth, filters])
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let geometry = try geometry(operands)
    return [TensorType(operands[0]?.dtype ?? .f32, geometry.weights)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0], let y = operands[1] else { throw TypeError("'\(Self.name)' needs two operands") }
    let geometry = try geometry([x.type, y.type])
    guard let window = BoundWindow(geometry.window), let depth = geometry.depth.value,
      let filters = geometry.filters.value
    else { throw TypeError("'\(Self.name)' has unknown sizes") }
    let rank = x.shape.count
    let isFirst = geometry.format == .channelsFirst
    let input = isFirst ? x.permuted(DataFormat.toLast(rank: rank)) : x
    let seed = isFirst ? y.permuted(DataFormat.toLast(rank: rank)) : y
    let (channels, width) = (depth * group, filters / group)
    let (area, outputArea) = (window.input.reduce(1, *), window.output.reduce(1, *))
    var result = Reference(zeros: x.dtype, window.kernel + [depth, filters])
    input.reals.withUnsafeBufferPointer { x in
      seed.reals.withUnsafeBufferPointer { y in
        result.reals.withUnsafeMutableBufferPointer { w in
          forEachIndex(window.output) { place, o in
            forEachIndex(window.kernel) { tap, k in
              guard let source = window.position(o, k) else { return }
              for n in 0..<seed.shape[0] {
                let from = (n * area + source) * channels
                let to = (n * outputArea + place) * filters
                for m in 0..<filters {
                  let first = from + m / width * depth
                  for c in 0..<depth { w[(tap * depth + c) * filters + m] += x[first + c] * y[to + m] }
                }
              }
            }
          }
        }
      }
    }
    return [isFirst ? result.permuted([rank - 1, rank - 2] + Array(0..<rank - 2)) : result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let geometry = try? geometry(types.operands), let x = types.operands[0] else { return .leaf }
    let rank = x.rank
    var plain = self
    if geometry.format == .channelsFirst {
      plain.dataFormat = DataFormat.channelsLast.rawValue
      return .decompose { [plain] builder, operands throws(TypeError) in
        let x = try builder.emit(Transpose(perm: DataFormat.toLast(rank: rank)), operands[0])
        let y = try builder.emit(Transpose(perm: DataFormat.toLast(rank: rank)), operands[1])
        let w = try builder.emit(plain, x, y)
        return [try builder.emit(Transpose(perm: [rank - 1, rank - 2] + Array(0..<rank - 2)), w)]
      }
    }
    if geometry.window.contains(where: { $0.before != 0 || $0.after != 0 }) {
      plain.pads = []
      plain.autoPad = "VALID"
      let pads = [0] + geometry.window.map(\.before) + [0, 0] + geometry.window.map(\.after) + [0]
      return .decompose { [plain] builder, operands throws(TypeError) in
        [try builder.emit(plain, try builder.emit(Pad(pads: pads), operands[0]), operands[1])]
      }
    }
    return group == 1 ? .contraction(contraction(geometry, x.dtype)) : .reduction(reduction(geometry, x.dtype))
  }

  /// `dW[k…, c, m] = Σ over n, o… of x[n, o·stride + k·dilation…, c] · dY[n, o…, m]`
  private func contraction(_ geometry: Geometry, _ dtype: DType) -> ContractionLowering {
    typealias Index = ContractionLowering.Index
    typealias Axis = ContractionLowering.Axis
    let count = geometry.window.count
    let axes =
      geometry.window.map { Axis(Dim($0.kernel), .row) } + [
        Axis(geometry.depth, .row), Axis(geometry.filters, .column),
      ]
      + [Axis(geometry.batch, .depth)] + geometry.window.map { Axis($0.output, .depth) }
    let (c, m, n) = (count, count + 1, count + 2)
    let spatial = geometry.window.indices.map { axis in
      Index([
        (n + 1 + axis, Dim(geometry.window[axis].stride)), (axis, Dim(geometry.window[axis].dilation)),
      ])
    }
    return ContractionLowering(
      axes: axes, a: [Index(n)] + spatial + [Index(c)],
      b: [Index(n)] + (0..<count).map { Index(n + 1 + $0) } + [Index(m)],
      output: Array(0..<count) + [c, m], accumulator: dtype.computeType)
  }

  /// The same where each filter sees the channels of its group only.
  private func reduction(_ geometry: Geometry, _ dtype: DType) -> ReductionLowering {
    let window = geometry.window
    let (depth, width) = (geometry.depth, Dim.floorDiv(geometry.filters, Dim(group)))
    return ReductionLowering(
      extents: [geometry.batch] + window.map(\.output), kind: .combine(.sum), accumulator: dtype.computeType,
      element: { context, index, reduced in
        let filter = index[window.count + 1]
        let channel = Expr.floorDiv(filter, context.size(width)) * context.size(depth) + index[window.count]
        let spatial = window.indices.map { window[$0].position(reduced[$0 + 1], index[$0], context.size).index }
        return context.operand(0, at: [reduced[0]] + spatial + [channel]) * context.operand(1, at: reduced + [filter])
      })
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let forward = Conv.sample(&random)
    var operation = ConvWeightsGradient()
    guard let conv = forward.operation as? Conv, let x = forward.operands[0], let w = forward.operands[1],
      let geometry = try? conv.geometry(x, w)
    else { return forward }
    operation.windowOptions = conv.windowOptions
    operation.kernelShape = geometry.window.map(\.kernel)
    operation.group = conv.group
    return Sample(operation, [x, TensorType(x.dtype, geometry.output)])
  }
}
