// SPDX-License-Identifier: Apache-2.0
// Every operator's gradient against central differences, on seeded random instances.

import GraphAutodiff
import GraphIR
import GraphInterpreter
import GraphOps
import GraphSupport
import GraphTestKit
import TensorCore
import Testing

@Suite struct AutomaticGradientTests {
  /// Operators of floats that have no gradient, and why.
  static let without: Set<String> = [
    // The gradient of a gradient is not needed for training by first-order methods.
    "ConvWeightsGradient", "MaxRoiPoolGradient", "PoolGradient", "ProductScan", "RoiAlignGradient",
    // Stand for a Conv only after gradients are made.
    "WinogradInput", "WinogradOutput",
    // Only where updates replace or add.
    "ScatterElements", "ScatterND",
  ]

  /// Float operands that get no gradient although the result moves with them: the regions.
  static let constantOperands = ["RoiAlign": [1]]

  @Test(arguments: OperatorRegistry.all.map { $0.name }) func gradientAgreesWithDifferences(_ name: String) throws {
    let type = try #require(OperatorRegistry.operation(named: name))
    for instance in 0..<8 {
      var random = SampleSource(seed: UInt64(instance) &* 104_729 &+ 17)
      var sample = type.sample(&random)
      guard !sample.operands.isEmpty else { continue }
      // Differences need every digit: operands are f64 wherever the operator leaves their type open.
      let wide = sample.operands.map { type in
        type.map { TensorType($0.dtype.isFloat ? .f64 : $0.dtype, $0.shape) }
      }
      if (try? sample.operation.inferTypes(wide)) != nil { sample.operands = wide }
      let results = try sample.operation.inferTypes(sample.operands)
      if results.contains(where: { $0.dtype == .f16 || $0.dtype == .bf16 }) { continue }
      let values = sample.values(&random).map { $0.map { Reference($0) } }
      guard let (graph, scalar, inputs) = try weightedSum(sample), !inputs.isEmpty else { continue }
      let derived: Graph
      do {
        derived = try gradients(of: scalar, in: graph, withRespectTo: inputs.map(\.value))
      } catch let error as DiagnosticsError {
        #expect(Self.without.contains(name), "\(error.diagnostics.map(\.message))")
        continue
      }
      #expect(verify(derived) == [], "\(name) #\(instance)")
      var given: [String: Reference] = [:]
      for (index, value) in values.enumerated() { given["x\(index)"] = value }
      let found = try interpret(derived, references: given)
      for (index, _) in inputs {
        let gradient = try #require(found["gradient/x\(index)"])
        if Self.constantOperands[name]?.contains(index) == true {
          #expect(gradient.reals.allSatisfy { $0 == 0 }, "\(name) #\(instance) operand \(index)")
          continue
        }
        try check(name, instance, index, gradient, given, graph, &random)
      }
    }
  }

  /// `Σ results · weights` of one operator, and its float operands; nil where no result is a float.
  private func weightedSum(
    _ sample: Sample
  ) throws -> (graph: Graph, scalar: ValueID, inputs: [(index: Int, value: ValueID)])? {
    var builder = GraphBuilder(name: "test")
    let operands = sample.operands.enumerated().map { index, type in type.map { builder.input("x\(index)", $0) } }
    var random = SampleSource(seed: 5)
    var scalar: ValueID?
    for result in try builder.emitAny(sample.operation, operands) {
      let type = builder.type(result)
      guard type.dtype.isFloat, let shape = type.staticShape else { continue }
      let weights = try builder.constant(random.tensor(.f64, shape))
      let wide = try builder.emit(Cast(to: .f64), result)
      let sum = try builder.emit(
        ReduceSum(axes: Array(shape.indices), keepDims: false), try builder.emit(Mul(), wide, weights))
      scalar = try scalar.map { try builder.emit(Add(), $0, sum) } ?? sum
    }
    guard let scalar else { return nil }
    builder.output("sum", scalar)
    let floats = operands.enumerated().compactMap { index, value in
      value.flatMap { builder.type($0).dtype.isFloat ? (index: index, value: $0) : nil }
    }
    return (builder.graph, scalar, floats)
  }

  /// The derivative along a random direction, twice.
  private func check(
    _ name: String, _ instance: Int, _ operand: Int, _ gradient: Reference, _ given: [String: Reference],
    _ graph: Graph,
    _ random: inout SampleSource
  ) throws {
    let key = "x\(operand)"
    let x = try #require(given[key])
    let direction = x.reals.map { _ in random.double(-1...1) }
    let step = 1e-6
    func sum(_ sign: Double) throws -> Double {
      var moved = given
      moved[key]?.reals = zip(x.reals, direction).map { $0 + sign * step * $1 }
      return try #require(try interpret(graph, references: moved)["sum"]).reals[0]
    }
    let expected = (try sum(1) - sum(-1)) / (2 * step)
    let found = zip(gradient.reals, direction).reduce(0) { $0 + $1.0 * $1.1 }
    let size = zip(gradient.reals, direction).reduce(0) { $0 + abs($1.0 * $1.1) }
    #expect(
      abs(found - expected) <= 1e-5 * (1 + size),
      "\(name) #\(instance) operand \(operand): \(found), differences give \(expected)")
  }
}
