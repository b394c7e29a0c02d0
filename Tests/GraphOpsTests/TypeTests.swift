// SPDX-License-Identifier: Apache-2.0
// Result types over symbolic sizes, and what is said about operands that do not fit.

import GraphIR
import GraphOps
import TensorCore
import Testing

private let n = Dim(symbol: "N")
private let t = Dim(symbol: "T")

private struct Case: Sendable, CustomTestStringConvertible {
  var operation: any Operation
  var operands: [TensorType?]
  var expected: String
  init(_ operation: any Operation, _ operands: [TensorType?], _ expected: String) {
    self.operation = operation
    self.operands = operands
    self.expected = expected
  }
  var testDescription: String { "\(operation) → \(expected)" }
}

private func f32(_ shape: Dim...) -> TensorType { TensorType(.f32, shape) }
private func i64(_ shape: Dim...) -> TensorType { TensorType(.i64, shape) }
private let endless = Dim(Int(Int32.max))

private let legal: [Case] = [
  Case(Sub(), [f32(n, 1, 3), f32(t, 1)], "f32[N, T, 3]"),
  Case(Less(), [f32(n), f32()], "bool[N]"),
  Case(Where(), [TensorType(.bool, [n, 1]), f32(), f32(t)], "f32[N, T]"),
  Case(Pow(), [TensorType(.i32, [n]), f32()], "i32[N]"),
  Case(Cast(to: .f16), [i64(n, t)], "f16[N, T]"),
  Case(ReduceMean(axes: [-1], keepDims: false), [f32(n, t)], "f32[N]"),
  Case(ArgMax(axis: 1), [f32(n, t)], "i64[N, 1]"),
  Case(Slice(axis: 1, from: 0, to: endless), [f32(n, t)], "f32[N, T]"),
  Case(Slice(axis: 1, from: 1, to: endless), [f32(n, t)], "f32[N, T - 1]"),
  Case(Slice(axis: 1, from: 0, to: -1), [f32(n, t)], "f32[N, T - 1]"),
  Case(Slice(axis: 1, from: -1, to: endless), [f32(n, t)], "f32[N, 1]"),
  Case(Slice(axis: 0, from: t, to: endless), [f32(2 * t)], "f32[T]"),
  Case(Slice(starts: [0], ends: [100], axes: [0]), [f32(10)], "f32[10]"),
  Case(Slice(starts: [-1], ends: [-endless], axes: [0], steps: [-1]), [f32(t)], "f32[T]"),
  Case(Pad(pads: [0, 1, 0, 2]), [f32(n, t)], "f32[N, T + 3]"),
  Case(Pad(pads: [t, 0], axes: [1]), [f32(n, 3)], "f32[N, T + 3]"),
  Case(Concat(axis: -1), [f32(n, t), f32(n, 2)], "f32[N, T + 2]"),
  Case(Split(axis: 0, into: 2), [f32(2 * n)], "f32[N]"),
  Case(Gather(axis: 0), [f32(50, 8), i64(n, t)], "f32[N, T, 8]"),
  Case(GatherND(batchDims: 1), [f32(n, 5, 4), i64(n, t, 1)], "f32[N, T, 4]"),
  Case(Squeeze(axes: [-1]), [f32(n, 1)], "f32[N]"),
  Case(Unsqueeze(axes: [0, -1]), [f32(n)], "f32[1, N, 1]"),
  Case(Flatten(), [f32(n, 4, t)], "f32[N, 4 * T]"),
  Case(Tile(repeats: [2, t]), [f32(n, 3)], "f32[2 * N, 3 * T]"),
  Case(DepthToSpace(blockSize: 2), [f32(n, 8, t, 3)], "f32[N, 2, 2 * T, 6]"),
  Case(OneHot(depth: t, axis: 0), [i64(n)], "f32[T, N]"),
  Case(NumberRange(count: t, .f32), [], "f32[T]"),
  Case(Shape(), [f32(n, t)], "i64[2]"),
  Case(Compress(condition: [0, 1, 1], axis: 1), [f32(n, 3)], "f32[N, 2]"),
]

private let illegal: [Case] = [
  Case(Sub(), [f32(2), f32(3)], "do not broadcast"),
  Case(Sub(), [f32(2), i64(2)], "one element type, found f32 and i64"),
  Case(Exp(), [i64(2)], "does not take i64"),
  Case(And(), [f32(2), f32(2)], "does not take f32"),
  Case(Where(), [f32(2), f32(2), f32(2)], "must be bool, found f32"),
  Case(Clip(min: 0, max: 1), [f32(2), f32()], "given twice"),
  Case(Gelu(approximate: "erf"), [f32(2)], "'approximate' of 'Gelu' is 'erf'"),
  Case(PRelu(), [f32(3), f32(2, 3)], "does not broadcast to its input"),
  Case(ReduceMax(axes: [2]), [f32(2, 3)], "axis 2 of 'ReduceMax' is outside"),
  Case(ReduceMax(axes: [1, -1]), [f32(2, 3)], "names axis -1 twice"),
  Case(ArgMin(axis: 0), [f32(0)], "nothing to choose from"),
  Case(Slice(starts: [0, 0, 0], ends: [1, 1, 1]), [f32(2, 3)], "3 starts for a tensor of rank 2"),
  Case(Slice(starts: [0], ends: [1], axes: [0], steps: [0]), [f32(2)], "cannot step by 0"),
  Case(Slice(axis: 0, from: n - t, to: endless), [f32(9)], "cannot tell whether"),
  Case(Pad(pads: [1, 1, 1]), [f32(2)], "'pads' of 'Pad' has 3 entries for 1 axes"),
  Case(Pad(pads: [-2, -2]), [f32(3)], "crops more than the 3 elements"),
  Case(Pad(pads: [1, 0], mode: .edge), [f32(0)], "no elements in axis 0"),
  Case(Concat(axis: 0), [f32(2, 3), f32(2, 4)], "differ in axis 1 (3 and 4)"),
  Case(Split(axis: 0, sizes: [2, 2]), [f32(5)], "4 elements together, the axis has 5"),
  Case(Split(axis: 0, into: 3), [f32(n)], "cannot be cut into 3 parts"),
  Case(Gather(axis: 0), [f32(2), f32(2)], "must be i32 or i64, found f32"),
  Case(Gather(axis: 0), [f32(0), i64(2)], "is empty"),
  Case(GatherElements(axis: 0), [f32(2, 3), i64(2, 4)], "has 4 entries, the data only 3"),
  Case(ScatterND(reduction: .add), [f32(4, 2), i64(3, 1), f32(3, 3)], "must be f32[3, 2], found f32[3, 3]"),
  Case(Squeeze(axes: [0]), [f32(n, 1)], "has size N, 'Squeeze' needs 1"),
  Case(Flatten(axis: 3), [f32(2, 2)], "outside a tensor of rank 2"),
  Case(Tile(repeats: [-1]), [f32(2)], "cannot repeat -1 times"),
  Case(SpaceToDepth(blockSize: 2), [f32(1, 1, 3, 4)], "does not divide into blocks of 2"),
  Case(DepthToSpace(blockSize: 1 << 40), [f32(1, 4, 2, 2)], "do not fill blocks"),
  Case(NumberRange(), [], "needs either 'limit' or 'size'"),
  Case(Trilu(upper: true), [f32(3)], "two axes or more"),
  Case(OneHot(depth: 3), [f32(2)], "must be integers, found f32"),
]

@Suite struct TypeTests {
  @Test(arguments: legal) private func `types are inferred over symbolic sizes`(_ test: Case) throws {
    #expect(try test.operation.inferTypes(test.operands)[0].description == test.expected)
  }

  @Test(arguments: illegal) private func `what does not fit is said`(_ test: Case) throws {
    let error = #expect(throws: TypeError.self) { try test.operation.inferTypes(test.operands) }
    #expect(error?.message.contains(test.expected) == true, "\(error?.message ?? "")")
  }

  @Test func `symbolic parts evaluate as bound ones do`() throws {
    // For every T: the size that was inferred is the size of the slice.
    for (start, end, step) in [(2, 100, 1), (-3, -1, 1), (0, 7, 3), (5, -100, -2), (-2, 1, -1)] {
      let slice = Slice(starts: [Dim(start)], ends: [Dim(end)], axes: [0], steps: [step])
      let symbolic = try slice.inferTypes([f32(t)])[0].shape[0]
      for size in 1...9 {
        let found = try slice.evaluate([Reference(zeros: .f32, [size])])[0].shape[0]
        #expect(symbolic.evaluate(["T": size]) == found, "\(start):\(end):\(step) of \(size): \(symbolic)")
      }
    }
  }
}
