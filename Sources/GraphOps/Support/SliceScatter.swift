// SPDX-License-Identifier: Apache-2.0
// Loop nests that write slices of a result at indices known only at run time.

import GraphIR
import KernelIR
import TensorCore

/// What a scattered value does with the one that is there.
package enum ScatterReduction: String, Sendable, CaseIterable {
  case none, add, mul, max, min

  init(_ text: String, for name: String) throws(TypeError) {
    guard let reduction = ScatterReduction(rawValue: text) else {
      throw TypeError(
        "'reduction' of '\(name)' is '\(text)'",
        note: "it is \(Self.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "))")
    }
    self = reduction
  }

  func expression(_ old: Expr, _ new: Expr) -> Expr {
    switch self {
    case .none: new
    case .add: old + new
    case .mul: old * new
    case .max: .max(old, new)
    case .min: .min(old, new)
    }
  }

  /// Combines an update into an element of the reference.
  func apply(_ update: Reference, _ source: Int, to result: inout Reference, _ target: Int) {
    let dtype = result.dtype
    if dtype.isFloat {
      let (old, new) = (result.reals[target], update.reals[source])
      switch self {
      case .none: result.reals[target] = new
      case .add: result.reals[target] = old + new
      case .mul: result.reals[target] = old * new
      case .max: result.reals[target] = maximum(old, new)
      case .min: result.reals[target] = minimum(old, new)
      }
    } else {
      let (old, new) = (result.integers[target], update.integers[source])
      switch self {
      case .none: result.integers[target] = new
      case .add: result.integers[target] = wrap(old &+ new, to: dtype)
      case .mul: result.integers[target] = wrap(old &* new, to: dtype)
      case .max: result.integers[target] = isLess(old, new, dtype) ? new : old
      case .min: result.integers[target] = isLess(new, old, dtype) ? new : old
      }
    }
  }
}

/// `result[b, target…, inner] = combine(result[b, target…, inner], updates[b, i, inner])` for i in order, with the
/// target indices read from the indices operand. Everything is row-major with these axes merged.
///
/// Tiles are blocks of inner elements of one batch: they write apart from each other, and each applies its updates in
/// order, so that the bits never depend on threads.
struct SliceScatter: Sendable {
  var batch: Dim = 1
  /// The sizes of the axes that indices pick from.
  var targets: [Dim]
  /// Updates of one batch; the indices are the same for every batch.
  var count: Dim
  var inner: Dim
  var reduction: ScatterReduction
  /// The operand that the result starts as; nil for zeros.
  var data: Int?
  var indices: Int
  var updates: Int

  private static let block = 64

  func statements(_ context: inout LoopContext) -> [Statement] {
    let dtype = context.types.results[0].dtype
    let block = Expr.int(Self.block)
    let blocks = Dim.ceilDiv(inner, Dim(Self.block))
    context.tileCount = batch * blocks
    let tile = Expr.axis(context.tileAxis)
    let (b, start) = (Expr.floorDiv(tile, context.size(blocks)), Expr.mod(tile, context.size(blocks)) * block)
    let (innerSize, rows) = (context.size(inner), context.size(targets.reduce(Dim(1), *)))
    let width = Expr.min(block, innerSize - start)

    /// Statements for each element of the block, as a function of its inner index.
    func overBlock(_ body: (Expr) -> Statement) -> Statement {
      if inner == 1 { return body(.int(0)) }
      let lane = context.axis("c")
      return .loop(Loop(lane, width, .vector(unroll: 1), [body(start + .axis(lane))]))
    }

    let row = context.axis("r")
    let fill = overBlock { c in
      let offset = (b * rows + .axis(row)) * innerSize + c
      let value = data.map { context.load($0, at: offset) } ?? .constant(0, dtype.computeType)
      return context.store(0, at: offset, value)
    }

    let update = context.axis("i")
    let updateRow = b * context.size(count) + .axis(update)
    var statements: [Statement] = []
    var target = Expr.int(0)
    for (component, size) in targets.enumerated() {
      let index = context.load(indices, at: .axis(update) * .int(targets.count) + .int(component))
      let place = context.local("target", .i64)
      statements.append(.define(place, clampedIndex(index, context.size(size))))
      target = target * context.size(size) + .local(place)
    }
    let buffer = context.resultBuffer(0)
    statements.append(
      overBlock { c in
        let offset = (b * rows + target) * innerSize + c
        let old = Expr.load(buffer, dtype, at: offset)
        let new = context.load(updates, at: updateRow * innerSize + c)
        return context.store(0, at: offset, reduction.expression(old, new))
      })
    return [
      .loop(Loop(row, rows, .serial, [fill])),
      .loop(Loop(update, context.size(count), .serial, statements)),
    ]
  }
}

extension ScatterReduction {
  /// Data and updates have one type that can be combined.
  func check(_ data: TensorType, _ updates: TensorType, for name: String) throws(TypeError) {
    guard data.dtype == updates.dtype else {
      throw TypeError(
        "'\(name)' needs data and updates of one element type, found \(data.dtype) and \(updates.dtype)", operand: 2,
        note: "convert one with Cast")
    }
    guard self == .none || DType.numbers.contains(data.dtype) else {
      throw TypeError("'\(name)' cannot combine \(data.dtype) with '\(rawValue)'", operand: 0)
    }
  }

  /// Halves would round at every step of a sum or product.
  func needsWideType(_ dtype: DType) -> Bool { (self == .add || self == .mul) && dtype.computeType != dtype }
}

/// A scatter of halves computed in f32.
func widened(_ scatter: some Operation, _ dtype: DType) -> Lowering {
  .decompose { (builder, operands) throws(TypeError) in
    let data = try builder.emit(Cast(to: dtype.computeType), operands[0])
    let updates = try builder.emit(Cast(to: dtype.computeType), operands[2])
    return [try builder.emit(Cast(to: dtype), builder.emit(scatter, data, operands[1], updates))]
  }
}
