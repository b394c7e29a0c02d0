// SPDX-License-Identifier: Apache-2.0
// The gradient of RoiAlign: what every cell's gradient gives to the elements that it read.

import GraphIR
import KernelIR
import TensorCore

/// Each image's plane is one thread's, which adds its regions in order: the bits never depend on threads.
package struct RoiAlignGradient: Operation {
  package static let name = "RoiAlignGradient"
  package static let summary =
    "For each element of RoiAlign's X the sum of the gradients of the cells that read it, times its weight in them."
  package static let operands = [Slot("dY"), Slot("rois"), Slot("batch_indices"), Slot("X", .optional)]
  package static let results = [Slot("dX")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    RoiAlign.attributes.map { Attribute($0, of: \.align) } + [Attribute("shape", \.shape, "the sizes of RoiAlign's X")]
  }
  package var align = RoiAlign()
  package var shape: [Dim] = []
  package init() {}

  init(_ align: RoiAlign, of shape: [Dim]) {
    self.align = align
    self.shape = shape
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let seed = operands[0], let rois = operands[1], let batch = operands[2] else {
      throw TypeError("'RoiAlignGradient' needs three operands")
    }
    let x = TensorType(seed.dtype, shape)
    let forward = try align.inferTypes([x, rois, batch])[0]
    guard seed == forward else {
      throw TypeError("the gradient of 'RoiAlignGradient' is \(seed), expected \(forward)", operand: 0)
    }
    let given = optional(operands, 3)
    guard given == (align.mode == "max" ? x : nil) else {
      let found = given.map { "\($0)" } ?? "none"
      throw TypeError(
        "X of 'RoiAlignGradient' is \(found)", operand: 3, note: "it is \(x) with mode 'max', else it is left out")
    }
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let seed = operands[0], let rois = operands[1], let batch = operands[2] else {
      throw TypeError("'RoiAlignGradient' needs three operands")
    }
    let x = optional(operands, 3)
    let shape = try staticSizes(inferTypes([seed.type, rois.type, batch.type, x?.type])[0].shape, for: Self.name)
    var result = Reference(zeros: seed.dtype, shape)
    forEachIndex(seed.shape) { position, index in
      let image = clampedIndex(batch.integers[index[0]], shape[0]) * shape[1] + index[1]
      let plane = image * shape[2] * shape[3]
      let points = align.points(
        rois.reals[index[0] * 4..<index[0] * 4 + 4], index[2], index[3], shape[2], shape[3])
      guard let x else {
        for tap in points.joined() {
          result.reals[plane + tap.place] += tap.weight * seed.reals[position] / Double(points.count)
        }
        return
      }
      // A point outside is a 0 that nothing moves.
      let taps = points.flatMap { $0.isEmpty ? [(place: 0, weight: 0)] : $0 }
      func part(_ tap: (place: Int, weight: Double)) -> Double { tap.weight * x.reals[plane + tap.place] }
      guard var best = taps.first else { return }
      for tap in taps where part(tap) > part(best) { best = tap }
      result.reals[plane + best.place] += best.weight * seed.reals[position]
    }
    return [result]
  }

  /// A tile is one channel of one image.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let seed = types.operands[0] else { return .leaf }
    let dtype = seed.dtype.computeType
    if dtype != seed.dtype { return inComputeType(types) }
    let (align, shape) = (align, shape)
    let hasMaximum = align.mode == "max"
    let cells = align.outputHeight * align.outputWidth
    return .loops { context in
      context.tileCount = shape[0] * shape[1]
      let tile = Expr.axis(context.tileAxis)
      let (channels, area) = (context.size(shape[1]), context.size(shape[2] * shape[3]))
      let (image, channel) = (Expr.floorDiv(tile, channels), Expr.mod(tile, channels))
      let (place, region) = (context.axis("place"), context.axis("region"))
      func added(_ context: LoopContext, _ place: Expr, _ value: Expr, where condition: Expr) -> Statement {
        let offset = tile * area + place
        return context.store(
          0, at: offset, .load(context.resultBuffer(0), dtype, at: offset, guard: condition) + value, where: condition)
      }
      let share = context.local("share", dtype)
      let (best, weight) = (context.local("best", dtype), context.local("weight", dtype))
      let (source, isFirst) = (context.local("source", .i64), context.local("isFirst", .bool))
      let inside = align.points(
        of: .axis(region), rois: 1, height: shape[2], width: shape[3], dtype, &context
      ) { context, cell in
        let position = (Expr.axis(region) * channels + channel) * .int(cells) + cell.offset
        let value = context.load(0, at: position)
        guard hasMaximum else { return ([.define(share, value / cell.count)], []) }
        let start: [Statement] = [
          .variable(best, .constant(0, dtype)), .variable(weight, .constant(0, dtype)),
          .variable(source, .int(0)), .variable(isFirst, .bool(true)),
        ]
        return (start, [added(context, .local(source), .local(weight) * value, where: .unary(.not, .local(isFirst)))])
      } point: { context, point in
        var step: [Statement] = []
        for tap in point.taps {
          guard hasMaximum else {
            step.append(added(context, tap.place, tap.weight * .local(share), where: point.isInside))
            continue
          }
          let zero = Expr.constant(0, dtype)
          let kept = context.define("kept", .select(point.isInside, tap.weight, zero), in: &step)
          let value = context.load(3, at: tile * area + tap.place, where: point.isInside)
          let part = context.define("part", .select(point.isInside, kept * value, zero), in: &step)
          let isLarger = context.define("isLarger", .local(isFirst) || .less(.local(best), part), in: &step)
          step += [
            .assign(best, .select(isLarger, part, .local(best))),
            .assign(weight, .select(isLarger, kept, .local(weight))),
            .assign(source, .select(isLarger, tap.place, .local(source))), .assign(isFirst, .bool(false)),
          ]
        }
        return step
      }
      let picked = clampedIndex(context.load(2, at: .axis(region)), context.size(shape[0]))
      let regions = context.size(seed.shape[0])
      let zeros = context.store(0, at: tile * area + .axis(place), .constant(0, dtype))
      return [
        .loop(Loop(place, area, .serial, [zeros])),
        .loop(Loop(region, regions, .serial, [.branch(.binary(.eq, picked, image), then: inside, else: [])])),
      ]
    }
  }

  /// What it spreads it collects; the gradient of a gradient is not needed by first-order methods.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    throw TypeError("'RoiAlignGradient' has no gradient")
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let forward = RoiAlign.sample(&random)
    guard let align = forward.operation as? RoiAlign, let x = forward.operands[0],
      let seed = try? align.inferTypes(forward.operands)[0]
    else { return forward }
    return Sample(
      RoiAlignGradient(align, of: x.shape),
      [seed, forward.operands[1], forward.operands[2], align.mode == "max" ? x : nil], ranges: forward.ranges)
  }
}

extension Operation {
  /// The operator on floats of their compute type, its result rounded once: for sums that halves would round each time.
  func inComputeType(_ types: NodeTypes) -> Lowering {
    let operation = self
    return .decompose { builder, operands throws(TypeError) in
      var wide: [ValueID?] = []
      for operand in operands {
        wide.append(
          try operand.map { (value) throws(TypeError) in
            let dtype = builder.type(value).dtype
            return dtype.isFloat ? try builder.narrowed(value, to: dtype.computeType) : value
          })
      }
      let results = try builder.emitAny(operation, wide)
      return try zip(results, types.results).map { (value, type) throws(TypeError) in
        try builder.narrowed(value, to: type.dtype)
      }
    }
  }
}
