// SPDX-License-Identifier: Apache-2.0
// Elements of an axis written by an index for each.

import GraphIR
import KernelIR
import TensorCore

/// Indices count from the end where they are negative and are clamped to the axis. Updates are applied in row-major
/// order, so that of several to one element the last stays without a reduction.
package struct ScatterElements: Operation {
  package static let name = "ScatterElements"
  package static let summary =
    "data with data[i, indices[i, j, k], k] = updates[i, j, k] (for axis 1), or combined with what is there."
  package static let operands = [Slot("data"), Slot("indices"), Slot("updates")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis to write to, negative from the end"),
      Attribute("reduction", \.reduction, "'none', 'add', 'mul', 'max' or 'min'"),
    ]
  }
  package var axis = 0
  package var reduction = "none"
  package init() {}
  package init(axis: Int, reduction: ScatterReduction = .none) {
    self.axis = axis
    self.reduction = reduction.rawValue
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let data = operands[0], let indices = operands[1], let updates = operands[2] else {
      throw TypeError("'ScatterElements' needs three operands")
    }
    let place = try normalized(axis, rank: data.rank, for: Self.name)
    try ScatterReduction(reduction, for: Self.name).check(data, updates, for: Self.name)
    try checkIndices(indices, for: Self.name)
    guard updates.shape == indices.shape else {
      throw TypeError("the updates \(updates) of 'ScatterElements' must have the shape of \(indices)", operand: 2)
    }
    try checkCovered(indices, by: data, axis: place, for: Self.name)
    try checkNotEmpty(data.shape[place], axis: place, of: data, indices: indices, for: Self.name)
    return [data]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let data = operands[0], let indices = operands[1], let updates = operands[2] else {
      throw TypeError("'ScatterElements' needs three operands")
    }
    _ = try inferTypes([data.type, indices.type, updates.type])
    let place = try normalized(axis, rank: data.shape.count, for: Self.name)
    let reduction = try ScatterReduction(reduction, for: Self.name)
    let strides = data.strides
    var result = data
    forEachIndex(indices.shape) { position, index in
      let picked = clampedIndex(indices.integers[position], data.shape[place])
      let target = index.indices.reduce(0) { $0 + ($1 == place ? picked : index[$1]) * strides[$1] }
      reduction.apply(updates, position, to: &result, target)
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let data = types.operands[0], let indices = types.operands[1],
      let place = try? normalized(axis, rank: data.rank, for: Self.name),
      let reduction = try? ScatterReduction(reduction, for: Self.name)
    else { return .leaf }
    if reduction.needsWideType(data.dtype) { return widened(self, data.dtype) }
    return .loops { context in
      Self.statements(&context, data.shape, indices.shape, place, reduction)
    }
  }

  /// A tile is one line of the data along the axis: it is copied, then the updates of this line are applied in order.
  private static func statements(
    _ context: inout LoopContext, _ data: [Dim], _ indices: [Dim], _ place: Int, _ reduction: ScatterReduction
  ) -> [Statement] {
    var rest = Expr.axis(context.tileAxis)
    var line = [Expr](repeating: .int(0), count: data.count)
    var hasUpdates = Expr.bool(true)
    for axis in data.indices.reversed() where axis != place {
      line[axis] = .mod(rest, context.size(data[axis]))
      rest = .floorDiv(rest, context.size(data[axis]))
      if indices[axis] != data[axis] { hasUpdates = hasUpdates && .less(line[axis], context.size(indices[axis])) }
    }
    context.tileCount = data.indices.filter { $0 != place }.reduce(Dim(1)) { $0 * data[$1] }

    func offset(_ shape: [Dim], _ position: Expr) -> Expr {
      shape.indices.reduce(Expr.int(0)) { $0 * context.size(shape[$1]) + ($1 == place ? position : line[$1]) }
    }
    let row = context.axis("r")
    let copied = offset(data, .axis(row))
    let copy = context.store(0, at: copied, context.load(0, at: copied))

    let update = context.axis("i")
    let source = offset(indices, .axis(update))
    let picked = context.local("target", .i64)
    let target = offset(data, .local(picked))
    let old = Expr.load(context.resultBuffer(0), context.types.results[0].dtype, at: target)
    let write: [Statement] = [
      .define(picked, clampedIndex(context.load(1, at: source), context.size(data[place]))),
      context.store(0, at: target, reduction.expression(old, context.load(2, at: source))),
    ]
    let updates = Statement.loop(Loop(update, context.size(indices[place]), .serial, write))
    return [
      .loop(Loop(row, context.size(data[place]), .serial, [copy])),
      hasUpdates.integerValue == 1 ? updates : .branch(hasUpdates, then: [updates], else: []),
    ]
  }

  /// Without a reduction the data's seed is 0 where it was overwritten, and an update gets the seed where it is the one
  /// that stayed; with 'add' both get the seed.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let data = context.operands[0], let indices = context.operands[1],
      let updates = context.operands[2]
    else { return [nil, nil, nil] }
    let picked = try context.emit(GatherElements(axis: axis), seed, indices)
    switch try ScatterReduction(reduction, for: Self.name) {
    case .add: return [seed, nil, picked]
    case .none:
      let zeros = try context.filled(0, like: updates)
      let kept = try context.emit(self, seed, indices, zeros)
      // Every update writes its number; those that find it again have stayed.
      let shape = context.type(indices).shape
      let count = context.type(indices).elementCount
      let numbers = try context.emit(Reshape(exactly: shape), try context.emit(NumberRange(count: count, .i64)))
      let nobody = try context.emit(ConstantOfShape(context.type(data).shape, -1, .i64))
      let owners = try context.emit(self, nobody, indices, numbers)
      let stayed = try context.emit(Equal(), try context.emit(GatherElements(axis: axis), owners, indices), numbers)
      return [kept, nil, try context.masked(picked, where: stayed)]
    case .mul, .max, .min: throw TypeError("'ScatterElements' with reduction '\(reduction)' has no gradient")
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let gather = GatherElements.sample(&random)
    let axis = (gather.operation as? GatherElements)?.axis ?? 0
    let dtype = gather.operands[0]?.dtype ?? .f32
    return Sample(
      ScatterElements(axis: axis, reduction: random.pick(ScatterReduction.allCases)),
      [gather.operands[0], gather.operands[1], TensorType(dtype, gather.operands[1]?.shape ?? [])],
      ranges: gather.ranges)
  }
}
