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

  /// Gates in one product are one kernel a step, whatever else the step does; a GRU that resets h has a second product.
  @Test(arguments: [
    ("LSTM", false, 1), ("LSTM", true, 1), ("GRU", false, 2), ("GRU", true, 1), ("RNN", false, 1),
  ])
  func `kernels of a step`(_ name: String, _ isSpecial: Bool, _ kernels: Int) throws {
    for (steps, batch, features, units) in [(7, 1, 5, 32), (4, 33, 1, 20)] {
      var builder = GraphBuilder(name: "step")
      var random = SampleSource(seed: 9)
      func weights(_ shape: [Int]) throws -> ValueID { try builder.constant(random.tensor(.f32, shape)) }
      func operands(_ gates: Int) throws -> [ValueID?] {
        [
          builder.input("x", TensorType(.f32, [Dim(batch), Dim(steps), Dim(features)])),
          try weights([1, gates * units, features]), try weights([1, gates * units, units]),
          try weights([1, 2 * gates * units]),
        ]
      }
      let results: [ValueID]
      switch name {
      case "LSTM":
        var lstm = LSTM()
        lstm.recurrence.layout = 1
        lstm.inputForget = isSpecial
        lstm.recurrence.clip = isSpecial ? 3 : nil
        results = try builder.emitAny(lstm, operands(4))
      case "GRU":
        var gru = GRU()
        gru.recurrence.layout = 1
        gru.linearBeforeReset = isSpecial
        results = try builder.emitAny(gru, operands(3))
      default:
        var rnn = RNN()
        rnn.recurrence.layout = 1
        results = try builder.emitAny(rnn, operands(1))
      }
      for (number, result) in results.enumerated() { builder.output("y\(number)", result) }
      var context = PassContext()
      let optimized = try GraphPass.run(GraphPass.pipeline(.full), on: builder.graph, &context)
      let model = try LoweredModel.lower(optimized, LoweringOptions(target: ScheduleTarget(lanes: 16, registers: 32)))
      let loops = model.plan.steps.compactMap { step -> Int? in
        if case .loop(let body, _, _, _, _, _) = step.control { body } else { nil }
      }
      #expect(loops == [kernels], "\(name): \(model.plan)")
      let x = random.tensor(.f32, [batch, steps, features])
      let expected = try interpret(builder.graph, references: ["x": Reference(x)])
      for (output, tensor) in zip(builder.graph.outputs, try evaluate(model, [x])) {
        #expect(distance(Reference(tensor), try #require(expected[output.name])) < 1e-4, "\(name), '\(output.name)'")
      }
    }
  }
}
