// SPDX-License-Identifier: Apache-2.0
// What LSTM, GRU and RNN share: their attributes, operands, types, and the walk over steps, batch and directions.

import GraphIR
import TensorCore

/// The attributes that all recurrent operators have.
package struct Recurrence: Sendable {
  package var activations: [String] = []
  package var activationAlpha: [Double] = []
  package var activationBeta: [Double] = []
  package var clip: Double?
  package var direction = "forward"
  package var hiddenSize: Int?
  /// 0: steps, batch, …; 1: batch, steps, …
  package var layout = 0
  /// Whether steps read the state of all rows as DynamicQuantizeLinear rounds it. No attribute: only an operator that is
  /// made of another one asks for it.
  var roundsState = false
  package init() {}

  /// For each direction whether it runs from the last step to the first.
  var isReversed: [Bool] {
    switch direction {
    case "reverse": [true]
    case "bidirectional": [false, true]
    default: [false]
    }
  }
}

/// An operator over steps with X `[T, B, I]`, W `[D, G·H, I]`, R `[D, G·H, H]`, B `[D, 2·G·H]`, lengths `[B]` and
/// initial states `[D, B, H]`; its results are Y `[T, D, B, H]` and final states `[D, B, H]`.
protocol RecurrentOperation: Operation {
  /// G: the parts of W and R.
  static var gateCount: Int { get }
  /// States: the output, and what else goes from step to step.
  static var stateCount: Int { get }
  static var defaultActivations: [String] { get }
  var recurrence: Recurrence { get set }

  /// One step of one row: the states after it.
  func step(_ cell: ReferenceCell) -> [[Double]]

  /// The operators of one step: the states after it.
  func step(_ cell: LoweredCell, _ builder: inout GraphBuilder) throws(TypeError) -> [ValueID]
}

/// What one step reads, in the reference meaning.
struct ReferenceCell {
  let hiddenSize: Int
  let states: [[Double]]
  /// `W·x + Wb`, all gates after one another.
  let input: [Double]
  /// `(R·h)[gate, unit]` of a vector.
  let recurrent: (_ gate: Int, _ unit: Int, _ h: [Double]) -> Double
  /// `Rb[gate, unit]`
  let bias: (_ gate: Int, _ unit: Int) -> Double
  /// `P[gate, unit]`
  let peephole: (_ gate: Int, _ unit: Int) -> Double
  let activations: [RecurrentActivation]
  let clip: Double?

  func input(_ gate: Int, _ unit: Int) -> Double { input[gate * hiddenSize + unit] }

  /// An activation of a clipped value.
  func activate(_ number: Int, _ x: Double) -> Double {
    activations[number](clip.map { maximum(-$0, minimum($0, x)) } ?? x)
  }
}

extension RecurrentOperation {
  package static var accuracy: Accuracy { .accumulation }

  static var recurrentAttributes: [Attribute<Self>] {
    [
      Attribute("activations", \.recurrence.activations, "the activations of each direction, by ONNX's names"),
      Attribute("activation_alpha", \.recurrence.activationAlpha, "numbers for the activations that have an alpha"),
      Attribute("activation_beta", \.recurrence.activationBeta, "numbers for the activations that have a beta"),
      Attribute("clip", \.recurrence.clip, "the largest magnitude that activations are given"),
      Attribute("direction", \.recurrence.direction, "`forward`, `reverse` or `bidirectional`"),
      Attribute("hidden_size", \.recurrence.hiddenSize, "the number of units; it is R's last size"),
      Attribute("layout", \.recurrence.layout, "0 for steps before batch, 1 for batch before steps"),
    ]
  }

  func activationList() throws(TypeError) -> [RecurrentActivation] {
    let wanted = Self.defaultActivations.count * recurrence.isReversed.count
    let names =
      recurrence.activations.isEmpty
      ? recurrence.isReversed.flatMap { _ in Self.defaultActivations } : recurrence.activations
    guard names.count == wanted else {
      throw TypeError("'\(Self.name)' has \(names.count) activations, expected \(wanted)")
    }
    return try RecurrentActivation.list(
      names, alpha: recurrence.activationAlpha, beta: recurrence.activationBeta, of: Self.name)
  }

  /// The sizes: steps, batch, features, units.
  func sizes(
    _ operands: [TensorType?]
  ) throws(TypeError) -> (steps: Dim, batch: Dim, features: Dim, units: Dim) {
    guard let x = operands[0], let r = operands[2] else { throw TypeError("'\(Self.name)' needs X, W and R") }
    guard x.rank == 3, x.dtype.isFloat else { throw TypeError("X of '\(Self.name)' is \(x), expected 3 axes of floats", operand: 0) }
    guard r.rank == 3 else { throw TypeError("R of '\(Self.name)' is \(r), expected 3 axes", operand: 2) }
    guard recurrence.layout == 0 || recurrence.layout == 1 else {
      throw TypeError("'layout' of '\(Self.name)' is \(recurrence.layout), expected 0 or 1")
    }
    let (steps, batch) = recurrence.layout == 0 ? (x.shape[0], x.shape[1]) : (x.shape[1], x.shape[0])
    return (steps, batch, x.shape[2], r.shape[2])
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let (steps, batch, features, units) = try sizes(operands)
    guard ["forward", "reverse", "bidirectional"].contains(recurrence.direction) else {
      throw TypeError(
        "'direction' of '\(Self.name)' is '\(recurrence.direction)', expected 'forward', 'reverse' or 'bidirectional'")
    }
    if let hidden = recurrence.hiddenSize, units != Dim(hidden) {
      throw TypeError("'hidden_size' of '\(Self.name)' is \(hidden), R has \(units) units", operand: 2)
    }
    if let clip = recurrence.clip, !(clip >= 0) {
      throw TypeError("'clip' of '\(Self.name)' is \(clip), expected a number from 0 up")
    }
    _ = try activationList()
    let directions = Dim(recurrence.isReversed.count)
    let rows = Dim(Self.gateCount) * units
    let state = recurrence.layout == 0 ? [directions, batch, units] : [batch, directions, units]
    var expected: [[Dim]] = [[], [directions, rows, features], [directions, rows, units], [directions, 2 * rows], [batch]]
    expected += (0..<Self.stateCount).map { _ in state }
    if Self.operands.count > expected.count { expected.append([directions, 3 * units]) }
    guard let dtype = operands[0]?.dtype else { return [] }
    for (number, (operand, shape)) in zip(operands, expected).enumerated() where number > 0 {
      guard let operand else { continue }
      let isLengths = number == 4
      guard operand.shape == shape, isLengths ? [.i32, .i64].contains(operand.dtype) : operand.dtype == dtype else {
        throw TypeError(
          "\(Self.operands[number].name) of '\(Self.name)' is \(operand), expected "
            + "\(TensorType(isLengths ? .i32 : dtype, shape))", operand: number)
      }
    }
    let y = recurrence.layout == 0 ? [steps, directions, batch, units] : [batch, steps, directions, units]
    return [TensorType(dtype, y)] + (0..<Self.stateCount).map { _ in TensorType(dtype, state) }
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let types = try inferTypes(operands.map { $0?.type })
    let dims = try sizes(operands.map { $0?.type })
    let sizes = try staticSizes([dims.steps, dims.batch, dims.features, dims.units], for: Self.name)
    let (steps, batch, features, units) = (sizes[0], sizes[1], sizes[2], sizes[3])
    guard let x = operands[0], let w = operands[1], let r = operands[2] else { return [] }
    func operand(_ number: Int) -> Reference? { number < operands.count ? operands[number] : nil }
    let (bias, lengths, peepholes) = (operand(3), operand(4), Self.operands.count > 7 ? operand(7) : nil)
    let rows = Self.gateCount * units
    let activations = try activationList()
    let perDirection = Self.defaultActivations.count
    let isReversed = recurrence.isReversed
    var results = try types.map { (type) throws(TypeError) in
      Reference(zeros: type.dtype, try staticSizes(type.shape, for: Self.name))
    }
    func statePlace(_ direction: Int, _ row: Int) -> Int {
      (recurrence.layout == 0 ? direction * batch + row : row * isReversed.count + direction) * units
    }
    for direction in isReversed.indices {
      var states = (0..<batch).map { row in
        (0..<Self.stateCount).map { state -> [Double] in
          guard let initial = operand(5 + state) else { return [Double](repeating: 0, count: units) }
          let start = statePlace(direction, row)
          return Array(initial.reals[start..<start + units])
        }
      }
      for number in 0..<steps {
        let step = isReversed[direction] ? steps - 1 - number : number
        var read = states.map { $0[0] }
        if recurrence.roundsState { read = try Self.rounded(read) }
        for row in 0..<batch where step < lengths?.integers[row] ?? Int64(steps) {
          let start = (recurrence.layout == 0 ? step * batch + row : row * steps + step) * features
          let input = (0..<rows).map { place -> Double in
            var sum = bias?.reals[direction * 2 * rows + place] ?? 0
            for feature in 0..<features {
              sum += x.reals[start + feature] * w.reals[(direction * rows + place) * features + feature]
            }
            return sum
          }
          states[row] = self.step(
            ReferenceCell(
              hiddenSize: units, states: [read[row]] + states[row].dropFirst(), input: input,
              recurrent: { gate, unit, h in
                let first = (direction * rows + gate * units + unit) * units
                return h.indices.reduce(0) { $0 + r.reals[first + $1] * h[$1] }
              },
              bias: { gate, unit in bias?.reals[direction * 2 * rows + rows + gate * units + unit] ?? 0 },
              peephole: { gate, unit in peepholes?.reals[(direction * 3 + gate) * units + unit] ?? 0 },
              activations: Array(activations[direction * perDirection..<(direction + 1) * perDirection]),
              clip: recurrence.clip))
          let place =
            recurrence.layout == 0
            ? (step * isReversed.count + direction) * batch + row : (row * steps + step) * isReversed.count + direction
          for unit in 0..<units { results[0].reals[place * units + unit] = states[row][0][unit] }
        }
      }
      for row in 0..<batch {
        for (state, values) in states[row].enumerated() {
          for unit in 0..<units { results[1 + state].reals[statePlace(direction, row) + unit] = values[unit] }
        }
      }
    }
    return results
  }

  /// Rows rounded to 255 steps between the smallest and largest element, and 0.
  private static func rounded(_ rows: [[Double]]) throws(TypeError) -> [[Double]] {
    guard let width = rows.first?.count else { return rows }
    let all = Reference(.f32, [rows.count, width], reals: rows.flatMap { $0 })
    let parts = try DynamicQuantizeLinear().evaluate([all])
    let back = try DequantizeLinear().evaluate([parts[0], parts[1], parts[2]])[0]
    return rows.indices.map { Array(back.reals[$0 * width..<($0 + 1) * width]) }
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { (builder, operands) throws(TypeError) in try overSteps(&builder, operands) }
  }

  /// A random instance; the operator's own attributes are set by it.
  static func recurrentSample(_ operation: Self, _ random: inout SampleSource) -> Sample {
    var operation = operation
    operation.recurrence.direction = random.pick(["forward", "reverse", "bidirectional"])
    operation.recurrence.layout = random.int(0...1)
    if random.int(0...2) == 0 { operation.recurrence.clip = 1.5 }
    let directions = operation.recurrence.isReversed.count
    if random.bool() {
      let smooth = ["Tanh", "Sigmoid", "Softsign", "Softplus", "Affine", "ScaledTanh", "Elu"]
      operation.recurrence.activations = (0..<directions * defaultActivations.count).map { _ in random.pick(smooth) }
      operation.recurrence.activationAlpha = [0.7, 0.9]
      operation.recurrence.activationBeta = [0.3]
    }
    let (steps, batch, features, units) = (random.int(1...4), random.int(1...3), random.int(1...5), random.int(1...4))
    let dtype = random.dtype([.f32, .f64])
    let rows = gateCount * units
    func type(_ shape: [Int]) -> TensorType { TensorType(dtype, shape.map { Dim($0) }) }
    let isFirst = operation.recurrence.layout == 0
    let state = type(isFirst ? [directions, batch, units] : [batch, directions, units])
    var operands: [TensorType?] = [
      type(isFirst ? [steps, batch, features] : [batch, steps, features]), type([directions, rows, features]),
      type([directions, rows, units]), random.bool() ? type([directions, 2 * rows]) : nil,
      random.bool() ? TensorType(.i32, [Dim(batch)]) : nil,
    ]
    for _ in 0..<stateCount { operands.append(random.bool() ? state : nil) }
    if Self.operands.count > operands.count { operands.append(random.bool() ? type([directions, 3 * units]) : nil) }
    var ranges: [Int: ClosedRange<Double>] = [:]
    for number in operands.indices { ranges[number] = -0.7...0.7 }
    ranges[4] = 1...Double(steps)
    return Sample(operation, operands, ranges: ranges)
  }
}
