// SPDX-License-Identifier: Apache-2.0
// Substitution, costs, and hoisting.

import KernelIR
import TensorCore
import TestKit
import Testing

@Suite struct AnalysisTests {
  let i = Axis(id: 0, name: "i")

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
