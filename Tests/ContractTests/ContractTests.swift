// SPDX-License-Identifier: Apache-2.0
// Generated contractions against a plain triple loop: the same bits, whatever the tile; pairs of bf16 nearly so.

import KernelIR
import LLVMBackend
import TensorCore
import Testing

/// The C type of a generated kernel; see `lamina_runtime.h`.
typealias KernelFunction = @convention(c) (
  UnsafePointer<UnsafeMutableRawPointer>, UnsafePointer<Int64>, Int64, Int64, UnsafeMutableRawPointer?
) -> Void

/// The targets whose code runs here.
let targets: [TargetDescription] = ["native", "x86-64-v3", "x86-64-v2"].compactMap { name in
  guard let target = try? TargetDescription.named(name), TargetDescription.native.features.isSuperset(of: target.features)
  else { return nil }
  return target
}

func run(_ kernel: Kernel, _ target: TargetDescription, _ tensors: [Tensor], sizes: [Int] = []) throws {
  let compiler = KernelCompiler(target: target, cache: KernelCache(folder: nil), threads: 1)
  let loaded = try compiler.load([kernel])
  let function = unsafeBitCast(loaded.functions[0], to: KernelFunction.self)
  let pointers = tensors.map { $0.mutableBytes.baseAddress! }
  function(pointers, sizes.map(Int64.init) + [0], 0, 1, nil)
  withExtendedLifetime((loaded, tensors)) {}
}

@Test(arguments: targets) func contractionsEqualTripleLoop(target: TargetDescription) throws {
  var random = Random(7)
  for _ in 0..<60 {
    let example = Example.random(&random, lanes: target.lanes(bits: 32), registers: target.registers)
    try check(example, target, &random)
  }
}

private func check(_ example: Example, _ target: TargetDescription, _ random: inout Random) throws {
  func numbers(_ dtype: DType, _ count: Int) throws -> Tensor {
    let tensor = try #require(Tensor(zeros: dtype, [count]))
    for index in 0..<count {
      if dtype.isFloat {
        tensor.set(index, Double(random.next(-1000...1000)) / 640)
      } else {
        tensor.set(index, integer: Int64(random.next(-128...255)))
      }
    }
    return tensor
  }
  let a = try numbers(example.aType, example.aCount)
  let b = try numbers(example.bType, example.bCount)
  let bias = try numbers(example.sumType, example.columns)
  let c = try numbers(example.sumType, example.cCount)
  let expected = try #require(Tensor(example.sumType, [example.cCount], doubles: (0..<example.cCount).map(c.double)))
  let depth = example.depthOffsets()
  var tolerance = [Double](repeating: 0, count: example.cCount)
  for row in 0..<example.rows {
    for column in 0..<example.columns {
      let products = depth.map { (a.double(example.rowOffset(row) + $0.a), b.double($0.b + column)) }
      let sum = total(products, example.sumType, fused: target.hasFMA)
      let place = 8 + row * example.cStride + column
      if example.isRoundedOtherwise {
        tolerance[place] = products.reduce(1) { $0 + abs($1.0 * $1.1) } * Double(depth.count + 1) * 0x1p-23
      }
      expected.set(
        place, finished(sum, example.sumType.isFloat ? bias.double(column) : nil, example.sumType))
    }
  }
  var weights = b
  if example.isPacked {
    // Steps need not lie evenly, so each is copied by its own offset.
    let width = example.tile.columns
    let panels = (example.columns + width - 1) / width
    let (together, places) = (example.together, example.place(depth.count))
    let packed = try #require(Tensor(zeros: example.bType, [panels * places * width]))
    for (k, offset) in depth.enumerated() {
      for n in 0..<example.columns {
        let place = example.place(k)
        packed.set(
          n / width * places * width + (place / together * width + n % width) * together + place % together,
          b.double(offset.b + n))
      }
    }
    weights = packed
  }
  try run(example.kernel, target, [a, weights, c, bias], sizes: [example.rows, example.columns] + example.depth)
  let wrong = (0..<example.cCount).first { !(abs(c.double($0) - expected.double($0)) <= tolerance[$0]) }
  if let wrong {
    Issue.record("\(example): element \(wrong) is \(c.double(wrong)), expected \(expected.double(wrong))")
  }
}

/// The sum in order, in the accumulator's arithmetic.
private func total(_ products: [(Double, Double)], _ dtype: DType, fused: Bool) -> Double {
  switch dtype {
  case .f32:
    var sum: Float = 0
    for (x, y) in products { sum = fused ? sum.addingProduct(Float(x), Float(y)) : sum + Float(x) * Float(y) }
    return Double(sum)
  case .f64:
    var sum = 0.0
    for (x, y) in products { sum = fused ? sum.addingProduct(x, y) : sum + x * y }
    return sum
  default: return products.reduce(0) { $0 + $1.0 * $1.1 }
  }
}

private func finished(_ sum: Double, _ bias: Double?, _ dtype: DType) -> Double {
  guard let bias else { return sum }
  let value = dtype == .f32 ? Double(Float(sum) + Float(bias)) : sum + bias
  return max(value, 0)
}

@Test(arguments: targets) func longEpiloguesEqualSeparateFunctions(target: TargetDescription) throws {
  // A function in the epilogue runs as a loop over the tile; the values must be those of the plain sum's function.
  for (rows, columns, dynamic) in [(13, 50, false), (8, 48, false), (5, 70, true), (1, 9, false)] {
    let depth = 9
    func kernel(_ value: (Expr) -> Expr) -> Kernel {
      let (row, column) = (Axis(id: 1, name: "m"), Axis(id: 2, name: "n"))
      let sum = Local(id: 0, name: "sum", dtype: .f32)
      let contract = Contract(
        rows: dynamic ? .size(0) : .int(rows), columns: dynamic ? .size(1) : .int(columns),
        depth: [DepthAxis(extent: .int(depth), aStride: .int(1), bStride: .int(columns))], rowAxis: row,
        columnAxis: column, a: 0, aOffset: .axis(row) * .int(depth), b: 1, bOffset: .int(0), bIsPacked: false,
        tile: .choose(
          rows: dynamic ? nil : rows, columns: dynamic ? nil : columns, depth: depth, lanes: target.lanes(bits: 32),
          registers: target.registers), accumulators: [sum],
        epilogue: [
          .store(buffer: 2, offset: .axis(row) * .int(columns) + .axis(column), value: value(.local(sum)), guard: nil)
        ])
      return Kernel(
        name: "long", parameters: [.init("a", .f32, .read), .init("b", .f32, .read), .init("c", .f32, .write)],
        sizes: ["m", "n"], tileAxis: Axis(id: 0, name: "t"), tiles: .int(1), body: [.contract(contract)])
    }
    let a = try #require(Tensor(.f32, [rows * depth], doubles: (0..<rows * depth).map { Double($0 % 17) * 0.25 - 2 }))
    let b = try #require(
      Tensor(.f32, [depth * columns], doubles: (0..<depth * columns).map { Double($0 % 13) * 0.125 - 0.75 }))
    let plain = try #require(Tensor(zeros: .f32, [rows * columns]))
    let long = try #require(Tensor(zeros: .f32, [rows * columns]))
    try run(kernel({ $0 }), target, [a, b, plain], sizes: [rows, columns])
    try run(kernel({ .unary(.expm1, $0) }), target, [a, b, long], sizes: [rows, columns])
    let index = Axis(id: 1, name: "i")
    let apply = Kernel(
      name: "apply", parameters: [.init("x", .f32, .read), .init("y", .f32, .write)], tileAxis: Axis(id: 0, name: "t"),
      tiles: .int(1),
      body: [
        .loop(
          Loop(
            index, .int(rows * columns), .vector(unroll: 1),
            [
              .store(
                buffer: 1, offset: .axis(index), value: .unary(.expm1, .load(0, .f32, at: .axis(index))), guard: nil)
            ]))
      ])
    let expected = try #require(Tensor(zeros: .f32, [rows * columns]))
    try run(apply, target, [plain, expected])
    let wrong = (0..<rows * columns).first { long.double($0) != expected.double($0) }
    #expect(wrong == nil, "\(rows)x\(columns): element \(wrong ?? 0)")
  }
}

@Test func pairsAreSideBySide() throws {
  // Two runs of three steps, so that each ends in half a pair; two groups of columns.
  let packing = Packing(
    offset: 0, batch: [], depth: [.init(extent: 2, stride: 30), .init(extent: 3, stride: 10)],
    columns: [.init(extent: 3, stride: 1)], groups: [0, 5], panelWidth: 2, interleaving: .init(steps: 2, run: 3))
  let (places, width) = (8, 2)
  #expect(packing.panelStride == places * 2 * width)
  #expect(packing.elementCount == 2 * packing.panelStride)
  let source = try #require(Tensor(.bf16, [60], doubles: (0..<60).map { Double($0 + 1) }))
  let packed = try #require(Tensor(zeros: .bf16, [packing.elementCount]))
  packing.pack(from: UnsafeRawBufferPointer(source.bytes), size: 2, to: packed.mutableBytes)
  withExtendedLifetime(source) {}
  for place in 0..<places {
    for group in 0..<2 {
      for n in 0..<4 {
        let isPadding = place % 4 == 3 || n == 3
        let element = packed.double(
          n / width * packing.panelStride + ((place / 2 * 2 + group) * width + n % width) * 2 + place % 2)
        #expect(element == (isPadding ? 0 : Double(place / 4 * 30 + place % 4 * 10 + group * 5 + n + 1)))
      }
    }
  }
}

@Test func packingFollowsStrides() throws {
  // A source stored [column][k1][k0], read as depth (k0 of 2, k1 of 3), from its second element on.
  let (depth, columns) = (6, 5)
  let packing = Packing(
    offset: 1, batch: [], depth: [.init(extent: 2, stride: 1), .init(extent: 3, stride: 2)],
    columns: [.init(extent: columns, stride: depth)], panelWidth: 4)
  #expect(packing.elementCount == 2 * 6 * 4)
  let source = try #require(Tensor(.f32, [columns * depth + 1], doubles: (0...columns * depth).map(Double.init)))
  let packed = try #require(Tensor(zeros: .f32, [packing.elementCount]))
  packing.pack(from: UnsafeRawBufferPointer(source.bytes), size: 4, to: packed.mutableBytes)
  withExtendedLifetime(source) {}
  for k in 0..<depth {
    for n in 0..<columns {
      #expect(packed.double((n / 4 * depth + k) * 4 + n % 4) == Double(1 + n * depth + k / 3 + k % 3 * 2))
    }
    #expect((1..<4).allSatisfy { packed.double((depth + k) * 4 + $0) == 0 })
  }
}
