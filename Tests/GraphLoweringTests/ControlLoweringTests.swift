// SPDX-License-Identifier: Apache-2.0
// Loops, branches and run-time sizes as plans: the same values as the interpreter's, and plans that are sound.

import GraphIR
import GraphInterpreter
import GraphLowering
import GraphOps
import GraphOptimizer
import GraphSupport
import GraphTestKit
import PlanIR
import TensorCore
import Testing

@Suite struct ControlLoweringTests {
  @Test(arguments: try ControlGraph.all()) func plansComputeWhatTheGraphMeans(_ control: ControlGraph) throws {
    #expect(verify(control.graph) == [])
    for level in OptimizationLevel.allCases {
      var context = PassContext()
      let optimized = try GraphPass.run(GraphPass.pipeline(level), on: control.graph, &context)
      for fuses in [false, true] {
        var options = LoweringOptions(target: ScheduleTarget(lanes: 16, registers: 32))
        options.fuses = fuses
        let model = try LoweredModel.lower(optimized, options)
        #expect(model.plan.verify() == [])
        #expect(try Plan(parsing: SourceText(path: "x.plan", model.plan.description)) == model.plan)
        for inputs in control.inputs {
          let expected = try interpret(control.graph, references: inputs.mapValues { Reference($0) })
          let ordered = try control.graph.inputs.map { try #require(inputs[control.graph[$0].name ?? ""]) }
          let dims = try control.graph.bind(inputs.map { ($0.key, $0.value.shape) })
          for (output, tensor) in zip(control.graph.outputs, try evaluate(model, ordered, dims)) {
            let value = try #require(expected[output.name])
            #expect(
              distance(Reference(tensor), value) < 1e-4,
              "\(control), '\(output.name)', \(level), fused: \(fuses), \(dims)")
          }
        }
      }
    }
  }

  /// The product for the inputs of all steps is hoisted; the gates of a step are computed with its one product.
  @Test func `a step of a recurrent layer is one kernel`() throws {
    let control = try #require(try ControlGraph.all().first { $0.description == "recurrences" })
    var context = PassContext()
    let optimized = try GraphPass.run(GraphPass.pipeline(.full), on: control.graph, &context)
    let plan = try LoweredModel.lower(optimized, LoweringOptions(target: ScheduleTarget(lanes: 16, registers: 32))).plan
    let loops = plan.steps.compactMap { step -> Int? in
      if case .loop(let body, _, _, _, _, _) = step.control { body } else { nil }
    }
    #expect(loops == [1, 1, 1], "\(plan)")
    #expect(plan.constants.filter { $0.packing != nil }.count >= 6)
  }
}
