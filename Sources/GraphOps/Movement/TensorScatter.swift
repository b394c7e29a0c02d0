// SPDX-License-Identifier: Apache-2.0
// Updates of a cache of keys or values.

import GraphIR
import KernelIR
import TensorCore

/// Positions that lie before the cache or after it (with 'linear') are left alone.
package struct TensorScatter: Operation {
  package static let name = "TensorScatter"
  package static let summary =
    "The cache with an update written from `write_indices[batch]` on along an axis; 'circular' goes on at the start."
  package static let operands = [Slot("past_cache"), Slot("update"), Slot("write_indices", .optional)]
  package static let results = [Slot("present_cache")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("axis", \.axis, "the axis of positions, not the first"),
      Attribute("mode", \.mode, "'linear' or 'circular'"),
    ]
  }
  package var axis = -2
  package var mode = "linear"
  package init() {}

  private func place(_ rank: Int) throws(TypeError) -> Int {
    let place = try normalized(axis, rank: rank, for: Self.name)
    guard place > 0 else { throw TypeError("'axis' of 'TensorScatter' cannot be the batch axis") }
    guard mode == "linear" || mode == "circular" else {
      throw TypeError("'mode' of 'TensorScatter' is '\(mode)'", note: "it is 'linear' or 'circular'")
    }
    return place
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let cache = operands[0], let update = operands[1] else { throw TypeError("'TensorScatter' needs two operands") }
    let place = try place(cache.rank)
    var wanted = cache.shape
    if update.rank == cache.rank { wanted[place] = update.shape[place] }
    guard update == TensorType(cache.dtype, wanted) else {
      throw TypeError("the update \(update) of 'TensorScatter' does not fit the cache \(cache)", operand: 1)
    }
    guard Dim.isKnown(update.shape[place], atMost: cache.shape[place]) || update.shape[place].value == nil else {
      throw TypeError("the update \(update) of 'TensorScatter' is longer than the cache \(cache)", operand: 1)
    }
    if let indices = optional(operands, 2), indices != TensorType(.i64, [cache.shape[0]]) {
      throw TypeError(
        "the write indices of 'TensorScatter' are \(indices), expected \(TensorType(.i64, [cache.shape[0]]))", operand: 2)
    }
    return [cache]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let cache = operands[0], let update = operands[1] else { throw TypeError("'TensorScatter' needs two operands") }
    _ = try inferTypes(operands.map { $0?.type })
    let place = try place(cache.shape.count)
    let starts = optional(operands, 2)
    let strides = cache.strides
    let size = Int64(cache.shape[place])
    var result = cache
    forEachIndex(update.shape) { position, index in
      let (target, overflow) = (starts?.integers[index[0]] ?? 0).addingReportingOverflow(Int64(index[place]))
      if overflow { return }
      var slot = target
      if mode == "circular" { slot = ((target % size) + size) % size }
      guard slot >= 0, slot < size else { return }
      let offset = index.indices.reduce(0) { $0 + ($1 == place ? Int(slot) : index[$1]) * strides[$1] }
      ScatterReduction.none.apply(update, position, to: &result, offset)
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let cache = types.operands[0], let update = types.operands[1], let place = try? place(cache.rank) else {
      return .leaf
    }
    let rank = cache.rank
    return .decompose { builder, operands throws(TypeError) in
      guard let old = operands[0], let new = operands[1] else { throw TypeError("'TensorScatter' needs two operands") }
      if update.shape[place] == 0 { return [old] }
      // Of each position of the cache the position in the update.
      var source = try builder.along(place, rank: rank, try builder.range(cache.shape[place], .i64))
      if let starts = optional(operands, 2) {
        source = try builder.sub(source, try builder.along(0, rank: rank, starts))
      }
      if mode == "circular" { source = try builder.emit(Mod(), source, try builder.size(cache.shape[place], .i64)) }
      let zero = try builder.scalar(0, .i64)
      let isWritten = try builder.emit(
        And(), try builder.emit(GreaterOrEqual(), source, zero),
        try builder.emit(Less(), source, try builder.size(update.shape[place], .i64)))
      let index = try builder.expanded(try builder.emit(Max(), source, zero), to: cache.shape)
      return [try builder.emit(Where(), isWritten, try builder.emit(GatherElements(axis: place), new, index), old)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = TensorScatter()
    operation.mode = random.pick(["linear", "circular"])
    let (batch, size, width) = (random.int(1...3), random.int(1...6), random.int(1...3))
    let dtype = random.dtype([.f32, .f64, .i32])
    let shape = random.bool() ? [batch, 2, size, width] : [batch, size, width]
    var update = shape
    update[shape.count - 2] = random.int(1...size)
    var operands: [TensorType?] = [
      TensorType(dtype, shape.map { Dim($0) }), TensorType(dtype, update.map { Dim($0) }),
    ]
    if random.bool() { operands.append(TensorType(.i64, [Dim(batch)])) }
    return Sample(operation, operands, ranges: [2: 0...Double(size - update[shape.count - 2])])
  }
}
