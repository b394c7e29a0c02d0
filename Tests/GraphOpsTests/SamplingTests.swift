// SPDX-License-Identifier: Apache-2.0
// Resizing, quantising, transforms and attention, against values that NumPy and ONNX's documentation give.

import GraphIR
import GraphOps
import TensorCore
import Testing

private func reals(_ values: [Double], _ shape: [Int], _ dtype: DType = .f64) -> Reference {
  Reference(dtype, shape, reals: values)
}

private func integers(_ values: [Int64], _ dtype: DType, _ shape: [Int]? = nil) -> Reference {
  Reference(dtype, shape ?? [values.count], integers: values)
}

private func isClose(_ found: [Double], _ expected: [Double], _ limit: Double = 1e-6) -> Bool {
  found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) <= limit * (1 + abs($1)) }
}

@Suite struct SamplingTests {
  private let square = reals((1...16).map { Double($0) }, [1, 1, 4, 4])

  @Test func `resizing gives ONNX's values`() throws {
    var resize = Resize()
    resize.mode = "cubic"
    resize.scales = [1, 1, Double(Float(0.8)), Double(Float(0.8))]
    #expect(
      isClose(
        try resize.evaluate([square])[0].reals,
        [1.47119141, 2.78125, 4.08251953, 6.71142578, 8.02148438, 9.32275391, 11.91650391, 13.2265625, 14.52783203]))
    resize = Resize()
    resize.mode = "linear"
    resize.coordinates = "align_corners"
    resize.scales = [1, 1, 2, 2]
    let corners = try resize.evaluate([reals([1, 2, 3, 4], [1, 1, 2, 2])])[0]
    #expect(isClose(Array(corners.reals.prefix(4)), [1, 4.0 / 3, 5.0 / 3, 2]))
    resize = Resize()
    resize.sizes = [3, 3]
    resize.axes = [2, 3]
    resize.aspectPolicy = "not_larger"
    #expect(try resize.inferTypes([TensorType(.f32, [1, 1, 2, 4])])[0].shape == [1, 1, 2, 3])
    resize.aspectPolicy = "not_smaller"
    #expect(try resize.inferTypes([TensorType(.f32, [1, 1, 2, 4])])[0].shape == [1, 1, 3, 6])
  }

  /// Operator set 10: the next element up where an axis shrinks, the one before where it grows.
  @Test func `nearest elements by the direction of resizing`() throws {
    var resize = Resize()
    resize.coordinates = "asymmetric"
    resize.nearestMode = "ceil_shrinking"
    resize.scales = [0.75, 1.5]
    let x = reals([1, 2, 3, 4, 5, 6, 7, 8], [4, 2])
    #expect(try resize.evaluate([x])[0].reals == [1, 1, 2, 5, 5, 6, 7, 7, 8])
  }

  /// Cubic interpolation with a border mixes the four elements around the coordinate wherever it lies; those outside
  /// are the border's. At half an element before the first the weights are -3/32, 19/32, 19/32 and -3/32.
  @Test(arguments: [(-4.0 / 3, 0.90625), (-9, 1), (4.0 / 3, 8.375), (9, 8), (-1, 1)] as [(Double, Double)])
  func `cubic samples beside the border`(_ place: Double, _ value: Double) throws {
    var sample = GridSample()
    sample.mode = "cubic"
    sample.paddingMode = "border"
    sample.alignCorners = true
    let found = try sample.evaluate([reals([1, 2, 4, 8], [1, 1, 4]), reals([place], [1, 1, 1])])
    #expect(isClose(found[0].reals, [value]))
  }

  @Test func `resizing says what it cannot do`() throws {
    var resize = Resize()
    #expect(throws: TypeError.self) { try resize.inferTypes([TensorType(.f32, [4])]) }
    resize.scales = [-1]
    #expect(throws: TypeError.self) { try resize.inferTypes([TensorType(.f32, [4])]) }
    resize.scales = [2]
    resize.mode = "linear"
    #expect(throws: TypeError.self) { try resize.inferTypes([TensorType(.bool, [4])]) }
    resize.scales = [0.7071]
    #expect(throws: TypeError.self) { try resize.inferTypes([TensorType(.f32, [Dim(symbol: "N")])]) }
    resize.scales = [1.5]
    #expect(
      try resize.inferTypes([TensorType(.f32, [Dim(symbol: "N")])])[0].shape
        == [Dim.floorDiv(Dim(symbol: "N") * 3, 2)])
  }

  @Test func `quantising rounds to even and saturates`() throws {
    let x = reals([-1.5, -0.5, 0, 0.05, 0.15, 0.25, 30, -30], [8], .f32)
    let scale = reals([Double(Float(0.1))], [], .f32)
    let signed = try QuantizeLinear(.i8).evaluate([x, scale, integers([3], .i8, [])])[0]
    #expect(signed.integers == [-12, -2, 3, 3, 5, 5, 127, -128])
    let plain = try QuantizeLinear(.u8).evaluate([x, scale, integers([128], .u8, [])])[0]
    #expect(plain.integers == [113, 123, 128, 128, 130, 130, 255, 0])
    let nothing = try DynamicQuantizeLinear().evaluate([reals([0, 0], [2], .f32)])
    #expect(nothing[0].integers == [0, 0] && nothing[2].integers == [0])
    let blocks = try DequantizeLinear(axis: 1, blockSize: 2).evaluate([
      integers([1, 2, 3, 4, -8], .i4, [1, 5]), reals([1, 10, 100], [1, 3], .f32), integers([1, 0, -1], .i4, [1, 3]),
    ])[0]
    #expect(blocks.reals == [0, 1, 30, 40, -700])
  }

  @Test func `transforms give NumPy's values`() throws {
    var dft = DFT()
    dft.axis = 0
    let signal = reals([1, 2, -1, 0.5, 3], [5, 1])
    #expect(
      isClose(
        try dft.evaluate([signal])[0].reals,
        [
          5.5, 0, 2.949593469062211, 1.8327343947338632, -3.199593469062211, -0.8387995221502571, -3.199593469062211,
          0.8387995221502571, 2.949593469062211, -1.8327343947338632,
        ], 1e-12))
    dft.inverse = true
    dft.isOneSided = true
    let half = reals([1, 0, 2, -1, 0.5, 0.25], [3, 2])
    #expect(isClose(try dft.evaluate([half])[0].reals, [1.375, 0.625, -0.625, -0.375], 1e-12))
    dft.length = 5
    #expect(
      isClose(
        try dft.evaluate([half])[0].reals,
        [1.2, 0.6070542779137826, -0.05519044407846385, -0.7156299491714732, -0.03623388466384565], 1e-12))
    #expect(throws: TypeError.self) { try dft.inferTypes([TensorType(.f32, [5, 3])]) }
    var window = HannWindow()
    window.size = 5
    #expect(
      isClose(
        try window.evaluate([])[0].reals,
        [0, 0.3454915028125263, 0.9045084971874737, 0.9045084971874737, 0.3454915028125264], 1e-12))
  }

  @Test func `attention looks where masks let it`() throws {
    let q = reals([0.5, -1, 1, 2], [1, 1, 2, 2])
    let k = reals([1, 0, 0, 1, 2, -1], [1, 1, 3, 2])
    let v = reals([1, 2, 4], [1, 1, 3, 1])
    var attention = Attention()
    #expect(
      isClose(try attention.evaluate([q, k, v])[0].reals, [3.1280078888048672, 1.996063080345496], 1e-12))
    attention.isCausal = true
    #expect(isClose(try attention.evaluate([q, k, v])[0].reals, [1, 1.6697615493266569], 1e-12))
    // A row that may look at nothing is 0.
    let none = integers([0, 0, 0, 1, 1, 1], .bool, [2, 3])
    #expect(try attention.evaluate([q, k, v, none])[0].reals[0] == 0)
    #expect(throws: TypeError.self) { try attention.inferTypes([q.type, k.type, v.type, nil, k.type]) }
  }

  @Test func `matrices are inverted with row exchanges`() throws {
    let x = reals([2, 1, 0, 4, -6, 0, -2, 7, 2], [3, 3])
    #expect(isClose(try Det().evaluate([x])[0].reals, [-32], 1e-12))
    #expect(
      isClose(try Inverse().evaluate([x])[0].reals, [0.375, 0.0625, 0, 0.25, -0.125, 0, -0.5, 0.5, 0.5], 1e-12))
    #expect(try Det().evaluate([reals([1, 2, 2, 4], [2, 2])])[0].reals == [0])
  }

  @Test func `bits keep their values in other types`() throws {
    #expect(try BitCast(to: .u32).evaluate([reals([1, -2], [2], .f32)])[0].integers == [0x3F80_0000, 0xC000_0000])
    #expect(try BitCast(to: .f16).evaluate([integers([0x3C00, 0x8001], .u16)])[0].reals == [1, -0x1p-24])
    #expect(try BitCast(to: .u8).evaluate([integers([-1], .i8)])[0].integers == [255])
    #expect(throws: TypeError.self) { try BitCast(to: .f64).inferTypes([TensorType(.f32, [1])]) }
  }

  @Test func `random numbers follow from the seed and are spread as they should`() throws {
    // The first of the words that the authors of Philox give for a counter and key of 0.
    #expect(try RandomUniform([1], .f32, seed: nil).evaluate([])[0].reals == [Double(0x66_27E8) * 0x1p-24])
    let uniform = try RandomUniform([4000], .f64, low: -1, high: 3, seed: 1).evaluate([])[0].reals
    #expect(uniform == (try RandomUniform([4000], .f64, low: -1, high: 3, seed: 1).evaluate([])[0].reals))
    #expect(uniform != (try RandomUniform([4000], .f64, low: -1, high: 3, seed: 2).evaluate([])[0].reals))
    #expect(uniform.allSatisfy { (-1..<3).contains($0) })
    #expect(abs(uniform.reduce(0, +) / 4000 - 1) < 0.06)
    let normal = try RandomNormal([4000], .f64, mean: 2, scale: 3, seed: 1).evaluate([])[0].reals
    let mean = normal.reduce(0, +) / 4000
    #expect(abs(mean - 2) < 0.15)
    #expect(abs((normal.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4000).squareRoot() - 3) < 0.15)
  }
}
