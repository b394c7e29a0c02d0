// SPDX-License-Identifier: Apache-2.0
// Runs an operator's own lowering as the plainest loop nest there is: no fusion, no schedule, no code generation.

import GraphIR
import KernelIR
import TensorCore

/// The results of an operator by its kernel form, on tensors. Nil for operators that other operators compute, and for
/// leaves.
package func runLowering(
  _ operation: any Operation, _ operands: [Tensor?], _ results: [TensorType]
) throws -> [Tensor]? {
  let types = NodeTypes(operands: operands.map { $0?.type }, results: results)
  guard let kernel = naiveKernel(operation.lower(types), types) else { return nil }
  let outputs = results.compactMap { type in type.staticShape.flatMap { Tensor(zeros: type.dtype, $0) } }
  let inputs = operands.compactMap { $0 }
  let buffers = inputs.map { UnsafeMutableRawBufferPointer(mutating: $0.bytes) } + outputs.map(\.mutableBytes)
  try KernelEvaluator.evaluate(kernel, buffers: buffers, sizes: [])
  return outputs
}

private func naiveKernel(_ lowering: Lowering, _ types: NodeTypes) -> Kernel? {
  var nest = NaiveNest(types)
  switch lowering {
  case .pointwise(let body):
    nest.overResult(0) { nest, index in
      let values = body(nest.context, index)
      return values.indices.map { nest.store($0, index, values[$0]) }
    }
  case .reduction(let reduction): nest.reduce(reduction)
  case .contraction(let contraction): nest.contract(contraction)
  case .reshape:
    let axis = nest.axis()
    let load = Expr.load(0, types.results[0].dtype, at: .axis(axis))
    let count = types.results[0].elementCount.value ?? 0
    nest.body = [
      .loop(Loop(axis, .int(count), .serial, [.store(buffer: 1, offset: .axis(axis), value: load, guard: nil)]))
    ]
  case .loops(_, let body):
    var context = LoopContext(
      types: types, tileAxis: nest.tileAxis, firstID: 1000, buffers: nest.buffers, dim: nest.size)
    nest.body = body(&context)
    nest.tiles = context.tiles
    nest.scratch = context.scratch
  case .decompose, .control, .leaf: return nil
  }
  return nest.kernel
}

/// A kernel of plain loops under construction.
private struct NaiveNest {
  let types: NodeTypes
  let tileAxis = Axis(id: 0, name: "tile")
  var tiles = Expr.int(1)
  var body: [Statement] = []
  var scratch: [Kernel.Scratch] = []
  let parameters: [Kernel.Parameter]
  /// Of each operand and result the buffer.
  let buffers: [Int?]
  private var nextID = 0

  init(_ types: NodeTypes) {
    self.types = types
    var parameters: [Kernel.Parameter] = []
    var buffers: [Int?] = []
    for type in types.operands {
      buffers.append(type == nil ? nil : parameters.count)
      if let type { parameters.append(Kernel.Parameter("in\(parameters.count)", type.dtype, .read)) }
    }
    for type in types.results {
      buffers.append(parameters.count)
      parameters.append(Kernel.Parameter("out\(parameters.count)", type.dtype, .readWrite))
    }
    self.parameters = parameters
    self.buffers = buffers
  }

  var kernel: Kernel {
    Kernel(
      name: "naive", parameters: parameters, scratch: scratch, tileAxis: tileAxis, tiles: tiles, body: body)
  }

  mutating func axis() -> Axis {
    nextID += 1
    return Axis(id: nextID, name: "a\(nextID)")
  }

  mutating func local(_ dtype: DType) -> Local {
    nextID += 1
    return Local(id: nextID, name: "l\(nextID)", dtype: dtype)
  }

  func size(_ dim: Dim) -> Expr { .int(dim.value ?? 0) }

  var context: PullContext {
    PullContext(types: types, dim: size) { number, index, condition in
      guard let type = types.operands[number], let buffer = buffers[number] else { return .int(0) }
      return .load(buffer, type.dtype, at: flat(index, type.shape), guard: condition)
    }
  }

  private func flat(_ index: [Expr], _ shape: [Dim]) -> Expr {
    zip(index, shape).reduce(Expr.int(0)) { $0 * size($1.1) + $1.0 }
  }

  func store(_ result: Int, _ index: [Expr], _ value: Expr) -> Statement {
    let type = types.results[result]
    let buffer = buffers[types.operands.count + result] ?? 0
    return .store(buffer: buffer, offset: flat(index, type.shape), value: value, guard: nil)
  }

  /// Loops over sizes around statements.
  mutating func loops(_ sizes: [Dim], _ body: (inout NaiveNest, [Expr]) -> [Statement]) -> [Statement] {
    let axes = sizes.map { _ in axis() }
    var statements = body(&self, axes.map { .axis($0) })
    for (axis, extent) in zip(axes, sizes).reversed() {
      statements = [.loop(Loop(axis, size(extent), .serial, statements))]
    }
    return statements
  }

  mutating func overResult(_ result: Int, _ body: (inout NaiveNest, [Expr]) -> [Statement]) {
    self.body = loops(types.results[result].shape, body)
  }

  mutating func reduce(_ reduction: ReductionLowering) {
    overResult(0) { nest, index in
      switch reduction.kind {
      case .combine(let combiner):
        let sum = nest.local(reduction.accumulator)
        let inner = nest.loops(reduction.extents) { nest, reduced in
          [.accumulate(sum, combiner, reduction.element(nest.context, index, reduced))]
        }
        return [.variable(sum, NaiveNest.identity(combiner, reduction.accumulator))] + inner
          + [nest.store(0, index, reduction.finish(nest.context, index, .local(sum)))]
      case .index(let combiner, let last):
        let best = nest.local(reduction.accumulator)
        let place = nest.local(.i64)
        let inner = nest.loops(reduction.extents) { nest, reduced in
          let position = zip(reduced, reduction.extents).reduce(Expr.int(0)) { $0 * nest.size($1.1) + $1.0 }
          return [
            .accumulateIndex(
              value: best, index: place, combiner, reduction.element(nest.context, index, reduced), at: position,
              lastIndex: last)
          ]
        }
        return [
          .variable(best, NaiveNest.identity(combiner, reduction.accumulator)), .variable(place, .int(0)),
        ] + inner + [nest.store(0, index, reduction.finish(nest.context, index, .local(place)))]
      }
    }
  }

  mutating func contract(_ contraction: ContractionLowering) {
    overResult(0) { nest, index in
      var place = [Expr](repeating: .int(0), count: contraction.axes.count)
      for (axis, expression) in zip(contraction.output, index) { place[axis] = expression }
      let depth = contraction.axes.indices.filter { contraction.axes[$0].role == .depth }
      let sum = nest.local(contraction.accumulator)
      let inner = nest.loops(depth.map { contraction.axes[$0].extent }) { nest, reduced in
        var full = place
        for (axis, expression) in zip(depth, reduced) { full[axis] = expression }
        func element(_ operand: Int, _ indices: [ContractionLowering.Index]) -> Expr {
          let index = indices.map { index in
            index.terms.reduce(Expr.int(0)) { $0 + full[$1.axis] * nest.size($1.coefficient) }
          }
          return nest.context.operand(operand, at: index).cast(to: contraction.accumulator)
        }
        return [.accumulate(sum, .sum, element(0, contraction.a) * element(1, contraction.b))]
      }
      let target = nest.types.results[0].dtype.computeType
      return [.variable(sum, .constant(0, contraction.accumulator))] + inner
        + [nest.store(0, index, Expr.local(sum).cast(to: target))]
    }
  }

  private static func identity(_ combiner: Combiner, _ dtype: DType) -> Expr {
    switch combiner {
    case .sum: .constant(0, dtype)
    case .product: .constant(1, dtype)
    case .and: .bool(true)
    case .or: .bool(false)
    case .max: dtype.isFloat ? .real(-.infinity, dtype) : .integer(dtype.integerRange?.low ?? 0, dtype)
    case .min: dtype.isFloat ? .real(.infinity, dtype) : .integer(dtype.integerRange?.high ?? 0, dtype)
    }
  }
}
