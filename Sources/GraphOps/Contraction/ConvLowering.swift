// SPDX-License-Identifier: Apache-2.0
// How kernels compute a convolution: padding, bias, layout and groups are peeled off until sums of products are left.

import GraphIR
import KernelIR
import TensorCore

extension Conv {
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let w = types.operands[1], let geometry = try? geometry(x, w) else { return .leaf }
    let hasBias = types.operands.count > 2 && types.operands[2] != nil
    if geometry.format == .channelsFirst { return inChannelsLast(rank: x.rank) }
    if hasBias { return withoutBias() }
    if geometry.isPadded { return withoutPadding(geometry) }
    if group == 1 { return .contraction(Conv.contraction(geometry, isGrouped: false, dtype: x.dtype)) }
    if geometry.groupChannels == 1 || geometry.groupFilters == 1 { return .reduction(depthwise(geometry, x.dtype)) }
    return inGroups(geometry, x, w)
  }

  /// The same with channels last; the transposes around it cancel those of its neighbours.
  private func inChannelsLast(rank: Int) -> Lowering {
    var conv = self
    conv.dataFormat = DataFormat.channelsLast.rawValue
    return .decompose { [conv] builder, operands throws(TypeError) in
      let x = try builder.emit(Transpose(perm: DataFormat.toLast(rank: rank)), operands[0])
      let w = try builder.emit(Transpose(perm: Array(2..<rank) + [1, 0]), operands[1])
      let bias = operands.count > 2 ? operands[2] : nil
      let y = try builder.emitAll(conv, bias.map { [x, w, $0] } ?? [x, w])[0]
      return [try builder.emit(Transpose(perm: DataFormat.toFirst(rank: rank)), y)]
    }
  }

  private func withoutBias() -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      let y = try builder.emit(self, operands[0], operands[1])
      return [try builder.emit(Add(), y, operands[2])]
    }
  }

  private func withoutPadding(_ geometry: Geometry) -> Lowering {
    var conv = self
    conv.pads = []
    conv.autoPad = "VALID"
    let window = geometry.window
    return .decompose { [conv] builder, operands throws(TypeError) in
      let pads = [0] + window.map(\.before) + [0, 0] + window.map(\.after) + [0]
      return [try builder.emit(conv, try builder.emit(Pad(pads: pads), operands[0]), operands[1])]
    }
  }

  /// The groups as an axis of their own.
  private func inGroups(_ geometry: Geometry, _ x: TensorType, _ w: TensorType) -> Lowering {
    var conv = GroupConv()
    conv.strides = geometry.window.map(\.stride)
    conv.dilations = geometry.window.map(\.dilation)
    let count = Dim(group)
    return .decompose { [conv] builder, operands throws(TypeError) in
      let input = try builder.emit(
        Reshape(exactly: x.shape.dropLast() + [count, geometry.groupChannels]), operands[0])
      let weights = try builder.emit(
        Reshape(exactly: w.shape.dropLast() + [count, geometry.groupFilters]), operands[1])
      let y = try builder.emit(conv, input, weights)
      return [try builder.emit(Reshape(exactly: geometry.output), y)]
    }
  }

  /// `out[n, o…, (g,) m] = Σ x[n, o·stride + k·dilation…, (g,) c] · w[k…, c, (g,) m]`
  static func contraction(_ geometry: Geometry, isGrouped: Bool, dtype: DType) -> ContractionLowering {
    typealias Index = ContractionLowering.Index
    var axes: [ContractionLowering.Axis] = []
    func add(_ extent: Dim, _ role: ContractionLowering.Role) -> Int {
      axes.append(ContractionLowering.Axis(extent, role))
      return axes.count - 1
    }
    let n = add(geometry.batch, .row)
    let positions = geometry.window.map { add($0.output, .row) }
    let g = isGrouped ? add(Dim(geometry.group), .batch) : nil
    let m = add(geometry.groupFilters, .column)
    let taps = geometry.window.map { add(Dim($0.kernel), .depth) }
    let c = add(geometry.groupChannels, .depth)
    let spatial = geometry.window.indices.map { axis in
      Index([
        (positions[axis], Dim(geometry.window[axis].stride)), (taps[axis], Dim(geometry.window[axis].dilation)),
      ])
    }
    let groupIndex = g.map { [Index($0)] } ?? []
    return ContractionLowering(
      axes: axes, a: [Index(n)] + spatial + groupIndex + [Index(c)],
      b: taps.map { Index($0) } + [Index(c)] + groupIndex + [Index(m)],
      output: [n] + positions + (g.map { [$0] } ?? []) + [m], accumulator: dtype.computeType)
  }

  /// One channel (or one filter) a group: few products for each output, so channels are the vector axis.
  private func depthwise(_ geometry: Geometry, _ dtype: DType) -> ReductionLowering {
    let window = geometry.window
    let (depth, width) = (geometry.groupChannels, geometry.groupFilters)
    return ReductionLowering(
      extents: window.map { Dim($0.kernel) } + [depth], kind: .combine(.sum), accumulator: dtype.computeType,
      element: { context, index, reduced in
        let filter = index[index.count - 1]
        let c = reduced[window.count]
        let channel = Expr.floorDiv(filter, context.size(width)) * context.size(depth) + c
        let spatial = window.indices.map { window[$0].position(index[$0 + 1], reduced[$0], context.size).index }
        let x = context.operand(0, at: [index[0]] + spatial + [channel])
        return x * context.operand(1, at: reduced.prefix(window.count) + [c, filter])
      })
  }
}
