// SPDX-License-Identifier: Apache-2.0
// Affine forms, substitution, costs, and hoisting.

import KernelIR
import TensorCore
import TestKit
import Testing

@Suite struct AnalysisTests {
  let i = Axis(id: 0, name: "i"), j = Axis(id: 1, name: "j"), k = Axis(id: 2, name: "k")

  @Test func affineForms() throws {
    let flat: Expr = .axis(i) * .size(0) + .axis(j)
    let e: Expr = flat * .int(3) - .axis(i) + .axis(k) + .int(5)
    let form = try #require(AffineForm(e, over: [i, j]))
    let stride: Expr = .size(0) * .int(3) - .int(1)
    #expect(form.coefficient(of: i) == stride)
    #expect(form.coefficient(of: j) == .int(3))
    #expect(form.coefficient(of: k) == .int(0))
    let rest: Expr = .axis(k) + .int(5)
    #expect(form.rest == rest)
    #expect(AffineForm(.floorDiv(.axis(i), .int(2)), over: [i]) == nil)
    #expect(AffineForm(.floorDiv(.axis(k), .int(2)), over: [i])?.rest == .floorDiv(.axis(k), .int(2)))
    #expect(AffineForm(.axis(i) * .axis(j), over: [i, j]) == nil)
    #expect(AffineForm(.axis(i) * .axis(j), over: [j])?.coefficient(of: j) == .axis(i))
    let nothing = Expr(.binary(.sub, .axis(i), .axis(i)), .i64)
    #expect(AffineForm(nothing, over: [i, j])?.terms.isEmpty == true)
  }

  /// The decomposition of random expressions adds up to them.
  @Test(arguments: 0..<20)
  func affineFormsKeepValues(_ seed: UInt64) throws {
    var random = SeededRandom(seed)
    let axes = [i, j, k]
    let extents: [Expr] = [.int(5), .int(6), .int(7)]
    var stores: [Statement] = []
    let point = (Expr.axis(i) * .int(6) + .axis(j)) * .int(7) + .axis(k)
    var forms = 0
    for _ in 0..<40 {
      let e = RandomIndex(axes: axes, extents: extents + extents).expression(&random, depth: 4)
      for chosen in [[i], [j, k], axes] {
        guard let form = AffineForm(e, over: chosen) else { continue }
        let sum = form.terms.reduce(form.rest) { $0 + $1.coefficient * .axis($1.axis) }
        stores.append(.store(buffer: 0, offset: point + .int(forms * 210), value: sum - e, guard: nil))
        forms += 1
      }
    }
    let kernel = Kernel(
      name: "k", parameters: [.init("y", .i64, .write)], sizes: ["n", "m"], tileAxis: i, tiles: .int(5),
      body: [.loop(Loop(j, .int(6), .serial, [.loop(Loop(k, .int(7), .serial, stores))]))])
    var values = [Int64](repeating: -1, count: 210 * forms)
    try values.withUnsafeMutableBytes { try KernelEvaluator.evaluate(kernel, buffers: [$0], sizes: [2, 3]) }
    #expect(values.allSatisfy { $0 == 0 })
    #expect(forms > 20)
  }

  @Test func substitutionReplacesAndRenames() throws {
    let kernel = try parsed(Texts.dense)
    var change = Substitution(axes: [kernel.tileAxis: .axis(i) * .int(2)], buffers: [0: 5, 3: 0])
    change.sizes = [0: .int(9)]
    let rows = Axis(id: 7, name: "row")
    guard case .contract(let before) = kernel.body[0] else { return }
    change.renamedAxes = [before.rowAxis: rows]
    guard case .contract(let after) = change(kernel.body)[0] else {
      Issue.record("not a contraction")
      return
    }
    #expect(after.rows == .int(9))
    #expect(after.rowAxis == rows)
    #expect(after.a == 5)
    #expect(after.aOffset == .axis(rows) * .int(3))
    #expect(after.bOffset == .axis(i) * .int(24))
    guard case .store(let buffer, let offset, _, _) = after.epilogue[0] else { return }
    #expect(buffer == 0)
    let expected: Expr = .axis(rows) * .int(6) + .axis(i) * .int(8) + .axis(before.columnAxis)
    #expect(offset == expected)
  }

  @Test func costs() throws {
    let cost = KernelCost.estimate(try parsed(Texts.dense), sizes: [5])
    // 5 x 4 outputs over a depth of 3, and an addition and a maximum each.
    #expect(cost.flops == 160)
    #expect(cost.bytesWritten == 80)
    #expect(cost.bytesRead == 188)
    let small = KernelCost.estimate(try parsed(Texts.softmax))
    #expect(small.nanoseconds > 1 && small.nanoseconds < 100)
  }

  @Test func invariantsMoveOut() throws {
    let kernel = try parsed(
      """
      kernel k(%x: f32 read, %g: f32 read, %y: f32 write; n) tiles t in n {
        for i in n {
          for j in 8 vector(1) {
            %y[(t * n + i) * 8 + j] = (%x[j] - %g[t]) * (1.0 / sqrt(%g[i] + 0.5))
          }
        }
        for l in n - 1 {
          %y[t * n * 8 + l] = %g[3]
        }
      }

      """)
    let text = KernelPrinter.print(KernelPasses.hoistInvariants(kernel))
    #expect(
      text == """
        kernel k(%x: f32 read, %g: f32 read, %y: f32 write; n) tiles t in n {
          let invariant2#v2: f32 = %g[t]
          for i in n {
            let invariant0#v0: f32 = invariant2#v2
            let invariant1#v1: f32 = 1.0 / sqrt(%g[i] + 0.5)
            for j in 8 vector(1) {
              %y[(t * n + i) * 8 + j] = (%x[j] - invariant0#v0) * invariant1#v1
            }
          }
          for l in n - 1 {
            %y[t * n * 8 + l] = %g[3]
          }
        }

        """)
  }
}
