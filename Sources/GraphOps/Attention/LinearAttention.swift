// SPDX-License-Identifier: Apache-2.0
// Attention whose memory is one matrix a head.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// The state is kept in f32 (f64 for f64 operands), whatever the type of the operands.
package struct LinearAttention: Operation {
  package static let name = "LinearAttention"
  package static let summary =
    "A state S of each head, S = exp(decay) · S + k · vᵀ (delta: k · beta·(v - Sᵀk)ᵀ), read as scale · Sᵀq at each row."
  package static let operands = [
    Slot("query"), Slot("key"), Slot("value"), Slot("past_state", .optional), Slot("decay", .optional),
    Slot("beta", .optional),
  ]
  package static let results = [Slot("output"), Slot("present_state")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("q_num_heads", \.queryHeads, "heads of the query"),
      Attribute("kv_num_heads", \.keyHeads, "heads of key and value"),
      Attribute("scale", \.scale, "the factor of the result; 0: 1 / √width"),
      Attribute("update_rule", \.updateRule, "'linear', 'gated', 'delta' or 'gated_delta'"),
      Attribute("chunk_size", \.chunkSize, "a hint without meaning here"),
    ]
  }
  package var queryHeads = 0
  package var keyHeads = 0
  package var scale = 0.0
  package var updateRule = "gated_delta"
  package var chunkSize = 64
  package init() {}

  private var isGated: Bool { updateRule.hasPrefix("gated") }
  private var isDelta: Bool { updateRule.hasSuffix("delta") }

  /// Scratch memory is per thread.
  private static let stateLimit = 1 << 18

  /// The widths of a head of keys and of values.
  private func widths(_ operands: [TensorType?]) throws(TypeError) -> (key: Int, value: Int) {
    guard let q = operands[0], let k = operands[1], let v = operands[2] else {
      throw TypeError("'LinearAttention' needs three operands")
    }
    guard ["linear", "gated", "delta", "gated_delta"].contains(updateRule) else {
      throw TypeError(
        "'update_rule' of 'LinearAttention' is '\(updateRule)'",
        note: "it is 'linear', 'gated', 'delta' or 'gated_delta'")
    }
    guard queryHeads > 0, queryHeads <= 1 << 20, keyHeads > 0, queryHeads % keyHeads == 0 else {
      throw TypeError("'LinearAttention' cannot share \(keyHeads) heads among \(queryHeads)")
    }
    guard q.rank == 3, k.rank == 3, v.rank == 3, q.dtype.isFloat, k.dtype == q.dtype, v.dtype == q.dtype,
      let total = k.shape[2].value, let values = v.shape[2].value, total % keyHeads == 0, values % keyHeads == 0,
      k.shape.prefix(2) == q.shape.prefix(2), v.shape.prefix(2) == q.shape.prefix(2),
      total / keyHeads <= Self.stateLimit, values / keyHeads <= Self.stateLimit,
      q.shape[2] == Dim(total / keyHeads * queryHeads),
      total / keyHeads * (values / keyHeads) <= Self.stateLimit
    else { throw TypeError("'LinearAttention' does not take \(q), \(k) and \(v)", operand: 0) }
    let (key, value) = (total / keyHeads, values / keyHeads)
    let state = [q.shape[0], Dim(keyHeads), Dim(key), Dim(value)]
    if let past = optional(operands, 3), past.shape != state || !past.dtype.isFloat {
      let wanted = TensorType(q.dtype, state)
      throw TypeError("the past state of 'LinearAttention' is \(past), expected \(wanted)", operand: 3)
    }
    let (decay, beta) = (optional(operands, 4), optional(operands, 5))
    guard (decay != nil) == isGated, (beta != nil) == isDelta else {
      throw TypeError(
        "'LinearAttention' with the rule '\(updateRule)' takes \(isGated ? "a" : "no") decay and "
          + "\(isDelta ? "a" : "no") beta", operand: decay != nil ? 4 : 5)
    }
    if let decay {
      let isKnown = decay.rank == 3 && (decay.shape[2] == Dim(keyHeads) || decay.shape[2] == Dim(total))
      guard isKnown, decay.shape.prefix(2) == q.shape.prefix(2), decay.dtype.isFloat else {
        throw TypeError("the decay of 'LinearAttention' is \(decay)", operand: 4)
      }
    }
    if let beta {
      guard beta.rank == 3, beta.shape[2] == Dim(keyHeads) || beta.shape[2] == 1,
        beta.shape.prefix(2) == q.shape.prefix(2), beta.dtype.isFloat
      else { throw TypeError("beta of 'LinearAttention' is \(beta)", operand: 5) }
    }
    return (key, value)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let widths = try widths(operands)
    guard let q = operands[0] else { throw TypeError("'LinearAttention' needs three operands") }
    return [
      TensorType(q.dtype, [q.shape[0], q.shape[1], Dim(queryHeads * widths.value)]),
      TensorType(
        optional(operands, 3)?.dtype ?? q.dtype, [q.shape[0], Dim(keyHeads), Dim(widths.key), Dim(widths.value)]),
    ]
  }

  func factor(_ width: Int) -> Double { scale == 0 ? 1 / Double(max(1, width)).squareRoot() : scale }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let q = operands[0], let k = operands[1], let v = operands[2] else {
      throw TypeError("'LinearAttention' needs three operands")
    }
    let types = try inferTypes(operands.map { $0?.type })
    let (depth, width) = try widths(operands.map { $0?.type })
    let (decay, beta) = (optional(operands, 4), optional(operands, 5))
    let (batch, rows, group) = (q.shape[0], q.shape[1], queryHeads / keyHeads)
    var output = Reference(zeros: q.dtype, try staticSizes(types[0].shape, for: Self.name))
    let empty = Reference(zeros: q.dtype, try staticSizes(types[1].shape, for: Self.name))
    var state = optional(operands, 3) ?? empty
    for b in 0..<batch {
      for h in 0..<keyHeads {
        let base = (b * keyHeads + h) * depth * width
        for t in 0..<rows {
          let row = b * rows + t
          if let decay {
            let count = decay.shape[2]
            for d in 0..<depth {
              let rate = exp(decay.reals[row * count + (count == keyHeads ? h : h * depth + d)])
              for m in 0..<width { state.reals[base + d * width + m] *= rate }
            }
          }
          for m in 0..<width {
            var value = v.reals[(row * keyHeads + h) * width + m]
            if let beta {
              var known = 0.0
              for d in 0..<depth {
                known += state.reals[base + d * width + m] * k.reals[(row * keyHeads + h) * depth + d]
              }
              value = beta.reals[row * beta.shape[2] + (beta.shape[2] == 1 ? 0 : h)] * (value - known)
            }
            for d in 0..<depth {
              state.reals[base + d * width + m] += k.reals[(row * keyHeads + h) * depth + d] * value
            }
          }
          for head in h * group..<(h + 1) * group {
            for m in 0..<width {
              var sum = 0.0
              for d in 0..<depth {
                sum += q.reals[(row * queryHeads + head) * depth + d] * state.reals[base + d * width + m]
              }
              output.reals[(row * queryHeads + head) * width + m] = factor(depth) * sum
            }
          }
        }
      }
    }
    return [output, state]
  }

  /// A tile is one head of keys of one batch entry; its state is in scratch memory.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let q = types.operands[0], let (depth, width) = try? widths(types.operands) else { return .leaf }
    let dtype: DType = q.dtype == .f64 ? .f64 : .f32
    let group = queryHeads / keyHeads
    return .loops { context in
      context.tileCount = q.shape[0] * Dim(keyHeads)
      let state = context.scratch("state", dtype, count: max(1, depth * width))
      let line = context.scratch("line", dtype, count: max(1, width))
      let tile = Expr.axis(context.tileAxis)
      let (b, h) = (Expr.floorDiv(tile, .int(keyHeads)), Expr.mod(tile, .int(keyHeads)))
      let time = context.axis("t")
      let row = b * context.size(q.shape[1]) + .axis(time)
      func load(_ operand: Int, _ offset: Expr) -> Expr { context.load(operand, at: offset).cast(to: dtype) }
      func at(_ buffer: Int, _ offset: Expr) -> Expr { .load(buffer, dtype, at: offset) }
      func set(_ buffer: Int, _ offset: Expr, _ value: Expr) -> Statement {
        .store(buffer: buffer, offset: offset, value: value, guard: nil)
      }
      /// A loop over the elements of a value.
      func across(_ body: (Expr) -> [Statement]) -> Statement {
        let axis = context.axis("m")
        return .loop(Loop(axis, .int(width), .vector(unroll: 1), body(.axis(axis))))
      }
      func down(_ body: (Expr) -> [Statement]) -> Statement {
        let axis = context.axis("d")
        return .loop(Loop(axis, .int(depth), .serial, body(.axis(axis))))
      }
      let (fill, store) = (context.axis("i"), context.axis("i"))
      let hasPast = context.types.operands.count > 3 && context.types.operands[3] != nil
      let flat = tile * .int(depth * width)
      var statements: [Statement] = []
      if hasPast {
        let value = load(3, flat + .axis(fill))
        statements.append(.loop(Loop(fill, .int(depth * width), .serial, [set(state, .axis(fill), value)])))
      } else {
        statements.append(down { d in [across { m in [set(state, d * .int(width) + m, .constant(0, dtype))] }] })
      }
      var step: [Statement] = []
      func key(_ d: Expr) -> Expr { load(1, (row * .int(keyHeads) + h) * .int(depth) + d) }
      if isGated, let decay = context.types.operands[4] {
        let perHead = decay.shape[2] == Dim(keyHeads)
        let rate = context.local("rate", dtype)
        step.append(
          down { d in
            let count = perHead ? keyHeads : keyHeads * depth
            let place = row * .int(count) + (perHead ? h : h * .int(depth) + d)
            return [
              .define(rate, .unary(.exp, load(4, place))),
              across { m in
                let offset = d * .int(width) + m
                return [set(state, offset, at(state, offset) * .local(rate))]
              },
            ]
          })
      }
      func value(_ m: Expr) -> Expr { load(2, (row * .int(keyHeads) + h) * .int(width) + m) }
      step.append(across { m in [set(line, m, value(m))] })
      if isDelta, let beta = context.types.operands[5] {
        let element = context.local("element", dtype)
        step.append(
          down { d in
            [
              .define(element, key(d)),
              across { m in [set(line, m, at(line, m) - at(state, d * .int(width) + m) * .local(element))] },
            ]
          })
        let isShared = beta.shape[2] == 1
        let factor = load(5, isShared ? row : row * .int(keyHeads) + h)
        let strength = context.local("beta", dtype)
        step.append(.define(strength, factor))
        step.append(across { m in [set(line, m, at(line, m) * .local(strength))] })
      }
      let written = context.local("key", dtype)
      step.append(
        down { d in
          [
            .define(written, key(d)),
            across { m in
              let offset = d * .int(width) + m
              return [set(state, offset, at(state, offset) + .local(written) * at(line, m))]
            },
          ]
        })
      let reader = context.axis("head")
      let head = h * .int(group) + .axis(reader)
      let asked = context.local("query", dtype)
      let queryRow = row * .int(queryHeads) + head
      let read: [Statement] = [
        across { m in [set(line, m, .constant(0, dtype))] },
        down { d in
          [
            .define(asked, load(0, queryRow * .int(depth) + d)),
            across { m in [set(line, m, at(line, m) + at(state, d * .int(width) + m) * .local(asked))] },
          ]
        },
        across { m in
          let result = (at(line, m) * factor(depth)).cast(to: q.dtype.computeType)
          return [context.store(0, at: queryRow * .int(width) + m, result)]
        },
      ]
      step.append(.loop(Loop(reader, .int(group), .serial, read)))
      statements.append(.loop(Loop(time, context.size(q.shape[1]), .serial, step)))
      let last = at(state, .axis(store)).cast(to: context.types.results[1].dtype.computeType)
      statements.append(
        .loop(Loop(store, .int(depth * width), .serial, [context.store(1, at: flat + .axis(store), last)])))
      return statements
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = LinearAttention()
    operation.updateRule = random.pick(["linear", "gated", "delta", "gated_delta"])
    operation.keyHeads = random.int(1...2)
    operation.queryHeads = operation.keyHeads * random.int(1...2)
    operation.scale = random.pick([0, 0.5])
    let (batch, rows, depth, width) = (random.int(1...2), random.int(1...4), random.int(1...3), random.int(1...5))
    let dtype = random.dtype([.f32, .f64])
    func type(_ last: Int) -> TensorType { TensorType(dtype, [Dim(batch), Dim(rows), Dim(last)]) }
    let heads = operation.keyHeads
    let state = TensorType(dtype, [batch, heads, depth, width].map { Dim($0) })
    return Sample(
      operation,
      [
        type(operation.queryHeads * depth), type(heads * depth), type(heads * width), random.bool() ? state : nil,
        operation.isGated ? type(random.bool() ? heads : heads * depth) : nil,
        operation.isDelta ? type(random.bool() ? heads : 1) : nil,
      ], ranges: [0: -1...1, 1: -1...1, 2: -1...1, 4: -1...0, 5: 0...1])
  }
}
