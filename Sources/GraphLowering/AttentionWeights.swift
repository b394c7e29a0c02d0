// SPDX-License-Identifier: Apache-2.0
// The softmax of an attention's kernel: the scores of a block become powers, and each query's results follow.

import GraphIR
import KernelIR
import TensorCore

extension AttentionLowering {
  /// 0 instead of -∞, from which nothing can be subtracted.
  private func finite(_ largest: Expr) -> Expr {
    .select(.binary(.eq, largest, .constant(-.infinity, dtype)), .constant(0, dtype), largest)
  }

  private func factor(_ largest: Expr, _ total: Expr, _ place: Block, query: Expr) -> Expr {
    var results = Substitution(locals: [softmax.largest: largest, softmax.total: total])
    if let axis = index.query?.axis { results.axes = [axis: place.firstQuery + query] }
    return results(softmax.factor)
  }

  /// The larger of what was the largest before this block and what is in it, kept for each query.
  private func largest(_ memory: Memory, query: Expr, _ found: Expr) -> [Statement] {
    guard isOnline else { return [.store(buffer: memory.largest, offset: query, value: found, guard: nil)] }
    let old = scope.local("old", dtype)
    return [
      .define(old, load(memory.largest, query)),
      .store(
        buffer: memory.older, offset: query, value: .unary(.exp, .local(old) - finite(found)), guard: nil),
      .store(buffer: memory.largest, offset: query, value: found, guard: nil),
    ]
  }

  private func startOfLargest(_ memory: Memory, query: Expr) -> Expr {
    isOnline ? load(memory.largest, query) : .constant(-.infinity, dtype)
  }

  private func startOfTotal(_ memory: Memory, query: Expr) -> Expr {
    isOnline ? load(memory.total, query) * load(memory.older, query) : .constant(0, dtype)
  }

  private func totals(_ memory: Memory, _ place: Block, query: Expr, _ largest: Expr, _ total: Expr) -> [Statement] {
    var stores = [(memory.factor, factor(largest, total, place, query: query))]
    if isOnline { stores.append((memory.total, total)) }
    return stores.map { .store(buffer: $0, offset: query, value: $1, guard: nil) }
  }

  /// Scores become powers, queries in vectors.
  func weights(_ memory: Memory, _ place: Block) -> [Statement] {
    func loop(
      unroll: Int, _ body: (_ query: Expr, _ score: Expr, _ overKeys: ([Statement]) -> Statement) -> [Statement]
    ) -> Statement {
      let (query, key) = (scope.axis("q"), scope.axis("m"))
      let score = Expr.axis(key) * .int(width) + .axis(query)
      return .loop(
        Loop(
          query, place.queries, .vector(unroll: unroll),
          body(.axis(query), score) { .loop(Loop(key, place.keys, .serial, $0)) }))
    }
    return [
      loop(unroll: 4) { query, score, overKeys in
        let top = scope.local("top", dtype)
        return [
          .variable(top, startOfLargest(memory, query: query)),
          overKeys([.accumulate(top, .max, load(memory.scores, score))]),
        ] + largest(memory, query: query, .local(top))
      },
      loop(unroll: 2) { query, score, overKeys in
        let (top, shift) = (scope.local("top", dtype), scope.local("shift", dtype))
        let (total, power) = (scope.local("total", dtype), scope.local("power", dtype))
        return [
          .define(top, load(memory.largest, query)),
          .define(shift, finite(.local(top))),
          .variable(total, startOfTotal(memory, query: query)),
          overKeys([
            .define(power, .unary(.exp, load(memory.scores, score) - .local(shift))),
            .store(buffer: memory.scores, offset: score, value: .local(power), guard: nil),
            .accumulate(total, .sum, .local(power)),
          ]),
        ] + totals(memory, place, query: query, .local(top), .local(total))
      },
    ]
  }

  /// Products of a single query become scores, then powers, keys in vectors.
  func weightsOfOne(_ memory: Memory, _ place: Block) -> [Statement] {
    let zero = Expr.int(0)
    let (top, shift) = (scope.local("top", dtype), scope.local("shift", dtype))
    let (total, power, own) = (scope.local("total", dtype), scope.local("power", dtype), scope.local("score", dtype))
    func overKeys(_ body: (Expr) -> [Statement]) -> Statement {
      let key = scope.axis("m")
      return .loop(Loop(key, place.keys, .vector(unroll: 4), body(.axis(key))))
    }
    return [
      .variable(top, startOfLargest(memory, query: zero)),
      overKeys { key in
        let value = score(load(memory.scores, key)).substituting([index.key.axis: place.firstKey + key])
        return [
          .define(own, value), .store(buffer: memory.scores, offset: key, value: .local(own), guard: nil),
          .accumulate(top, .max, .local(own)),
        ]
      },
    ] + largest(memory, query: zero, .local(top)) + [
      .define(shift, finite(.local(top))),
      .variable(total, startOfTotal(memory, query: zero)),
      overKeys { key in
        [
          .define(power, .unary(.exp, load(memory.scores, key) - .local(shift))),
          .store(buffer: memory.scores, offset: key, value: .local(power), guard: nil),
          .accumulate(total, .sum, .local(power)),
        ]
      },
    ] + totals(memory, place, query: zero, .local(top), .local(total))
  }
}
