// SPDX-License-Identifier: Apache-2.0
// What every operator of the registry must hold, on seeded random instances.

import GraphIR
import GraphInterpreter
import GraphOps
import GraphSupport
import GraphTestKit
import TensorCore
import Testing

/// Instances of each operator that every check draws.
private let instances = 12

/// A sample with values, by operator and number.
private func draw(_ type: any Operation.Type, _ instance: Int) -> (sample: Sample, values: [Tensor?]) {
  var random = SampleSource(seed: UInt64(instance) &* 7919 &+ 11)
  let sample = type.sample(&random)
  return (sample, sample.values(&random))
}

private let names = OperatorRegistry.all.map { $0.name }

private func operation(_ name: String) throws -> any Operation.Type {
  try #require(OperatorRegistry.operation(named: name))
}

@Suite struct AutomaticTests {
  @Test func namesAreUniqueAndDescribed() {
    #expect(Set(names).count == names.count)
    for type in OperatorRegistry.all {
      #expect(!type.summary.isEmpty, "\(type.name)")
      #expect(Set(type.attributeDescriptions.map(\.name)).count == type.attributeDescriptions.count, "\(type.name)")
    }
  }

  @Test(arguments: names) func typesAgreeWithEvaluation(_ name: String) throws {
    for instance in 0..<instances {
      let (sample, values) = try draw(operation(name), instance)
      if sample.operation is Parameter { continue }
      let types = try sample.operation.inferTypes(sample.operands)
      let results = try sample.operation.evaluate(values.map { $0.map { Reference($0) } })
      #expect(results.map(\.type) == types, "\(name) #\(instance): \(sample.operands)")
      #expect(results.count == sample.operation.resultCount, "\(name) #\(instance)")
      for result in results { #expect(result.count == result.shape.reduce(1, *), "\(name) #\(instance)") }
    }
  }

  /// The kernel form, run as plain loops, computes what the operator means.
  @Test(arguments: names) func loweringAgreesWithEvaluation(_ name: String) throws {
    for instance in 0..<instances {
      let (sample, values) = try draw(operation(name), instance)
      if sample.operation is Parameter { continue }
      let types = try sample.operation.inferTypes(sample.operands)
      let expected = try sample.operation.evaluate(values.map { $0.map { Reference($0) } })
      guard let found = try runLowering(sample.operation, values, types) else { continue }
      for (result, reference) in zip(found, expected) {
        let difference = difference(result, reference, type(of: sample.operation).accuracy)
        #expect(difference == nil, "\(name) #\(instance) \(sample.operation) of \(sample.operands)")
      }
    }
  }

  /// The operators that compute a composite one mean the same together.
  @Test(arguments: names) func decompositionAgreesWithEvaluation(_ name: String) throws {
    for instance in 0..<instances {
      let (sample, values) = try draw(operation(name), instance)
      let types = NodeTypes(operands: sample.operands, results: try sample.operation.inferTypes(sample.operands))
      guard case .decompose(let body) = sample.operation.lower(types) else { continue }
      var builder = GraphBuilder(name: name)
      let inputs = sample.operands.enumerated().map { index, type in type.map { builder.input("x\(index)", $0) } }
      for (index, result) in try body(&builder, inputs).enumerated() { builder.output("y\(index)", result) }
      #expect(verify(builder.graph) == [], "\(name) #\(instance)")
      let references = values.map { $0.map { Reference($0) } }
      var given: [String: Reference] = [:]
      for (index, reference) in references.enumerated() { given["x\(index)"] = reference }
      let found = try interpret(builder.graph, references: given)
      for (index, expected) in try sample.operation.evaluate(references).enumerated() {
        let result = try #require(found["y\(index)"])
        // Constants inside are rounded to their type, the definition's are not; halves come from f32 by rounding.
        let isHalf = result.dtype == .f16 || result.dtype == .bf16
        #expect(
          distance(result, expected) < (isHalf ? 1e-2 : 1e-5),
          "\(name) #\(instance) \(sample.operation) of \(sample.operands)")
      }
    }
  }

  @Test(arguments: names) func attributesSurviveText(_ name: String) throws {
    for instance in 0..<instances {
      let (sample, _) = try draw(operation(name), instance)
      var builder = GraphBuilder(name: name)
      let inputs = sample.operands.enumerated().map { index, type in type.map { builder.input("x\(index)", $0) } }
      for (index, result) in try builder.emitAny(sample.operation, inputs).enumerated() {
        builder.output("y\(index)", result)
      }
      let text = printGraph(builder.graph)
      let parsed = try parseGraph(
        SourceText(path: "\(name).ir", text.text), tensors: text.tensors, operation: OperatorRegistry.operation)
      #expect(printGraph(parsed).text == text.text)
      #expect(parsed.nodes.first?.operation.key == sample.operation.key, "\(text.text)")
    }
  }

  /// A first size that is a name instead of a number changes nothing.
  @Test(arguments: names) func namedSizesAgreeWithNumbers(_ name: String) throws {
    for instance in 0..<instances {
      let (sample, values) = try draw(operation(name), instance)
      guard let size = sample.operands.first??.shape.first, sample.operands.first??.dtype != .i4 else { continue }
      // Every operand whose first size it is.
      let types = sample.operands.map { type -> TensorType? in
        guard var type, type.shape.first == size else { return type }
        type.shape[0] = Dim(symbol: "N")
        return type
      }
      guard let results = try? sample.operation.inferTypes(types) else { continue }
      let expected = try sample.operation.inferTypes(sample.operands)
      #expect(results.map { $0.substituting(["N": size]) } == expected, "\(name) #\(instance): \(types)")
      var builder = GraphBuilder(name: name, symbols: [Symbol("N")])
      let inputs = types.enumerated().map { index, type in type.map { builder.input("x\(index)", $0) } }
      let outputs: [ValueID]
      if case .decompose(let body) = sample.operation.lower(NodeTypes(operands: types, results: results)) {
        outputs = try body(&builder, inputs)
      } else {
        outputs = try builder.emitAny(sample.operation, inputs)
      }
      for (index, output) in outputs.enumerated() { builder.output("y\(index)", output) }
      #expect(verify(builder.graph) == [], "\(name) #\(instance)")
      var given: [String: Reference] = [:]
      for (index, value) in values.enumerated() { given["x\(index)"] = value.map { Reference($0) } }
      let found = try interpret(builder.graph, references: given)
      let references = try sample.operation.evaluate(values.map { $0.map { Reference($0) } })
      for (index, reference) in references.enumerated() {
        let isHalf = reference.dtype == .f16 || reference.dtype == .bf16
        let result = try #require(found["y\(index)"])
        #expect(distance(result, reference) < (isHalf ? 1e-2 : 1e-5), "\(name) #\(instance): \(types)")
      }
    }
  }
}
