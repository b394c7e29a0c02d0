// SPDX-License-Identifier: Apache-2.0
// Loops, branches and run-time sizes in compiled code, against the interpreter.

import GraphIR
import GraphInterpreter
import GraphOptimizer
import GraphTestKit
import Lamina
import TensorCore
import Testing

@Suite struct CompiledControlTests {
  @Test(arguments: try ControlGraph.all()) func compiledEqualsInterpreted(_ control: ControlGraph) throws {
    for level in OptimizationLevel.allCases {
      let model = try CompiledModel(control.graph, CompileOptions(level: level, jobs: 1))
      for inputs in control.inputs {
        let expected = try interpret(control.graph, references: inputs.mapValues { Reference($0) })
        let ordered = try control.graph.inputs.map { try #require(inputs[control.graph[$0].name ?? ""]) }
        let outputs = try model.run(ordered, threads: 1)
        for (output, tensor) in zip(control.graph.outputs, outputs) {
          let value = try #require(expected[output.name])
          #expect(tensor.shape == value.shape, "\(control), '\(output.name)', \(level)")
          #expect(distance(Reference(tensor), value) < 1e-4, "\(control), '\(output.name)', \(level)")
        }
        // The same session again, and with other threads: the same bits.
        var session = try ModelSession(model, ordered, threads: 2)
        for _ in 0..<2 {
          try session.run()
          #expect(zip(outputs, session.outputs).allSatisfy { $0.isIdentical(to: $1) }, "\(control), \(level)")
        }
      }
    }
  }
}
