// SPDX-License-Identifier: Apache-2.0
// Seeded random graphs over all operators, with inputs on which they are well behaved.

import GraphIR
import GraphOps
import TensorCore

/// Makes graphs by chaining samples of operators: operands come from earlier values where one can be fitted to the
/// wanted type by slicing, reshaping, casting and clamping, else they are new inputs.
///
/// Every value is evaluated while the graph grows, once as it is and once with a little noise. A node with NaN, with
/// huge values, or one that turns noise into large differences (a jump between two neighbouring floats) is left out: on
/// what remains, correct results differ by rounding only.
package struct RandomGraph {
  /// How coarse the types in a graph are.
  package enum Precision: Sendable {
    /// f64, f32 and integers.
    case single
    /// f16 and bf16 too, which round far more than the noise that a node of single precision must bear.
    case half

    fileprivate var noise: Double { self == .half ? 0x1p-8 : 1e-6 }
    /// How far noise may move a result; correct results lie within it.
    package var largestDistance: Double { self == .half ? 0.125 : 1e-3 }
  }

  /// A graph of about `nodes` operators (fittings not counted), and a tensor for each of its inputs.
  ///
  /// - Parameter excluding: names of operators to leave out.
  package static func make(
    seed: UInt64, nodes: Int, precision: Precision = .single, excluding: Set<String> = []
  ) throws -> (graph: Graph, inputs: [String: Tensor]) {
    var maker = RandomGraph(seed: seed, precision)
    let types = OperatorRegistry.all.filter {
      $0.name != "Parameter" && $0.name != "Constant" && $0.accuracy != .random && !excluding.contains($0.name)
        && !ofTies.contains($0.name)
        && !sampledForValues.contains($0.name)
    }
    var tries = 0
    var made = 0
    while made < nodes && tries < nodes * 8 {
      tries += 1
      var attempt = maker
      attempt.random = SampleSource(seed: seed &* 1_000_003 &+ UInt64(tries))
      if try attempt.add(attempt.random.pick(types)) {
        maker = attempt
        made += 1
      }
    }
    return maker.finished()
  }

  /// Operators whose samples have a count that holds for the values drawn for them only; `ControlGraph` has them with
  /// run-time sizes.
  private static let sampledForValues: Set<String> = ["NonMaxSuppression", "NonZero", "Unique"]

  /// Means of integers lie halfway between two results too often, where rounding decides.
  private static let ofTies: Set<String> = ["QLinearAveragePool", "QLinearGlobalAveragePool"]

  private struct Known {
    var value: ValueID
    var exact: Reference
    /// The same with noise in the inputs and after every node.
    var noisy: Reference
    /// Whether it is a node's result that is worth reading again.
    var isResult: Bool
  }

  private let precision: Precision
  private var random: SampleSource
  private var builder: GraphBuilder
  private var known: [Known] = []
  private var byValue: [ValueID: Int] = [:]
  private var inputs: [String: Tensor] = [:]

  private static let largestMagnitude = 1e4
  private static let largestCount = 20_000

  private init(seed: UInt64, _ precision: Precision) {
    self.precision = precision
    random = SampleSource(seed: seed)
    builder = GraphBuilder(name: "random\(seed)")
  }

  /// Adds one sample; false when it does not fit or does not behave.
  private mutating func add(_ type: any Operation.Type) throws -> Bool {
    var sample = type.sample(&random)
    guard sample.operands.allSatisfy({ ($0?.elementCount.value ?? 0) <= Self.largestCount }) else { return false }
    let types = sample.operands.compactMap { $0 } + ((try? sample.operation.inferTypes(sample.operands)) ?? [])
    if precision != .half, types.contains(where: { $0.dtype == .f16 || $0.dtype == .bf16 }) { return false }
    if random.int(0...19) == 0 { emptied(&sample) }
    var operands: [ValueID?] = []
    for (index, type) in sample.operands.enumerated() {
      guard let type else {
        operands.append(nil)
        continue
      }
      guard let operand = try operand(type, sample.ranges[index]) else { return false }
      operands.append(operand)
    }
    return emit(sample.operation, operands, isResult: true) != nil
  }

  /// The first size of all operands that have it becomes 0.
  private mutating func emptied(_ sample: inout Sample) {
    guard let size = sample.operands.first??.shape.first else { return }
    var changed = sample
    for index in changed.operands.indices where changed.operands[index]?.shape.first == size {
      changed.operands[index]?.shape[0] = 0
    }
    if (try? changed.operation.inferTypes(changed.operands)) != nil { sample = changed }
  }

  /// An operand of a type with values in a range.
  private mutating func operand(_ type: TensorType, _ range: ClosedRange<Double>?) throws -> ValueID? {
    let limits = range ?? -2...2
    let candidates = known.indices.filter { known[$0].isResult && fits(known[$0].exact, type, limits) }
    if candidates.isEmpty || random.int(0...3) == 0 { return try input(type, limits) }
    // Later values are likelier, so that graphs are deep; earlier ones are read again now and then.
    let pick = max(random.int(0...candidates.count - 1), random.int(0...candidates.count - 1))
    var value = known[candidates[pick]].value
    let exact = known[candidates[pick]].exact
    let wanted = type.staticShape ?? []
    let count = wanted.reduce(1, *)
    if exact.shape != wanted {
      if exact.count != count {
        guard let flat = emit(Reshape(exactly: [Dim(exact.count)]), [value]),
          let part = emit(Slice(axis: 0, from: 0, to: Dim(count)), [flat])
        else { return nil }
        value = part
      }
      guard let shaped = emit(Reshape(exactly: type.shape), [value]) else { return nil }
      value = shaped
    }
    if exact.dtype != type.dtype {
      guard let converted = emit(Cast(to: type.dtype), [value]) else { return nil }
      value = converted
    }
    guard type.dtype.isFloat, let reals = byValue[value].map({ known[$0].exact.reals }),
      reals.contains(where: { !limits.contains($0) })
    else { return value }
    let low = try? builder.scalar(limits.lowerBound, type.dtype)
    let high = try? builder.scalar(limits.upperBound, type.dtype)
    guard let low, let high else { return nil }
    for (bound, number) in [(low, limits.lowerBound), (high, limits.upperBound)] where byValue[bound] == nil {
      remember(bound, Reference(type.dtype, [], reals: [number]), isResult: false)
    }
    return emit(Max(), [value, low]).flatMap { emit(Min(), [$0, high]) }
  }

  private func fits(_ value: Reference, _ type: TensorType, _ limits: ClosedRange<Double>) -> Bool {
    guard let count = type.elementCount.value, value.count >= count, count > 0 || value.count == 0 else { return false }
    if type.dtype.isFloat { return value.dtype.isFloat || value.dtype == .bool }
    // Integers and bools are indices and masks as often as numbers: only values within the range serve.
    return value.dtype == type.dtype && value.integers.allSatisfy { limits.contains(Double($0)) }
  }

  private mutating func input(_ type: TensorType, _ range: ClosedRange<Double>) throws -> ValueID? {
    guard let shape = type.staticShape else { return nil }
    let name = "x\(inputs.count)"
    let tensor = random.tensor(type.dtype, shape, in: range)
    let value = builder.input(name, type)
    inputs[name] = tensor
    remember(value, Reference(tensor), isResult: true)
    return value
  }

  /// Emits a node and evaluates it; nil when its results do not behave.
  private mutating func emit(_ operation: any Operation, _ operands: [ValueID?], isResult: Bool = false) -> ValueID? {
    let exact = operands.map { $0.flatMap { byValue[$0] }.map { known[$0].exact } }
    let noisy = operands.map { $0.flatMap { byValue[$0] }.map { known[$0].noisy } }
    guard let results = try? operation.evaluate(exact), let others = try? operation.evaluate(noisy) else { return nil }
    for (result, other) in zip(results, others) {
      guard result.count <= Self.largestCount, !result.reals.contains(where: { !(abs($0) <= Self.largestMagnitude) }),
        distance(result, other) <= precision.largestDistance
      else { return nil }
    }
    guard let values = try? builder.emitAny(operation, operands), let first = values.first else { return nil }
    for (index, value) in values.enumerated() where byValue[value] == nil {
      remember(value, results[index], noisy: others[index], isResult: isResult)
    }
    return first
  }

  private mutating func remember(_ value: ValueID, _ exact: Reference, noisy: Reference? = nil, isResult: Bool) {
    var noisy = noisy ?? exact
    for index in noisy.reals.indices {
      noisy.reals[index] += random.double(-precision.noise...precision.noise) * (1 + abs(noisy.reals[index]))
    }
    byValue[value] = known.count
    known.append(Known(value: value, exact: exact, noisy: noisy, isResult: isResult))
  }

  /// With an output for everything that nothing reads, and for some other values.
  private func finished() -> (graph: Graph, inputs: [String: Tensor]) {
    var builder = builder
    var random = random
    let users = builder.graph.users()
    for entry in known where builder.graph[entry.value].producer != nil {
      let isUnread = users[entry.value.index].isEmpty
      if isUnread || (entry.isResult && random.int(0...5) == 0) {
        builder.output("y\(builder.graph.outputs.count)", entry.value)
      }
    }
    return (builder.graph, inputs)
  }
}
