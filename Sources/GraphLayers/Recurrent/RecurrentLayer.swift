// SPDX-License-Identifier: Apache-2.0
// What Keras' recurrent layers share: options, masks, directions, and one Scan over the steps.

import GraphIR
import GraphOps
import TensorCore

/// The arguments of a recurrent layer.
package struct RecurrentOptions: Sendable {
  var units = 0
  var activation: String? = "tanh"
  var recurrentActivation: String? = "sigmoid"
  var useBias = true
  var kernel = WeightOptions("glorot_uniform")
  var recurrent = WeightOptions("orthogonal")
  var bias = WeightOptions("zeros")
  var dropout = 0.0
  var recurrentDropout = 0.0
  var seed: Int?
  var returnsSequences = false
  var returnsState = false
  var goesBackwards = false
  var isStateful = false
  var unrolls = false
  var cudnn = "auto"
}

/// A layer that goes over the steps of [N, steps, features] with a state.
package protocol RecurrentLayer: Layer {
  var options: RecurrentOptions { get set }
  /// The states by the names that ports read them with; the first is the output.
  static var states: [String] { get }
  /// What the steps need: the input of each from all inputs at once, and weights.
  func prepare(_ context: inout LayerContext, _ x: ValueID) throws(TypeError) -> RecurrentPreparation
  /// New states from old ones and the step's input.
  func step(
    _ cell: inout LayerContext, _ input: ValueID, _ states: [ValueID], _ weights: [ValueID]
  ) throws(TypeError) -> [ValueID]
}

/// What is computed once for all steps.
package struct RecurrentPreparation {
  /// [N, steps, …]
  var inputs: ValueID
  /// What every step reads unchanged.
  var weights: [ValueID]
  /// The shape of a state behind the batch.
  var state: [Dim]
}

/// What a recurrence gives.
struct Recurrence {
  /// The output of the last step.
  var last: ValueID
  /// [N, steps, …]
  var sequence: ValueID
  var states: [ValueID]
}

extension RecurrentLayer {
  package static var inputs: [Slot] {
    [Slot("inputs")] + stateSlots + [Slot("mask", .optional)]
  }

  /// `initial_state` for the first state, `initial_cell` for one of the name `cell`.
  private static var stateSlots: [Slot] {
    states.enumerated().map { Slot($0.offset == 0 ? "initial_state" : "initial_\($0.element)", .optional) }
  }

  /// The arguments of all recurrent layers, with those of one kind between.
  static func recurrentArguments(gated: Bool, _ own: [Attribute<Self>] = []) -> [Attribute<Self>] {
    let gate = [Attribute<Self>("recurrent_activation", \.options.recurrentActivation, "the activation of the gates")]
    return [
      Attribute("units", \.options.units, "the size of the state"),
      Attribute("activation", \.options.activation, "the activation of the state"),
    ] + (gated ? gate : []) + [Attribute("use_bias", \.options.useBias, "whether biases are added")]
      + weight("kernel", \.options.kernel) + weight("recurrent", \.options.recurrent) + weight("bias", \.options.bias)
      + own + sequenceArguments
  }

  /// The arguments that say what is read and returned.
  static var sequenceArguments: [Attribute<Self>] {
    [
      Attribute("dropout", \.options.dropout, "the fraction of the inputs that training drops"),
      Attribute("recurrent_dropout", \.options.recurrentDropout, "the fraction of the state that training drops"),
      Attribute("seed", \.options.seed, "the seed of the dropout"),
      Attribute("return_sequences", \.options.returnsSequences, "whether the outputs of all steps are the result"),
      Attribute("return_state", \.options.returnsState, "whether the final states are results too"),
      Attribute("go_backwards", \.options.goesBackwards, "whether the steps are read from the last to the first"),
      Attribute("stateful", \.options.isStateful, "false: a graph keeps nothing between runs"),
      Attribute("unroll", \.options.unrolls, "accepted and without effect: the compiler chooses"),
    ]
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    try buildRecurrent(&context, inputs)
  }

  func buildRecurrent(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    let mask = context.mask(inputs[1 + Self.states.count], of: inputs[0])
    let recurrence = try run(
      &context, x, Array(inputs[1...Self.states.count]), mask: mask, backwards: options.goesBackwards,
      zerosMasked: false, alignsOutputs: false)
    let y = options.returnsSequences ? recurrence.sequence : recurrence.last
    if options.returnsSequences, let mask { context.masks[y] = mask }
    let states = zip(Self.states, recurrence.states).map { LayerOutput($0, $1) }
    return result(y) + (options.returnsState ? states : [])
  }

  /// Goes over the steps.
  ///
  /// - Parameters:
  ///   - initial: the states before the first step; zeros where they are nil.
  ///   - mask: [N, steps]; a step that it leaves out changes nothing and repeats the output before it.
  ///   - zerosMasked: such a step's output is zeros instead.
  ///   - alignsOutputs: the outputs of a backward run stand at their steps; otherwise in the order they are made.
  func run(
    _ context: inout LayerContext, _ x: ValueID, _ initial: [ValueID?], mask: ValueID?, backwards: Bool,
    zerosMasked: Bool, alignsOutputs: Bool
  ) throws(TypeError) -> Recurrence {
    guard !options.isStateful else {
      throw TypeError(
        "'stateful' of '\(Self.name)' has no meaning in a graph, which keeps nothing between runs",
        note: "read the state with return_state = true and give it back as initial_state")
    }
    let prepared = try prepare(&context, x)
    let (type, dtype) = (context.type(x), context.type(prepared.inputs).dtype)
    let stateType = TensorType(dtype, [type.shape[0]] + prepared.state)
    if let mask, context.type(mask).shape != Array(type.shape[..<2]) {
      throw TypeError("the mask of '\(Self.name)' is \(context.type(mask)), the input is \(type)")
    }
    var operands: [ValueID] = []
    for (name, given) in zip(Self.states, initial) {
      if let given, context.type(given) != stateType {
        throw TypeError("the initial '\(name)' of '\(Self.name)' is \(context.type(given)), expected \(stateType)")
      }
      let zeros = try context.emit(ConstantOfShape(stateType.shape, 0, dtype))
      operands.append(given ?? zeros)
    }

    // The region of one step: states, with a mask the output before; input, mask; weights.
    var cell = LayerContext(
      builder: GraphBuilder(name: "\(Self.name) step", symbols: context.builder.graph.symbols), path: context.path)
    let states = Self.states.map { cell.builder.input($0, stateType) }
    let isMasked = mask != nil
    let before = isMasked ? cell.builder.input("before", stateType) : nil
    if isMasked { operands.append(try context.emit(ConstantOfShape(stateType.shape, 0, dtype))) }
    let inputShape = context.type(prepared.inputs).shape
    let input = cell.builder.input("input", TensorType(dtype, [inputShape[0]] + inputShape[2...]))
    operands.append(prepared.inputs)
    var isKept: ValueID?
    if let mask {
      isKept = cell.builder.input("mask", TensorType(.bool, [inputShape[0]]))
      operands.append(try context.bools(mask))
    }
    let weights = prepared.weights.enumerated().map {
      cell.builder.input("weight\($0.offset)", context.type($0.element))
    }
    operands += prepared.weights
    let next = try step(&cell, input, states, weights)
    var output = next[0]
    if let kept = isKept, let before {
      let aligned = try cell.emit(Unsqueeze(axes: Array(1...prepared.state.count)), kept)
      for (number, (new, old)) in zip(next, states).enumerated() {
        cell.builder.output(Self.states[number], try cell.emit(Where(), aligned, new, old))
      }
      let carried = try cell.emit(Where(), aligned, output, before)
      cell.builder.output("before", carried)
      output = zerosMasked ? try cell.emit(Where(), aligned, output, try cell.scalar(0, like: output)) : carried
    } else {
      for (name, new) in zip(Self.states, next) { cell.builder.output(name, new) }
    }
    cell.builder.output("output", output)

    let carried = Self.states.count + (isMasked ? 1 : 0)
    var scan = Scan(cell.builder.graph, carried: carried, inputs: isMasked ? 2 : 1)
    scan.inputAxes = [Int](repeating: 1, count: scan.inputCount)
    scan.outputAxes = [1]
    if backwards {
      scan.inputDirections = [Int](repeating: 1, count: scan.inputCount)
      scan.outputDirections = [alignsOutputs ? 1 : 0]
    }
    let results = try context.builder.emitAll(scan, operands)
    return Recurrence(
      last: isMasked ? results[Self.states.count] : results[0], sequence: results[carried],
      states: Array(results[..<Self.states.count]))
  }

  /// Checks the input, and multiplies the inputs of all steps with the kernel at once.
  func project(
    _ context: inout LayerContext, _ x: ValueID, gates: Int, bias: ValueID?
  ) throws(TypeError) -> (inputs: ValueID, recurrent: ValueID) {
    let dtype = context.type(x).dtype
    let columns = Dim(gates) * Dim(options.units)
    let kernel = try context.parameter("kernel", [context.type(x).shape[2], columns], options.kernel, dtype: dtype)
    let recurrent = try context.parameter(
      "recurrent_kernel", [Dim(options.units), columns], options.recurrent, dtype: dtype)
    let product = try context.emit(MatMul(), x, kernel)
    return (bias == nil ? product : try context.emit(Add(), product, bias), recurrent)
  }

  /// Checks the input and the number of units.
  func checkSequence(_ context: LayerContext, _ x: ValueID) throws(TypeError) {
    try atLeastOne(options.units, "units", of: Self.name)
    guard context.type(x).rank == 3 else {
      throw TypeError(
        "'\(Self.name)' needs an input [N, steps, features], found \(context.type(x))", operand: 0,
        note: "use return_sequences = true in the recurrent layer before it")
    }
  }

  /// A gate's share of columns.
  func gate(_ number: Int, of value: ValueID, _ cell: inout LayerContext) throws(TypeError) -> ValueID {
    let (axis, units) = (cell.type(value).rank - 1, Dim(options.units))
    return try cell.emit(Slice(axis: axis, from: Dim(number) * units, to: Dim(number + 1) * units), value)
  }
}
