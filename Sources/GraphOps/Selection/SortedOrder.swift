// SPDX-License-Identifier: Apache-2.0
// The order in which rows are sorted, by a stable merge sort.

import GraphIR
import KernelIR
import TensorCore

/// What TopK, Unique and NonMaxSuppression sort with; not an operator of ONNX.
package struct SortedOrder: Operation {
  package static let name = "SortedOrder"
  package static let summary =
    "For each row of [rows, items, keys] the positions of its items in order of their keys; the second result is room."
  package static let operands = [Slot("data")]
  package static let results = [Slot("order"), Slot("room")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("descending", \.descending, "whether the largest comes first; NaN counts as larger than everything")]
  }
  package var descending = false
  package init() {}
  package init(descending: Bool) { self.descending = descending }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let data = operands[0], data.rank == 3 else {
      throw TypeError("'SortedOrder' is given \(operands[0].map(\.description) ?? "nothing"), expected 3 axes")
    }
    let order = TensorType(.i64, Array(data.shape[..<2]))
    return [order, order]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let data = operands[0] else { throw TypeError("'SortedOrder' needs an operand") }
    let (rows, items, keys) = (data.shape[0], data.shape[1], data.shape[2])
    func comesFirst(_ a: Int, _ b: Int) -> Bool {
      for key in 0..<keys {
        let (x, y) = (a * keys + key, b * keys + key)
        let isLess: Bool
        let isGreater: Bool
        if data.dtype.isFloat {
          let (p, q) = (data.reals[x], data.reals[y])
          isLess = p < q || (q.isNaN && !p.isNaN)
          isGreater = q < p || (p.isNaN && !q.isNaN)
        } else {
          isLess = GraphOps.isLess(data.integers[x], data.integers[y], data.dtype)
          isGreater = GraphOps.isLess(data.integers[y], data.integers[x], data.dtype)
        }
        if isLess || isGreater { return descending ? isGreater : isLess }
      }
      // Equal items stay in their order.
      return a < b
    }
    var order = Reference(zeros: .i64, [rows, items])
    for row in 0..<rows {
      let sorted = (row * items..<(row + 1) * items).sorted(by: comesFirst)
      for (place, item) in sorted.enumerated() { order.integers[row * items + place] = Int64(item - row * items) }
    }
    // The room is unspecified; both hold the order, so that evaluation and kernels agree.
    return [order, order]
  }

  /// A tile is one row: runs of 1, 2, 4 … items are merged from the order into the room, and copied back.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let data = types.operands[0] else { return .leaf }
    return .loops { context in
      context.tileCount = data.shape[0]
      let (items, keys) = (context.size(data.shape[1]), context.size(data.shape[2]))
      let row = Expr.axis(context.tileAxis)
      let base = row * items
      let (order, room) = (context.resultBuffer(0), context.resultBuffer(1))
      func local(_ name: String, _ dtype: DType = .i64) -> Local { context.local(name, dtype) }
      func item(_ buffer: Int, _ place: Expr) -> Expr {
        .load(buffer, .i64, at: base + .max(.int(0), .min(place, items - .int(1))))
      }
      /// Defines whether the key of item `b` comes strictly before that of item `a`.
      func comparison(_ a: Local, _ b: Local, _ result: Local) -> [Statement] {
        func compare(_ key: Expr) -> (define: [Statement], before: Expr, after: Expr) {
          let (x, y) = (local("x", data.dtype.computeType), local("y", data.dtype.computeType))
          func load(_ which: Local) -> Expr { context.load(0, at: (base + .local(which)) * keys + key) }
          let (p, q) = (Expr.local(x), Expr.local(y))
          let wide = data.dtype == .bool
          func less(_ a: Expr, _ b: Expr) -> Expr {
            let plain = wide ? Expr.less(a.cast(to: .i32), b.cast(to: .i32)) : .less(a, b)
            if !data.dtype.isFloat { return plain }
            return plain || (.unary(.isNaN, b) && .unary(.not, .unary(.isNaN, a)))
          }
          let (before, after) = descending ? (less(p, q), less(q, p)) : (less(q, p), less(p, q))
          return ([.define(x, load(a)), .define(y, load(b))], before, after)
        }
        let (key, state) = (local("key"), local("state"))
        let (define, before, after) = compare(.local(key))
        return [
          .variable(key, .int(0)), .variable(state, .int(0)),
          .repeatWhile(
            .less(.local(key), keys) && .binary(.eq, .local(state), .int(0)),
            define + [
              .assign(state, .select(before, .int(1), .select(after, .int(2), .int(0)))),
              .assign(key, .local(key) + .int(1)),
            ]),
          .variable(result, .select(.binary(.eq, .local(state), .int(1)), .int(1), .int(0))),
        ]
      }

      let (width, start) = (local("width"), local("start"))
      let (middle, end, left, right, place) = (local("middle"), local("end"), local("left"), local("right"), local("place"))
      let (a, b, isRight, takesRight) = (local("a"), local("b"), local("isBefore"), local("takesRight"))
      let merge: [Statement] =
        [.define(a, item(order, .local(left))), .define(b, item(order, .local(right)))] + comparison(a, b, isRight) + [
          .define(
            takesRight,
            .select(
              .binary(.ge, .local(left), .local(middle))
                || (.less(.local(right), .local(end)) && .binary(.eq, .local(isRight), .int(1))),
              .int(1), .int(0))),
          .store(
            buffer: room, offset: base + .local(place),
            value: .select(.binary(.eq, .local(takesRight), .int(1)), .local(b), .local(a)), guard: nil),
          .assign(right, .local(right) + .local(takesRight)),
          .assign(left, .local(left) + (.int(1) - .local(takesRight))),
          .assign(place, .local(place) + .int(1)),
        ]
      let (fill, copy, last) = (context.axis("i"), context.axis("c"), context.axis("l"))
      return [
        .loop(Loop(fill, items, .serial, [.store(buffer: order, offset: base + .axis(fill), value: .axis(fill), guard: nil)])),
        .variable(width, .int(1)),
        .repeatWhile(
          .less(.local(width), items),
          [
            .variable(start, .int(0)),
            .repeatWhile(
              .less(.local(start), items),
              [
                .define(middle, .min(.local(start) + .local(width), items)),
                .define(end, .min(.local(start) + .local(width) + .local(width), items)),
                .variable(left, .local(start)), .variable(right, .local(middle)), .variable(place, .local(start)),
                .repeatWhile(.less(.local(place), .local(end)), merge),
                .assign(start, .local(end)),
              ]),
            .loop(
              Loop(
                copy, items, .serial,
                [.store(buffer: order, offset: base + .axis(copy), value: .load(room, .i64, at: base + .axis(copy)), guard: nil)])),
            .assign(width, .local(width) + .local(width)),
          ]),
        .loop(
          Loop(
            last, items, .serial,
            [.store(buffer: room, offset: base + .axis(last), value: .load(order, .i64, at: base + .axis(last)), guard: nil)])),
      ]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let dtype = random.dtype([.f32, .f64, .i32, .u8, .bool])
    return Sample(
      SortedOrder(descending: random.bool()),
      [TensorType(dtype, [Dim(random.int(1...4)), Dim(random.size()), Dim(random.int(1...3))])])
  }
}
