// SPDX-License-Identifier: Apache-2.0
// Plans print and parse back; faults are found and named.

import GraphSupport
import PlanIR
import TensorCore
import Testing

/// A plan with every kind of declaration, and names that need quoting.
func samplePlan() -> Plan {
  let n = Dim(symbol: "N")
  let t = Dim(symbol: "時間")
  var plan = Plan(name: "数字 \"x\"\n\u{1}\\")
  plan.metadata = [Plan.Metadata("cpu", "x86-64-v3")]
  plan.symbols = [Plan.Symbol("N", 1...64), Plan.Symbol("時間", 0...512)]
  plan.inputs = [Plan.Port("图像", TensorType(.f32, [n, 784])), Plan.Port("scale", TensorType(.bf16, []))]
  plan.outputs = [Plan.Port("probability", TensorType(.f32, [n, Dim.max(t, 3) + 1]))]
  plan.constants = [
    Plan.Constant("hidden/kernel", TensorType(.i4, [784, 128]), offset: 64, byteCount: 50176, packing: "[8][784][16]"),
    Plan.Constant("bias", TensorType(.f32, [128]), offset: 0, byteCount: 0),
  ]
  plan.weightsByteCount = 50304
  plan.buffers = [
    Plan.Buffer("a", byteCount: 4 * n * Dim.floorDiv(t, 2), firstStep: 0, lastStep: 1),
    Plan.Buffer("b", byteCount: Dim.min(n, t) * 512 - 3 * Dim.mod(n, t + 1) + 7, below: [0], firstStep: 1, lastStep: 1),
  ]
  plan.kernels = ["dense_relu", "核"]
  plan.steps = [
    Plan.Step(
      kernel: 0, buffers: [.init(.input(0)), .init(.constant(0), byteOffset: 64), .init(.arena(0), byteOffset: n * t)],
      sizes: [n, -2 * n, -Dim.floorDiv(n, 3), -5], tiles: n, nanosecondsPerTile: 12.25, scratchBytes: 64 * n,
      label: "hidden + relu"),
    Plan.Step(kernel: 1, buffers: [.init(.arena(0)), .init(.arena(1)), .init(.output(0))], nanosecondsPerTile: 1e-9),
  ]
  return plan
}

@Suite struct PlanTextTests {
  @Test func printsAndParses() throws {
    let plan = samplePlan()
    #expect(plan.verify() == [])
    let again = try Plan(parsing: SourceText(path: "x.plan", plan.description))
    #expect(again == plan)
    #expect(again.description == plan.description)
    let empty = Plan(name: "")
    #expect(try Plan(parsing: SourceText(path: "x.plan", empty.description)) == empty)
  }

  @Test(arguments: [
    ("plan", "plan-syntax"), ("plan \"a", "ends on its line"), ("plan \"a\" bogus", "one of metadata"),
    ("plan \"a\" symbol N 3...1", "end is not below"), ("plan \"a\" input 1 \"x\" f32[]", "expected '0'"),
    ("plan \"a\" input 0 \"x\" q32[]", "f32"), ("plan \"a\" buffer 0 \"b\" bytes 9999999999999999999", "an integer"),
    ("plan \"a\" buffer 0 \"b\" bytes 9223372036854775807 * N * 2 live 0 to 0", "range of Int"),
    ("plan \"\\u{110000}\"", "Unicode scalar"), ("plan \"\\q\"", "\\n"),
    ("plan \"a\" step 0 kernel 0 (disk 0)", "arena"),
  ])
  func refusesBadText(text: String, expected: String) {
    let error = #expect(throws: DiagnosticsError.self) { try Plan(parsing: SourceText(path: "x.plan", text)) }
    let first = error?.diagnostics.first
    #expect((first.map { $0.id + " " + $0.message } ?? "").contains(expected))
    #expect(first?.location != nil)
  }

  @Test func refusesDeepNesting() {
    let text = "plan \"a\" buffer 0 \"b\" bytes " + String(repeating: "(", count: 100_000)
    let error = #expect(throws: DiagnosticsError.self) { try Plan(parsing: SourceText(path: "x.plan", text)) }
    #expect(error?.diagnostics.first?.message.contains("64 deep") == true)
  }

  /// Damaged text is read or refused; nothing traps.
  @Test func survivesDamage() {
    let text = Array(samplePlan().description.utf8)
    var state: UInt64 = 7
    func next(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(limit))
    }
    var parsed = 0
    for _ in 0..<1000 {
      var damaged = text
      for _ in 0...next(3) { damaged[next(damaged.count)] = UInt8(truncatingIfNeeded: 32 + next(200)) }
      guard let plan = try? Plan(parsing: SourceText(path: "x.plan", bytes: damaged)) else { continue }
      parsed += 1
      _ = plan.verify()
      _ = plan.arenaBytes(["N": 3, "時間": 5])
      _ = plan.lowerBound(["N": 3, "時間": 5])
    }
    #expect(parsed > 0)
  }
}

@Suite struct PlanVerifierTests {
  func faults(_ change: (inout Plan) -> Void) -> [String] {
    var plan = samplePlan()
    change(&plan)
    return plan.verify().map { "\($0.id): \($0.message)" }
  }

  @Test func findsEachFault() {
    #expect(faults { $0.steps[0].kernel = 2 }.contains { $0.contains("calls kernel 2 of 2") })
    #expect(faults { $0.steps[0].buffers[0].space = .input(9) }.contains { $0.contains("'input 9', there are 2") })
    #expect(faults { $0.steps[0].buffers[0].space = .arena(1) }.contains { $0.contains("lives from step 1") })
    #expect(faults { $0.steps[0].tiles = -1 }.contains { $0.contains("-1") })
    #expect(faults { $0.steps[1].nanosecondsPerTile = .nan }.contains { $0.contains("ns a tile") })
    #expect(faults { $0.constants[1].offset = 2 }.contains { $0.contains("multiple of its elements' size") })
    #expect(faults { $0.constants[0].byteCount = 1 << 60 }.contains { $0.contains("outside") })
    #expect(faults { $0.buffers[0].below = [1] }.contains { $0.contains("circle") })
    #expect(faults { $0.buffers[1].below = [7] }.contains { $0.contains("circle") })
    #expect(faults { $0.buffers[1].below = [] }.contains { $0.contains("overlap") })
    #expect(faults { $0.buffers[1].lastStep = 2 }.contains { $0.contains("of 2 steps") })
    #expect(faults { $0.kernels[1] = "dense_relu" }.contains { $0.contains("two kernels") })
    #expect(faults { $0.inputs[0].type.shape[0] = Dim(symbol: "M") }.contains { $0.contains("'M'") })
    #expect(faults { $0.outputs[0].type.shape[0] = .invalid }.contains { $0.contains("range of Int") })
  }
}
