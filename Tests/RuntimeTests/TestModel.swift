// SPDX-License-Identifier: Apache-2.0
// A small model with kernels written here: y = (2 x + constant) · scale, over a dynamic N, in two steps.

import CLaminaRuntime
import LaminaRuntime
import PlanIR
import TensorCore

/// buffers: x, constant, out; sizes: N, columns. Tile = row.
private let addConstant: lamina_kernel = { buffers, sizes, begin, end, scratch in
  guard let buffers, let sizes, let x = buffers[0], let c = buffers[1], let y = buffers[2] else { return }
  let columns = sizes[1]
  for row in begin..<end {
    for column in 0..<columns {
      let index = Int(row * columns + column)
      let value = x.load(fromByteOffset: index * 4, as: Float.self)
      // Goes through scratch memory, so that parts which shared it would show.
      scratch?.storeBytes(of: value * 2, toByteOffset: Int(column) * 4, as: Float.self)
      let doubled = scratch?.load(fromByteOffset: Int(column) * 4, as: Float.self) ?? 0
      y.storeBytes(
        of: doubled + c.load(fromByteOffset: Int(column) * 4, as: Float.self), toByteOffset: index * 4, as: Float.self)
    }
  }
}

/// buffers: x, out; sizes: N, columns, factor.
private let scale: lamina_kernel = { buffers, sizes, begin, end, _ in
  guard let buffers, let sizes, let x = buffers[0], let y = buffers[1] else { return }
  for index in Int(begin * sizes[1])..<Int(end * sizes[1]) {
    y.storeBytes(
      of: x.load(fromByteOffset: index * 4, as: Float.self) * Float(sizes[2]), toByteOffset: index * 4, as: Float.self)
  }
}

let testColumns = 16

func testPlan(nanosecondsPerTile: Double = 0) -> Plan {
  let n = Dim(symbol: "N")
  let bytes = n * Dim(testColumns * 4)
  var plan = Plan(name: "测试")
  plan.symbols = [Plan.Symbol("N", 0...100_000)]
  plan.inputs = [Plan.Port("x", TensorType(.f32, [n, Dim(testColumns)]))]
  plan.outputs = [Plan.Port("y", TensorType(.f32, [n, Dim(testColumns)]))]
  plan.constants = [Plan.Constant("c", TensorType(.f32, [Dim(testColumns)]), offset: 64, byteCount: 64)]
  plan.weightsByteCount = 128
  plan.buffers = [
    Plan.Buffer("unused", byteCount: n, firstStep: 0, lastStep: 1),
    Plan.Buffer("hidden", byteCount: bytes + 64, below: [0], firstStep: 0, lastStep: 1),
  ]
  plan.kernels = ["add_constant", "scale"]
  plan.steps = [
    Plan.Step(
      kernel: 0,
      buffers: [.init(.input(0)), .init(.constant(0)), .init(.arena(1), byteOffset: Dim.min(64, n * 64))],
      sizes: [n, Dim(testColumns)], tiles: n, nanosecondsPerTile: nanosecondsPerTile, scratchBytes: 64, label: "加"),
    Plan.Step(
      kernel: 1, buffers: [.init(.arena(1), byteOffset: Dim.min(64, n * 64)), .init(.output(0))],
      sizes: [n, Dim(testColumns), Dim.floorDiv(n, 7) + 3], tiles: n, nanosecondsPerTile: nanosecondsPerTile),
  ]
  return plan
}

/// The model in memory; keeps what its pointers point at.
final class TestModel {
  let image: UnsafeMutableRawBufferPointer
  let kernels = UnsafeMutableBufferPointer<lamina_kernel?>.allocate(capacity: 2)
  let weights = UnsafeMutableRawBufferPointer.allocate(byteCount: 128, alignment: 64)

  init(_ plan: Plan = testPlan()) throws {
    let bytes = try plan.image()
    image = .allocate(byteCount: bytes.count, alignment: 8)
    image.copyBytes(from: bytes)
    _ = kernels.initialize(from: [addConstant, scale])
    for index in 0..<32 { weights.storeBytes(of: Float(index) * 0.25, toByteOffset: index * 4, as: Float.self) }
  }

  deinit {
    image.deallocate()
    kernels.deallocate()
    weights.deallocate()
  }

  func model() throws -> Model {
    try Model(
      image: UnsafeRawBufferPointer(image), kernels: UnsafeBufferPointer(kernels),
      weights: UnsafeRawBufferPointer(weights))
  }
}

func testInput(_ n: Int) -> [Float] { (0..<n * testColumns).map { Float($0 % 977) * 0.37 - 11 } }

func testOutput(_ n: Int) -> [Float] {
  testInput(n).enumerated().map { ($1 * 2 + Float(16 + $0 % testColumns) * 0.25) * Float(n / 7 + 3) }
}

/// Sets input and output, runs once, returns the output.
func run(_ context: inout Context, _ n: Int) throws -> [Float] {
  let input = testInput(n)
  var output = [Float](repeating: -1, count: n * testColumns)
  try input.withUnsafeBytes { input in
    try output.withUnsafeMutableBytes { output in
      try context.setInput(0, input.baseAddress)
      try context.setOutput(0, output.baseAddress)
      try context.run()
    }
  }
  return output
}
