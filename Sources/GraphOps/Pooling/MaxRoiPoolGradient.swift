// SPDX-License-Identifier: Apache-2.0
// The gradient of MaxRoiPool: every cell's gradient given to its largest element.

import GraphIR
import KernelIR
import TensorCore

/// Each image's plane is one thread's, which adds its regions in order: the bits never depend on threads.
package struct MaxRoiPoolGradient: Operation {
  package static let name = "MaxRoiPoolGradient"
  package static let summary =
    "For each element of MaxRoiPool's X the sum of the gradients of the cells whose largest element it is, the first "
    + "of equals."
  package static let operands = [Slot("dY"), Slot("X"), Slot("rois")]
  package static let results = [Slot("dX")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] { MaxRoiPool.attributes.map { Attribute($0, of: \.pool) } }
  package var pool = MaxRoiPool()
  package init() {}
  init(_ pool: MaxRoiPool) { self.pool = pool }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let seed = operands[0], let x = operands[1], let rois = operands[2] else {
      throw TypeError("'MaxRoiPoolGradient' needs three operands")
    }
    let forward = try pool.inferTypes([x, rois])[0]
    guard seed == forward else {
      throw TypeError("the gradient of 'MaxRoiPoolGradient' is \(seed), expected \(forward)", operand: 0)
    }
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let seed = operands[0], let x = operands[1], let rois = operands[2] else {
      throw TypeError("'MaxRoiPoolGradient' needs three operands")
    }
    _ = try inferTypes([seed.type, x.type, rois.type])
    let (height, width) = (x.shape[2], x.shape[3])
    var result = Reference(zeros: x.dtype, x.shape)
    forEachIndex(seed.shape) { position, index in
      let region = Array(rois.reals[index[0] * 5..<index[0] * 5 + 5])
      let plane = (clampedIndex(Int64(saturating: region[0]), x.shape[0]) * x.shape[1] + index[1]) * height * width
      let members = pool.members(of: region, index[2], index[3], height, width)
      guard var best = members.first else { return }
      for member in members where x.reals[plane + member] > x.reals[plane + best] { best = member }
      result.reals[plane + best] += seed.reals[position]
    }
    return [result]
  }

  /// A tile is one channel of one image.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let seed = types.operands[0], let x = types.operands[1] else { return .leaf }
    let dtype = x.dtype.computeType
    if dtype != x.dtype { return inComputeType(types) }
    let pool = pool
    let cells = pool.pooledShape[0] * pool.pooledShape[1]
    return .loops { context in
      context.tileCount = x.shape[0] * x.shape[1]
      let tile = Expr.axis(context.tileAxis)
      let (channels, area) = (context.size(x.shape[1]), context.size(x.shape[2] * x.shape[3]))
      let (image, channel) = (Expr.floorDiv(tile, channels), Expr.mod(tile, channels))
      let (place, region) = (context.axis("place"), context.axis("region"))
      let (best, source) = (context.local("best", dtype), context.local("source", .i64))
      let inside = pool.cells(
        of: .axis(region), rois: 2, height: x.shape[2], width: x.shape[3], dtype, &context
      ) { context, offset in
        let value = context.load(0, at: (.axis(region) * channels + channel) * .int(cells) + offset)
        // A cell without elements has no source.
        let (target, hasSource) = (tile * area + .local(source), Expr.binary(.ge, .local(source), .int(0)))
        let old = Expr.load(context.resultBuffer(0), dtype, at: target, guard: hasSource)
        return (
          [.variable(best, .constant(0, dtype)), .variable(source, .int(-1))],
          [context.store(0, at: target, old + value, where: hasSource)]
        )
      } member: { context, place in
        var step: [Statement] = []
        let value = context.define("value", context.load(1, at: tile * area + place), in: &step)
        let isFirst = Expr.less(.local(source), .int(0))
        let isLarger = context.define("isLarger", isFirst || .less(.local(best), value), in: &step)
        return step + [
          .assign(best, .select(isLarger, value, .local(best))),
          .assign(source, .select(isLarger, place, .local(source))),
        ]
      }
      let picked = MaxRoiPool.image(of: .axis(region), rois: 2, among: x.shape[0], context)
      let zeros = context.store(0, at: tile * area + .axis(place), .constant(0, dtype))
      return [
        .loop(Loop(place, area, .serial, [zeros])),
        .loop(
          Loop(
            region, context.size(seed.shape[0]), .serial,
            [.branch(.binary(.eq, picked, image), then: inside, else: [])])),
      ]
    }
  }

  /// What it spreads it collects; the gradient of a gradient is not needed by first-order methods.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    throw TypeError("'MaxRoiPoolGradient' has no gradient")
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let forward = MaxRoiPool.sample(&random)
    guard let pool = forward.operation as? MaxRoiPool, let seed = try? pool.inferTypes(forward.operands)[0] else {
      return forward
    }
    return Sample(
      MaxRoiPoolGradient(pool), [seed, forward.operands[0], forward.operands[1]], ranges: [2: 0...5])
  }
}
