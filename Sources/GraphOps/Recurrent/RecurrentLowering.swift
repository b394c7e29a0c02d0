// SPDX-License-Identifier: Apache-2.0
// Recurrent operators as one product for the inputs of all steps and a Scan over the steps. Where a step has a single
// feature, its product is less work than reading it from memory and is left to the step.

import GraphIR
import TensorCore

/// What the operators of one step read.
struct LoweredCell {
  let units: Dim
  /// `[B, H]` each.
  let states: [ValueID]
  /// The step's `x·Wᵀ + Wb` (with `Rb` wherever it is only added), `[B, G·H]`.
  let input: ValueID
  /// `Rᵀ`, `[H, G·H]`.
  let recurrent: ValueID
  /// `Rb`, `[G·H]`, for the operators that do more than add it.
  let bias: ValueID?
  /// `[3·H]`
  let peepholes: ValueID?
  let activations: [RecurrentActivation]
  let clip: Double?

  /// An activation of a clipped value.
  func activate(_ number: Int, _ x: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    try activations[number].emit(
      try clip.map { (limit) throws(TypeError) in try builder.emit(Clip(min: -limit, max: limit), x) } ?? x, &builder)
  }

  /// A gate's columns.
  func gate(_ number: Int, of value: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let axis = builder.type(value).rank - 1
    return try builder.emit(Slice(axis: axis, from: Dim(number) * units, to: Dim(number + 1) * units), value)
  }
}

/// What the Scan takes slices of.
private struct ScannedInput {
  /// `[T, B, G·H]`: the product; `[T, B, 1]` with weights.
  let value: ValueID
  /// `[1, G·H]` and `[G·H]`: what the steps multiply the slices by and add.
  var weights: ValueID?
  var bias: ValueID?
}

extension RecurrentOperation {
  /// Whether `Rb` is only ever added to what `Wb` is added to, so that one sum serves all steps.
  var addsBiasesTogether: Bool { (self as? GRU).map { !$0.linearBeforeReset } ?? true }

  /// Whether a step is one product, so that one kernel alone reads the step's input.
  private var hasOneProduct: Bool { (self as? GRU)?.linearBeforeReset ?? true }

  func overSteps(_ builder: inout GraphBuilder, _ operands: [ValueID?]) throws(TypeError) -> [ValueID] {
    guard let x = operands[0], let w = operands[1], let r = operands[2] else { throw TypeError("an operand is missing") }
    func operand(_ number: Int) -> ValueID? { number < operands.count ? operands[number] : nil }
    let dtype = builder.type(x).dtype
    let (steps, batch, features, units) = try sizes(operands.map { $0.map { builder.type($0) } })
    let rows = Dim(Self.gateCount) * units
    let isStepsFirst = recurrence.layout == 0
    let isSingle = features == 1 && hasOneProduct
    var steppedX = try builder.widened(x)
    if !isStepsFirst { steppedX = try builder.emit(Transpose(perm: [1, 0, 2]), steppedX) }
    let flatX = try builder.emit(Reshape(exactly: [steps * batch, features]), steppedX)
    let activations = try activationList()
    let perDirection = Self.defaultActivations.count
    let mask = try operand(4).map { (lengths) throws(TypeError) in try stepMask(lengths, steps, batch, &builder) }

    var outputs: [ValueID] = []
    var finals = [[ValueID]](repeating: [], count: Self.stateCount)
    for (direction, isReversed) in recurrence.isReversed.enumerated() {
      func part(_ value: ValueID, _ shape: [Dim]) throws(TypeError) -> ValueID {
        let slice = try builder.emit(Slice(axis: 0, from: Dim(direction), to: Dim(direction + 1)), try builder.widened(value))
        return try builder.emit(Reshape(exactly: shape), slice)
      }
      let weights = try builder.emit(Transpose(perm: [1, 0]), try part(w, [rows, features]))
      var input = isSingle ? steppedX : try builder.emit(MatMul(), flatX, weights)
      var (inputBias, ownBias): (ValueID?, ValueID?)
      if let bias = operand(3) {
        let both = try part(bias, [2 * rows])
        let first = try builder.emit(Slice(axis: 0, from: 0, to: rows), both)
        let second = try builder.emit(Slice(axis: 0, from: rows, to: 2 * rows), both)
        inputBias = addsBiasesTogether ? try builder.emit(Add(), first, second) : first
        ownBias = addsBiasesTogether ? nil : second
      }
      if !isSingle {
        if let inputBias { input = try builder.emit(Add(), input, inputBias) }
        input = try builder.emit(Reshape(exactly: [steps, batch, rows]), input)
      }
      let recurrent = try builder.emit(Transpose(perm: [1, 0]), try part(r, [rows, units]))
      var initial: [ValueID] = []
      for state in 0..<Self.stateCount {
        if let given = operand(5 + state) {
          let axis = isStepsFirst ? 0 : 1
          let slice = try builder.emit(
            Slice(axis: axis, from: Dim(direction), to: Dim(direction + 1)), try builder.widened(given))
          initial.append(try builder.emit(Reshape(exactly: [batch, units]), slice))
        } else {
          initial.append(try builder.emit(ConstantOfShape([batch, units], 0, builder.type(input).dtype)))
        }
      }
      let peepholes = try Self.operands.count > 7 ? operand(7).map { (p) throws(TypeError) in try part(p, [3 * units]) } : nil
      let results = try scan(
        ScannedInput(value: input, weights: isSingle ? weights : nil, bias: isSingle ? inputBias : nil), mask, initial,
        recurrent, ownBias, peepholes, isReversed: isReversed,
        Array(activations[direction * perDirection..<(direction + 1) * perDirection]), &builder)
      for state in 0..<Self.stateCount {
        let shape = isStepsFirst ? [1, batch, units] : [batch, 1, units]
        finals[state].append(try builder.emit(Reshape(exactly: shape), results[state]))
      }
      outputs.append(try builder.emit(Reshape(exactly: [steps, 1, batch, units]), results[Self.stateCount]))
    }
    var y = outputs.count == 1 ? outputs[0] : try builder.emitAny(Concat(axis: 1), outputs)[0]
    if !isStepsFirst { y = try builder.emit(Transpose(perm: [2, 0, 1, 3]), y) }
    var all = [try builder.narrowed(y, to: dtype)]
    for parts in finals {
      let whole = parts.count == 1 ? parts[0] : try builder.emitAny(Concat(axis: isStepsFirst ? 0 : 1), parts)[0]
      all.append(try builder.narrowed(whole, to: dtype))
    }
    return all
  }

  /// `[T, B, 1]`: whether a step is within a row's length.
  private func stepMask(
    _ lengths: ValueID, _ steps: Dim, _ batch: Dim, _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    let numbers = try builder.emit(NumberRange(count: steps, builder.type(lengths).dtype))
    return try builder.emit(
      Less(), try builder.emit(Reshape(exactly: [steps, 1, 1]), numbers),
      try builder.emit(Reshape(exactly: [1, batch, 1]), lengths))
  }

  /// Final states, the outputs of all steps, and the other states after all steps (which only gradients read).
  private func scan(
    _ input: ScannedInput, _ mask: ValueID?, _ initial: [ValueID], _ recurrent: ValueID, _ bias: ValueID?,
    _ peepholes: ValueID?, isReversed: Bool, _ activations: [RecurrentActivation], _ builder: inout GraphBuilder
  ) throws(TypeError) -> [ValueID] {
    var body = GraphBuilder(name: "step", symbols: builder.graph.symbols)
    body.origin = builder.origin
    func slice(_ name: String, _ value: ValueID) -> ValueID {
      let type = builder.type(value)
      return body.input(name, TensorType(type.dtype, Array(type.shape.dropFirst())))
    }
    let states = initial.enumerated().map { body.input("state\($0)", builder.type($1)) }
    var stepInput = slice("input", input.value)
    let stepMask = mask.map { slice("mask", $0) }
    let captures = [recurrent, bias, peepholes, input.weights, input.bias].compactMap { $0 }
    func capture(_ name: String, _ value: ValueID?) -> ValueID? { value.map { body.input(name, builder.type($0)) } }
    guard let weights = capture("recurrent", recurrent), let units = builder.type(recurrent).shape.first else {
      throw TypeError("an operand is missing")
    }
    let (ownBias, ownPeepholes) = (capture("bias", bias), capture("peepholes", peepholes))
    if let inputWeights = capture("input_weights", input.weights) {
      stepInput = try body.emit(Mul(), stepInput, inputWeights)
      if let inputBias = capture("input_bias", input.bias) { stepInput = try body.emit(Add(), stepInput, inputBias) }
    }
    var read = states
    if recurrence.roundsState { read[0] = try body.roundedToBytes(read[0]) }
    let cell = LoweredCell(
      units: units, states: read, input: stepInput, recurrent: weights, bias: ownBias, peepholes: ownPeepholes,
      activations: activations, clip: recurrence.clip)
    var next = try step(cell, &body)
    var output = next[0]
    if let stepMask {
      output = try body.emit(Where(), stepMask, next[0], try body.scalar(0, like: next[0]))
      for (number, state) in states.enumerated() { next[number] = try body.emit(Where(), stepMask, next[number], state) }
    }
    for (number, value) in next.enumerated() { body.output("state\(number)", value) }
    body.output("y", output)
    for (number, value) in next.enumerated() where number > 0 || output != value { body.output("after\(number)", value) }
    var scan = Scan(body.graph, carried: initial.count, inputs: mask == nil ? 1 : 2)
    if isReversed {
      scan.inputDirections = mask == nil ? [1] : [1, 1]
      scan.outputDirections = [Int](repeating: 1, count: body.graph.outputs.count - initial.count)
    }
    return try builder.emitAny(scan, initial + [input.value] + (mask.map { [$0] } ?? []) + captures)
  }
}

extension GraphBuilder {
  /// An f32 tensor as DynamicQuantizeLinear rounds it.
  mutating func roundedToBytes(_ x: ValueID) throws(TypeError) -> ValueID {
    let parts = try emitAny(DynamicQuantizeLinear(), [x])
    return try emit(DequantizeLinear(), parts[0], parts[1], parts[2])
  }
}
