// SPDX-License-Identifier: Apache-2.0
// Plan images hold what the plan says, and damaged ones are refused or harmless.

import CLaminaRuntime
import LaminaRuntime
import PlanIR
import TensorCore
import Testing

private struct Random {
  var state: UInt64
  mutating func next(_ limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(limit))
  }
}

@Suite struct PlanImageTests {
  @Test func elementTypesAgree() {
    #expect(DType.allCases.map { UInt32($0.rawValue) } == Array(LAMINA_F32.rawValue..<LAMINA_DTYPE_END.rawValue))
    #expect(DType.f16.rawValue == UInt8(LAMINA_F16.rawValue) && DType.u4.rawValue == UInt8(LAMINA_U4.rawValue))
    #expect(DType.bool.rawValue == UInt8(LAMINA_BOOL.rawValue) && Plan.alignment == Int(LAMINA_ALIGNMENT))
  }

  @Test func holdsThePlan() throws {
    let memory = try TestModel()
    let image = try memory.model().image
    #expect(image.string(image.header.name) == "测试")
    #expect(image.symbols.count == 1 && image.symbols[0].high == 100_000)
    #expect(image.steps.map { image.string($0.label) } == ["加", ""])
    #expect(image.kernels.map { image.string($0) } == ["add_constant", "scale"])
    #expect(image.constants[0].offset == 64 && image.header.weights_bytes == 128)
  }

  /// The image's expressions come to what `Dim` says.
  @Test func expressionsAgreeWithDims() throws {
    var random = Random(state: 3)
    let names = ["N", "时", "T"]
    func dim(_ depth: Int) -> Dim {
      let pick = random.next(depth == 0 ? 2 : 8)
      switch pick {
      case 0: return Dim(random.next(21) - 10)
      case 1: return Dim(symbol: names[random.next(3)])
      case 2: return dim(depth - 1) + dim(depth - 1)
      case 3: return dim(depth - 1) - dim(depth - 1)
      case 4: return dim(depth - 1) * dim(depth - 1)
      case 5: return Dim.floorDiv(dim(depth - 1), Dim(symbol: names[random.next(3)]) + 1)
      case 6: return Dim.mod(dim(depth - 1), Dim(random.next(9) + 1))
      default:
        return random.next(2) == 0 ? Dim.min(dim(depth - 1), dim(depth - 1)) : Dim.max(dim(depth - 1), dim(depth - 1))
      }
    }
    let nothing: lamina_kernel = { _, _, _, _, _ in }
    let kernels = UnsafeMutableBufferPointer<lamina_kernel?>.allocate(capacity: 1)
    kernels.initialize(repeating: nothing)
    defer { kernels.deallocate() }
    for _ in 0..<200 {
      let dims = (0..<6).map { _ in dim(4) }
      guard dims.allSatisfy(\.isValid) else { continue }
      let plan = Plan(
        name: "e", symbols: names.map { Plan.Symbol($0, 0...50) }, kernels: ["k"],
        steps: [Plan.Step(kernel: 0, buffers: [], sizes: dims)])
      let bytes = try plan.image()
      try bytes.withUnsafeBytes { bytes in
        let model = try Model(
          image: bytes, kernels: UnsafeBufferPointer(kernels), weights: UnsafeRawBufferPointer(start: nil, count: 0))
        var context = try Context(model)
        let values = (0..<3).map { _ in random.next(51) }
        let expected = dims.map { $0.evaluate(Dictionary(uniqueKeysWithValues: zip(names, values))) }
        guard expected.allSatisfy({ $0 != nil }) else { return }
        try context.bind(values)
        let indices = bytes.baseAddress!.advanced(by: Int(model.image.header.indices.offset))
        let list = model.image.steps[0].sizes
        for (position, value) in expected.enumerated() {
          let index = indices.load(fromByteOffset: (Int(list.first) + position) * 4, as: UInt32.self)
          #expect(context.value(Int(index)) == Int64(value ?? 0), "\(dims[position]) at \(values)")
        }
      }
    }
  }

  @Test func refusesForeignBytes() throws {
    let memory = try TestModel()
    func refused(_ change: (UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer) -> lamina_status {
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: memory.image.count + 16, alignment: 8)
      defer { copy.deallocate() }
      copy.copyMemory(from: UnsafeRawBufferPointer(memory.image))
      do throws(RuntimeError) {
        _ = try PlanImage(change(copy))
        return LAMINA_OK
      } catch {
        return error.status
      }
    }
    let count = memory.image.count
    #expect(refused { UnsafeRawBufferPointer(rebasing: $0[..<count]) } == LAMINA_OK)
    for short in stride(from: 0, to: count, by: 8) {
      #expect(refused { UnsafeRawBufferPointer(rebasing: $0[..<short]) } == LAMINA_BAD_IMAGE)
    }
    #expect(refused { UnsafeRawBufferPointer(rebasing: $0[..<(count + 8)]) } == LAMINA_BAD_IMAGE)
    #expect(refused { UnsafeRawBufferPointer(rebasing: $0[4..<(count + 4)]) } == LAMINA_BAD_IMAGE)
    #expect(
      refused {
        $0[8] = 200
        return UnsafeRawBufferPointer(rebasing: $0[..<count])
      } == LAMINA_BAD_VERSION)
    #expect(
      refused {
        $0[count - 3] ^= 1
        return UnsafeRawBufferPointer(rebasing: $0[..<count])
      } == LAMINA_BAD_IMAGE)
  }

  /// Random damage under a right checksum: whatever passes verification can be bound without a fault.
  @Test(arguments: [false, true]) func survivesDamage(_ hasVariants: Bool) throws {
    let memory = try TestModel(hasVariants ? VariantTests.plan() : testPlan())
    let original = [UInt8](memory.image)
    let checksumOffset = try #require(MemoryLayout<lamina_plan>.offset(of: \lamina_plan.checksum))
    var random = Random(state: 11)
    var (accepted, bound) = (0, 0)
    for _ in 0..<6000 {
      var bytes = original
      for _ in 0...random.next(3) {
        let place = random.next(bytes.count)
        switch random.next(3) {
        case 0: bytes[place] = UInt8(random.next(256))
        case 1: bytes[place] ^= UInt8(1 << random.next(8))
        default:
          let value = [0, 1, 255, 127, 128][random.next(5)]
          for offset in 0..<4 where place / 4 * 4 + offset < bytes.count {
            bytes[place / 4 * 4 + offset] = UInt8(value)
          }
        }
      }
      bytes.withUnsafeMutableBytes { bytes in
        let sum = lamina_checksum(bytes.baseAddress, UInt64(bytes.count))
        bytes.storeBytes(of: sum, toByteOffset: checksumOffset, as: UInt64.self)
        let weights = UnsafeRawBufferPointer(memory.weights)
        guard
          let model = try? Model(
            image: UnsafeRawBufferPointer(bytes), kernels: UnsafeBufferPointer(memory.kernels), weights: weights),
          var context = try? Context(model)
        else { return }
        accepted += 1
        for n in [0, 3, 7, 70_000] where (try? context.bind([n], threads: 2)) != nil {
          bound += 1
          for index in -1...2 {
            try? context.setInput(index, memory.weights.baseAddress)
            try? context.setOutput(index, memory.weights.baseAddress)
          }
        }
        _ = model.image.steps.map { model.image.string($0.label) }
      }
    }
    #expect(accepted > 100 && bound > 100)
  }
}
