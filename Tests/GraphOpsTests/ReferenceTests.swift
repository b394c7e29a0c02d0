// SPDX-License-Identifier: Apache-2.0
// What operators mean, against values that NumPy and Python's math module computed.

import GraphIR
import GraphOps
import TensorCore
import Testing

private let nan = Double.nan
private let infinity = Double.infinity

private func reals(_ values: [Double], _ shape: [Int]? = nil) -> Reference {
  Reference(.f64, shape ?? [values.count], reals: values)
}

private func integers(_ values: [Int64], _ dtype: DType = .i64, _ shape: [Int]? = nil) -> Reference {
  Reference(dtype, shape ?? [values.count], integers: values)
}

private func count(_ shape: [Int], _ dtype: DType = .i64) -> Reference {
  integers((0..<Int64(shape.reduce(1, *))).map { $0 }, dtype, shape)
}

/// The same number, both NaN, or within the rounding of two formulas.
private func isClose(_ x: Double, _ y: Double) -> Bool {
  x == y || (x.isNaN && y.isNaN) || (x - y).magnitude <= 1e-14 * y.magnitude
}

@Suite struct ReferenceTests {
  @Test(arguments: [
    ("Relu", [nan, -1, -0.0, 2, infinity], [nan, 0, 0, 2, infinity]),
    ("Sign", [nan, -0.0, 2, -infinity], [nan, 0, 1, -1]),
    ("Round", [0.5, 1.5, 2.5, -0.5, -1.5], [0, 2, 2, 0, -2]),
    ("Swish", [-20, -1, 0, 3], [-4.122307236380407e-08, -0.2689414213699951, 0, 2.8577223804672998]),
    ("Softplus", [-40, 0, 800, nan], [4.248354255291589e-18, 0.6931471805599453, 800, nan]),
    ("Gelu", [-5, -1, 1, 4], [-1.4332578593959731e-06, -0.15865525393145707, 0.8413447460685429, 3.9998733150326675]),
    ("Mish", [-10, -1, 2], [-0.00045398899185674697, -0.30340146137410895, 1.9439589595339946]),
    ("Selu", [-1, 0, 1], [-1.1113307412864784, 0, 1.0507010221481323]),
    ("Elu", [-1e-9, 1, nan], [-9.999999995e-10, 1, nan]),
    ("Sigmoid", [-1000, 0, 1000], [0, 0.5, 1]),
    ("HardSigmoid", [-3, 0, 1, 9], [0, 0.5, 0.7, 1]),
    ("HardSwish", [-4, -3, 1.5, 5], [0, 0, 1.125, 5]),
    ("Reciprocal", [0, -0.0, 4], [infinity, -infinity, 0.25]),
    ("Log", [0, -1, 1, infinity], [-infinity, nan, 0, infinity]),
    ("Softsign", [-3, 0, 1], [-0.75, 0, 0.5]),
    ("Shrink", [-2, -0.5, 0.25, 2], [-2, 0, 0, 2]),
    ("ThresholdedRelu", [0.5, 1, 1.5, nan], [0, 0, 1.5, 0]),
  ])
  func `elementwise values are NumPy's`(_ name: String, _ inputs: [Double], _ expected: [Double]) throws {
    let type = try #require(OperatorRegistry.operation(named: name))
    let found = try type.init().evaluate([reals(inputs)])[0].reals
    #expect(zip(found, expected).allSatisfy(isClose) && found.count == expected.count, "\(found)")
  }

  @Test func `NaN goes through Max, Min and Clip`() throws {
    let x = reals([nan, 5, -5])
    #expect(try isClose(Clip(min: -1, max: 1).evaluate([x])[0].reals[0], nan))
    #expect(try Clip(min: -1, max: 1).evaluate([x])[0].reals.dropFirst() == [1, -1])
    #expect(try Clip(min: 3, max: 2).evaluate([reals([0, 9])])[0].reals == [2, 2])
    #expect(try Max().evaluate([x, reals([1, 1, nan])])[0].reals.map(\.isNaN) == [true, false, true])
    #expect(try Min().evaluate([x, reals([1, 1, nan])])[0].reals.map(\.isNaN) == [true, false, true])
  }

  @Test func `unsigned 64-bit integers beyond the signed range stay large`() throws {
    let (large, one) = (integers([-1], .u64), integers([1], .u64))
    #expect(try Max().evaluate([large, one])[0].integers == [-1])
    #expect(try Greater().evaluate([large, one])[0].integers == [1])
    #expect(try Div().evaluate([large, integers([2], .u64)])[0].integers == [Int64.max])
    #expect(try Abs().evaluate([large])[0].integers == [-1])
    #expect(try ReduceMax().evaluate([integers([1, -1], .u64)])[0].integers == [-1])
  }

  @Test func `integer division truncates and never traps`() throws {
    let a = integers([7, -7, 7, Int64.min], .i64)
    let b = integers([2, 2, 0, -1], .i64)
    #expect(try Div().evaluate([a, b])[0].integers == [3, -3, 0, Int64.min])
    var remainder = Mod()
    #expect(
      try remainder.evaluate([integers([-7, 7, -7, 7]), integers([3, -3, -3, 0])])[0].integers == [2, -2, -1, 0])
    remainder.fmod = true
    #expect(try remainder.evaluate([integers([-7, 7, -7]), integers([3, -3, -3])])[0].integers == [-1, 1, -1])
    #expect(try remainder.evaluate([reals([-7.5, 7.5]), reals([2, -2])])[0].reals == [-1.5, 1.5])
  }

  @Test func `powers keep the base's type`() throws {
    let base = integers([2, -1, 3, 0], .i32)
    #expect(try Pow().evaluate([base, integers([10, 3, -1, 0])])[0].integers == [1024, -1, 0, 1])
    #expect(try Pow().evaluate([base, reals([0.5, 2, 1.5, 1])])[0].integers == [1, 1, 5, 0])
    #expect(try Pow().evaluate([reals([-2, 2]), integers([3, -1])])[0].reals == [-8, 0.5])
  }

  @Test func `conversions round, truncate and wrap`() throws {
    #expect(try Cast(to: .i8).evaluate([reals([1.9, -1.9, 300, nan])])[0].integers == [1, -1, 127, 0])
    #expect(try Cast(to: .u8).evaluate([integers([257, -1])])[0].integers == [1, 255])
    #expect(try Cast(to: .bool).evaluate([reals([0, -0.0, 0.25, nan])])[0].integers == [0, 0, 1, 1])
    #expect(try Cast(to: .f16).evaluate([reals([65519, 65520, 1e-8, 2049])])[0].reals == [65504, infinity, 0, 2048])
    #expect(try Cast(to: .bf16).evaluate([reals([1.00390625, 1.01171875])])[0].reals == [1, 1.015625])
  }

  @Test func `reductions hold at their edges`() throws {
    #expect(
      try ReduceLogSumExp().evaluate([reals([1000, 1001])])[0].reals.allSatisfy { isClose($0, 1001.3132616875182) })
    #expect(try ReduceLogSumExp().evaluate([reals([-infinity, -infinity])])[0].reals == [-infinity])
    #expect(try ReduceMax().evaluate([reals([], [0])])[0].reals == [-infinity])
    #expect(try ReduceMean().evaluate([integers([1, 2, 2], .i32)])[0].integers == [1])
    #expect(try ReduceL2().evaluate([reals([3, 4])])[0].reals == [5])
    #expect(try ReduceMin().evaluate([integers([1, 0], .bool)])[0].integers == [0])
    #expect(try ArgMax(axis: 0).evaluate([reals([1, nan, 3, nan])])[0].integers == [1])
    var last = ArgMin(axis: 0)
    last.selectLastIndex = true
    #expect(try last.evaluate([integers([2, 1, 1, 4])])[0].integers == [2])
    #expect(try CumSum(axis: 0, exclusive: true, reverse: true).evaluate([reals([1, 2, 3])])[0].reals == [5, 3, 0])
  }

  @Test func `parts and borders are NumPy's`() throws {
    let x = count([2, 3, 4])
    let slice = Slice(starts: [2, 3], ends: [-100, 0], axes: [1, 2], steps: [-1, -2])
    #expect(try slice.evaluate([x])[0].integers == [11, 9, 7, 5, 3, 1, 23, 21, 19, 17, 15, 13])
    for (mode, before, after, expected) in [
      (PadMode.reflect, 3, 5, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]),
      (.wrap, 5, 6, [3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1]),
      (.edge, 2, 1, [0, 0, 0, 1, 2, 3, 3]), (.constant, -1, 2, [1, 2, 3, 9, 9]),
    ] as [(PadMode, Dim, Dim, [Int64])] {
      #expect(try Pad(pads: [before, after], mode: mode, value: 9).evaluate([count([4])])[0].integers == expected)
    }
    // A size that turns out to be 0 where only a name was known.
    #expect(throws: TypeError.self) { try Pad(pads: [1, 0], mode: .edge).evaluate([reals([], [0])]) }
    let taken = try Gather(axis: 1).evaluate([x, integers([2, 0, -1])])[0].integers
    #expect(
      taken == [8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11, 20, 21, 22, 23, 12, 13, 14, 15, 20, 21, 22, 23])
    #expect(try Gather(axis: 0).evaluate([count([3]), integers([7, -9])])[0].integers == [2, 0], "clamped")
    #expect(try Trilu(upper: false).evaluate([count([2, 2])])[0].integers == [0, 0, 2, 3])
    #expect(try Tile(repeats: [2, 1]).evaluate([count([1, 2])])[0].integers == [0, 1, 0, 1])
  }

  @Test func `pixels and channels change places`() throws {
    // The example of ONNX's DepthToSpace, shortened to one row.
    let x = reals([0, 1, 2, 9, 10, 11, 18, 19, 20, 27, 28, 29], [1, 4, 1, 3])
    let wide = try DepthToSpace(blockSize: 2).evaluate([x])[0]
    #expect(wide.shape == [1, 1, 2, 6])
    #expect(wide.reals == [0, 9, 1, 10, 2, 11, 18, 27, 19, 28, 20, 29])
    #expect(try SpaceToDepth(blockSize: 2).evaluate([wide])[0].reals == x.reals)
  }

  @Test func `scattered updates are applied in order`() throws {
    let (data, indices, updates) = (reals([1, 2, 3]), integers([1, 1, -1]), reals([10, 20, 30]))
    #expect(try ScatterElements(axis: 0).evaluate([data, indices, updates])[0].reals == [1, 20, 30])
    #expect(try ScatterElements(axis: 0, reduction: .add).evaluate([data, indices, updates])[0].reals == [1, 32, 33])
    let tuples = integers([1, 1, 2], .i64, [3, 1])
    #expect(try ScatterND(reduction: .mul).evaluate([data, tuples, updates])[0].reals == [1, 400, 90])
    #expect(try ScatterAdd(axis: 0, size: 3).evaluate([indices, updates])[0].reals == [0, 30, 30])
  }
}
