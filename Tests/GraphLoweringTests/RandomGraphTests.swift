// SPDX-License-Identifier: Apache-2.0
// Random graphs over all operators: interpreted, interpreted after optimisation, and lowered to kernels, each the same.

import GraphIR
import GraphInterpreter
import GraphLowering
import GraphOps
import GraphOptimizer
import GraphTestKit
import KernelIR
import TensorCore
import Testing

@Suite struct RandomGraphTests {
  /// Far above what rounding makes of the noise that `RandomGraph` lets a node have, far below a wrong element.
  static let tolerance = 1e-3

  @Test(arguments: 0..<80) func everyWayToRunAGraphAgrees(_ seed: Int) throws {
    let (graph, inputs) = try RandomGraph.make(seed: UInt64(seed), nodes: 8)
    let references = inputs.mapValues { Reference($0) }
    let expected = try interpret(graph, references: references)
    for level in OptimizationLevel.allCases {
      var context = PassContext()
      let optimized = try GraphPass.run(GraphPass.pipeline(level), on: graph, &context)
      let interpreted = try interpret(optimized, references: references)
      for (name, value) in expected {
        let distance = distance(try #require(interpreted[name]), value)
        #expect(distance < Self.tolerance, "seed \(seed), '\(name)' after optimisation\n\(describe(graph))")
      }
      for fuses in [false, true] {
        var options = LoweringOptions(target: ScheduleTarget(lanes: 16, registers: 32))
        options.fuses = fuses
        let model = try LoweredModel.lower(optimized, options)
        let ordered = try graph.inputs.map { try #require(inputs[graph[$0].name ?? ""]) }
        let outputs = try evaluate(model, ordered)
        for (output, tensor) in zip(graph.outputs, outputs) {
          let value = try #require(expected[output.name])
          let distance = distance(Reference(tensor), value)
          #expect(distance < Self.tolerance, "seed \(seed), '\(output.name)', fused: \(fuses)\n\(describe(graph))")
        }
      }
    }
  }
}
