// SPDX-License-Identifier: Apache-2.0
// The gradient of LinearAttention: that of a Scan over the rows, which computes the same.

import GraphIR
import TensorCore

extension LinearAttention {
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    let given = context.operands.indices.filter { context.operands[$0] != nil }
    var region = GraphBuilder(name: "linear attention", symbols: context.builder.graph.symbols)
    var operands = [ValueID?](repeating: nil, count: Self.operands.count)
    for place in given {
      guard let operand = context.operands[place] else { continue }
      operands[place] = region.input(Self.operands[place].name, context.type(operand))
    }
    for (slot, value) in zip(Self.results, try overRows(&region, operands)) { region.output(slot.name, value) }
    let derived = try context.differentiate(region.graph)
    var values = given.compactMap { context.operands[$0] }
    for (seed, result) in zip(context.seeds, context.results) {
      let type = context.type(result)
      let none = try context.emit(ConstantOfShape(type.shape, 0, type.dtype))
      values.append(seed ?? none)
    }
    var gradients = context.operands.map { _ in ValueID?.none }
    for (place, gradient) in zip(given, try context.builder.inline(derived, values)) { gradients[place] = gradient }
    return gradients
  }

  /// The operator as a Scan whose state is `[B, heads, depth, width]`.
  private func overRows(
    _ builder: inout GraphBuilder, _ operands: [ValueID?]
  ) throws(TypeError) -> [ValueID] {
    let types = operands.map { $0.map { builder.type($0) } }
    let results = try inferTypes(types)
    guard let q = operands[0], let k = operands[1], let v = operands[2], results.count == 2,
      let depth = results[1].shape[2].value
    else { throw TypeError("'LinearAttention' needs three operands") }
    let state = results[1].shape
    let (batch, heads, width) = (state[0], state[1], state[3])
    let group = Dim(queryHeads / keyHeads)
    var scanned: [ValueID] = []
    for operand in [q, k, v, operands[4], operands[5]].compactMap({ $0 }) { scanned.append(try builder.widened(operand)) }
    let dtype = builder.type(scanned[0]).dtype
    let start: ValueID
    if let past = operands[3] {
      start = try builder.narrowed(past, to: dtype)
    } else {
      start = try builder.emit(ConstantOfShape(state, 0, dtype))
    }

    var body = GraphBuilder(name: "row", symbols: builder.graph.symbols)
    let before = body.input("state", TensorType(dtype, state))
    var slices = scanned.map { value in
      let type = builder.type(value)
      return body.input("x", TensorType(type.dtype, [type.shape[0], type.shape[2]]))
    }[...]
    func next() throws(TypeError) -> ValueID {
      guard let slice = slices.popFirst() else { throw TypeError("an operand of 'LinearAttention' is missing") }
      return try body.narrowed(slice, to: dtype)
    }
    let query = try body.reshaped(try next(), [batch, heads, group, Dim(depth)])
    let key = try body.reshaped(try next(), [batch, heads, Dim(depth), 1])
    var value = try body.reshaped(try next(), [batch, heads, 1, width])
    var kept = before
    if operands[4] != nil {
      let decay = try next()
      // One rate for a head, or one for each row of its state.
      let rows = body.type(decay).shape[1] == heads ? 1 : Dim(depth)
      let rate = try body.emit(Exp(), try body.reshaped(decay, [batch, heads, rows, 1]))
      kept = try body.mul(kept, rate)
    }
    if operands[5] != nil {
      let beta = try next()
      let known = try body.emit(ReduceSum(axes: [2]), try body.mul(kept, key))
      let strength = try body.reshaped(beta, [batch, body.type(beta).shape[1], 1, 1])
      value = try body.mul(strength, try body.sub(value, known))
    }
    let after = try body.add(kept, try body.mul(key, value))
    let read = try body.scaled(try body.emit(MatMul(), query, after), by: factor(depth))
    body.output("state", after)
    body.output("y", try body.reshaped(read, [batch, heads * group * width]))
    var scan = Scan(body.graph, carried: 1, inputs: scanned.count)
    scan.inputAxes = scanned.map { _ in 1 }
    scan.outputAxes = [1]
    let found = try builder.emitAny(scan, [start] + scanned)
    return [try builder.narrowed(found[1], to: results[0].dtype), try builder.narrowed(found[0], to: results[1].dtype)]
  }
}
