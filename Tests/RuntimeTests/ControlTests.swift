// SPDX-License-Identifier: Apache-2.0
// Loops, branches and run-time sizes of a plan image, with kernels written by hand.

import CLaminaRuntime
import GraphSupport
import LaminaRuntime
import PlanIR
import TensorCore
import Testing

/// buffers: x, out; sizes: columns, factor. Tile = row.
private let scale: lamina_kernel = { buffers, sizes, begin, end, _ in
  guard let buffers, let sizes, let x = buffers[0], let y = buffers[1] else { return }
  for index in Int(begin * sizes[0])..<Int(end * sizes[0]) {
    y.storeBytes(
      of: x.load(fromByteOffset: index * 4, as: Float.self) * Float(sizes[1]), toByteOffset: index * 4, as: Float.self)
  }
}

/// `y = ±24 x`, by three rounds of a loop and a branch; `z` is the first rows of x, as many as an input says.
private func controlPlan() -> Plan {
  let (n, i, m) = (Dim(symbol: "N"), Dim(symbol: "i"), Dim(symbol: "m"))
  let type = TensorType(.f32, [n, 4])
  var plan = Plan(name: "control")
  plan.symbols = [
    Plan.Symbol("N", 0...1000), Plan.Symbol("i", 0...2, bound: 2), Plan.Symbol("m", 0...1000, bound: n),
    Plan.Symbol("rounds", 0...3, bound: 3),
  ]
  plan.inputs = [
    Plan.Port("x", type), Plan.Port("flag", TensorType(.bool, [])), Plan.Port("count", TensorType(.i64, [])),
  ]
  plan.outputs = [
    Plan.Port("y", type), Plan.Port("z", TensorType(.f32, [m, 4]), capacity: 4 * n),
  ]
  // Two halves, of which a round reads one and writes the other.
  plan.buffers = [Plan.Buffer("state", byteCount: 2 * n * 16, firstStep: 0, lastStep: 5)]
  plan.kernels = ["scale"]
  func half(_ number: Dim) -> Plan.Reference { Plan.Reference(.arena(0), byteOffset: Dim.mod(number, 2) * n * 16) }
  plan.steps = [
    Plan.Step(kernel: 0, buffers: [.init(.input(0)), half(0)], sizes: [4, 1], tiles: n),
    Plan.Step(
      .loop(body: 1, counter: "i", count: "rounds", limit: false, condition: false, next: false), buffers: [], tiles: 3),
    Plan.Step(kernel: 0, buffers: [half(i), half(i + 1)], sizes: [4, i + 2], tiles: n),
    Plan.Step(.branch(then: 1, otherwise: 1), buffers: [.init(.input(1))]),
    Plan.Step(kernel: 0, buffers: [half(Dim(symbol: "rounds")), .init(.output(0))], sizes: [4, 1], tiles: n),
    Plan.Step(kernel: 0, buffers: [half(Dim(symbol: "rounds")), .init(.output(0))], sizes: [4, -1], tiles: n),
    Plan.Step(.size("m"), buffers: [.init(.input(2))]),
    Plan.Step(kernel: 0, buffers: [.init(.input(0)), .init(.output(1))], sizes: [4, 1], tiles: m),
  ]
  return plan
}

private final class Memory {
  let image: UnsafeMutableRawBufferPointer
  let kernels = UnsafeMutableBufferPointer<lamina_kernel?>.allocate(capacity: 1)

  init(_ bytes: [UInt8]) {
    image = .allocate(byteCount: bytes.count, alignment: 8)
    image.copyBytes(from: bytes)
    _ = kernels.initialize(from: [scale])
  }

  deinit {
    image.deallocate()
    kernels.deallocate()
  }

  func model() throws(RuntimeError) -> Model {
    try Model(
      image: UnsafeRawBufferPointer(image), kernels: UnsafeBufferPointer(kernels),
      weights: UnsafeRawBufferPointer(start: nil, count: 0))
  }
}

@Suite struct ControlTests {
  @Test func loopsBranchesAndSizesRun() throws {
    let memory = Memory(try controlPlan().image())
    var context = try Context.bound(try memory.model(), dims: [5])
    let x = (0..<20).map { Float($0) - 7 }
    var (y, z) = ([Float](repeating: 0, count: 20), [Float](repeating: 9, count: 20))
    func run(_ context: inout Context, flag: Bool, count: Int64) throws {
      var (flag, count) = (flag ? UInt8(1) : 0, count)
      try x.withUnsafeBytes { x in
        try y.withUnsafeMutableBytes { y in
          try z.withUnsafeMutableBytes { z in
            try context.setInput(0, x.baseAddress)
            try withUnsafeBytes(of: &flag) { try context.setInput(1, $0.baseAddress) }
            try withUnsafeBytes(of: &count) { count in
              try context.setInput(2, count.baseAddress)
              try withUnsafeBytes(of: &flag) { flag in
                try context.setInput(1, flag.baseAddress)
                try context.setOutput(0, y.baseAddress)
                try context.setOutput(1, z.baseAddress)
                try context.run()
              }
            }
          }
        }
      }
    }
    for (flag, count) in [(true, Int64(2)), (false, 5), (true, 0)] {
      z = [Float](repeating: 9, count: 20)
      try run(&context, flag: flag, count: count)
      #expect(y == x.map { $0 * (flag ? 24 : -24) })
      #expect(context.outputSize(1, axis: 0) == Int(count) && context.outputSize(1, axis: 1) == 4)
      #expect(Array(z[..<(Int(count) * 4)]) == Array(x[..<(Int(count) * 4)]) && z[(Int(count) * 4)...].allSatisfy { $0 == 9 })
    }
    for count in [Int64(6), -1, .max] {
      #expect(throws: RuntimeError.self) { try run(&context, flag: true, count: count) }
    }
    try run(&context, flag: true, count: 1)
    #expect(context.outputSize(1, axis: 0) == 1)
    #expect(try context.profile().count == 8)
  }

  /// A size beyond the room that the caller bound says how much room there has to be.
  @Test func roomIsAskedFor() throws {
    var plan = controlPlan()
    plan.symbols.insert(Plan.Symbol("_room", 1...1000), at: 1)
    plan.symbols[3].bound = Dim(symbol: "_room")
    plan.outputs[1].capacity = 4 * Dim(symbol: "_room")
    let memory = Memory(try plan.image())
    var context = try Context(try memory.model())
    let x = (0..<20).map { Float($0) }
    var (y, z, flag) = ([Float](repeating: 0, count: 20), [Float](repeating: 0, count: 20), UInt8(1))
    func status(room: Int, count: Int64) throws -> lamina_status {
      var count = count
      try context.bind([5, room])
      let byteCount = context.outputByteCount(1)
      #expect(byteCount == 16 * room)
      return try x.withUnsafeBytes { x in
        try y.withUnsafeMutableBytes { y in
          try z.withUnsafeMutableBytes { z in
            try withUnsafeBytes(of: &flag) { flag in
              try withUnsafeBytes(of: &count) { count in
                for (index, input) in [x.baseAddress, flag.baseAddress, count.baseAddress].enumerated() {
                  try context.setInput(index, input)
                }
                try context.setOutput(0, y.baseAddress)
                try context.setOutput(1, z.baseAddress)
                do throws(RuntimeError) { try context.run() } catch { return error.status }
                return LAMINA_OK
              }
            }
          }
        }
      }
    }
    #expect(try status(room: 2, count: 4) == LAMINA_NEEDS_ROOM)
    var needed = context.neededRoom
    #expect(needed?.symbol == 1 && needed?.size == 4)
    #expect(try status(room: 4, count: 4) == LAMINA_OK)
    needed = context.neededRoom
    #expect(needed == nil && z[..<16] == x[..<16])
    // More than the symbol's range is no matter of room.
    #expect(try status(room: 4, count: 1001) == LAMINA_BAD_SIZE)
    needed = context.neededRoom
    #expect(needed == nil)
  }

  @Test func faultyControlIsFound() {
    func faults(_ change: (inout Plan) -> Void) -> String {
      var plan = controlPlan()
      change(&plan)
      return plan.verify().map(\.message).joined(separator: "; ")
    }
    #expect(faults { _ in } == "")
    #expect(faults { $0.steps[3].control = .branch(then: 4, otherwise: 1) }.contains("5 steps of its own"))
    #expect(faults { $0.steps[3].control = .branch(then: -1, otherwise: 2) }.contains("-1 and 2"))
    #expect(faults { $0.steps[3].control = .branch(then: .max, otherwise: 2) }.contains("steps of its own"))
    #expect(faults { $0.steps[6].control = .size("N") }.contains("not a symbol that steps set"))
    #expect(faults { $0.steps[6].buffers = [] }.contains("reads 0 values"))
    #expect(faults { $0.symbols.swapAt(0, 1) }.contains("comes after"))
    #expect(faults { $0.buffers[0].byteCount = Dim(symbol: "m") }.contains("known before"))
    #expect(faults { $0.outputs[1].capacity = nil }.contains("known before"))
    var nested = controlPlan()
    let loop = nested.steps[1]
    for depth in 0..<40 {
      nested.steps.insert(loop, at: 1)
      nested.steps[1].control = .loop(
        body: depth + 2, counter: "i", count: nil, limit: false, condition: false, next: false)
    }
    #expect(nested.verify().contains { $0.message.contains("nested more than") })
  }

  /// Random damage under a right checksum: whatever passes verification can be bound without a fault.
  @Test func survivesDamage() throws {
    let original = try controlPlan().image()
    let checksumOffset = try #require(MemoryLayout<lamina_plan>.offset(of: \lamina_plan.checksum))
    var state: UInt64 = 5
    func next(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(limit))
    }
    var bound = 0
    for _ in 0..<6000 {
      var bytes = original
      for _ in 0...next(3) { bytes[next(bytes.count)] = UInt8([0, 1, 2, 3, 255, next(256)][next(6)]) }
      bytes.withUnsafeMutableBytes { bytes in
        let sum = lamina_checksum(bytes.baseAddress, UInt64(bytes.count))
        bytes.storeBytes(of: sum, toByteOffset: checksumOffset, as: UInt64.self)
      }
      let memory = Memory(bytes)
      guard let model = try? memory.model(), var context = try? Context(model) else { continue }
      if (try? context.bind([3], threads: 1)) != nil { bound += 1 }
    }
    #expect(bound > 100)
  }
}
