// SPDX-License-Identifier: Apache-2.0
// Steps of their own for some sizes: chosen when sizes are bound, and with memory of their own.

import CLaminaRuntime
import GraphSupport
import LaminaRuntime
import PlanIR
import TensorCore
import Testing

@Suite struct VariantTests {
  /// The test plan with steps of its own for N = 7, which multiply by 40 in place of 4, and for N = 9, by 100.
  static func plan() -> Plan {
    var plan = testPlan()
    let general = plan.steps
    for (size, factor) in [(7, 40), (9, 100)] {
      let first = plan.steps.count
      plan.variants.append(Plan.Variant(["N": size], firstStep: first))
      let bytes = size * testColumns * 4
      plan.buffers.append(
        Plan.Buffer("hidden \(size)", byteCount: Dim(bytes), firstStep: first, lastStep: first + 1))
      for var step in general {
        step.buffers = step.buffers.map { reference in
          if case .arena = reference.space { Plan.Reference(.arena(plan.buffers.count - 1)) } else { reference }
        }
        step.sizes = step.sizes.map { $0.substituting(["N": Dim(size)]) }
        if step.sizes.count == 3 { step.sizes[2] = Dim(factor) }
        step.tiles = Dim(size)
        plan.steps.append(step)
      }
    }
    return plan
  }

  @Test func boundSizesChoose() throws {
    let model = try TestModel(Self.plan())
    var context = try Context(try model.model())
    for (size, factor) in [(7, 40.0), (8, 4), (9, 100), (7, 40), (6, 3)] as [(Int, Float)] {
      try context.bind([size])
      let expected = testInput(size).enumerated().map { ($1 * 2 + Float(16 + $0 % testColumns) * 0.25) * factor }
      #expect(try run(&context, size) == expected, "N = \(size)")
      // The general plan has a hidden buffer of 64 more bytes and one above it.
      let arena = try #require(Self.plan().arenaBytes(["N": size]))
      #expect(context.arenaByteCount == arena + 128)
      #expect(size == 7 || size == 9 ? arena == size * 64 : arena > size * 64)
    }
  }

  @Test func profilesShowWhatRan() throws {
    let model = try TestModel(Self.plan())
    var context = try Context(try model.model())
    try context.bind([9])
    _ = try run(&context, 9)
    var times = [UInt64](repeating: 1, count: 6)
    let input = testInput(9)
    var output = [Float](repeating: 0, count: input.count)
    try input.withUnsafeBytes { input in
      try output.withUnsafeMutableBytes { output in
        try context.setInput(0, input.baseAddress)
        try context.setOutput(0, output.baseAddress)
        try times.withUnsafeMutableBufferPointer { try context.run(nanoseconds: $0.baseAddress) }
      }
    }
    #expect(times[0..<4] == [0, 0, 0, 0])
  }

  @Test func textAndFaults() throws {
    let plan = Self.plan()
    #expect(plan.verify().isEmpty)
    #expect(plan.description.contains("variant from 4 sizes (N 9)"))
    #expect(try Plan(parsing: SourceText(path: "x.plan", plan.description)) == plan)
    #expect(plan.generalSteps == 0..<2 && plan.steps(for: ["N": 9]) == 4..<6 && plan.steps(for: ["N": 1]) == 0..<2)
    func faults(_ change: (inout Plan) -> Void) -> String {
      var plan = plan
      change(&plan)
      return plan.verify().map(\.message).joined(separator: "\n")
    }
    #expect(faults { $0.variants[0].sizes = ["M": 1] }.contains("'M', which is no symbol"))
    #expect(faults { $0.variants[0].sizes = ["N": 1 << 40] }.contains("outside its range"))
    #expect(faults { $0.variants[0].sizes = [:] }.contains("no sizes"))
    #expect(faults { $0.variants[1].firstStep = 1 }.contains("expected 2 to 6"))
    #expect(faults { $0.variants[1].firstStep = 7 }.contains("expected 2 to 6"))
    #expect(faults { $0.buffers[1].lastStep = 3 }.contains("several variants"))
  }
}
