// SPDX-License-Identifier: Apache-2.0
// The evaluator against sums done by hand.

import Foundation
import KernelIR
import TensorCore
import Testing

@Suite struct KernelEvaluatorTests {
  @Test func softmax() throws {
    let x: [Float] = (0..<21).map { Float($0 * $0 % 11) - 3 }
    let y = try run(try parsed(Texts.softmax), [x, Array(repeating: 0, count: 21)], sizes: [3])[1]
    for row in 0..<3 {
      let values = x[row * 7..<row * 7 + 7].map(Double.init)
      let total = values.map { exp($0) }.reduce(0, +)
      for j in 0..<7 { #expect(abs(Double(y[row * 7 + j]) - exp(values[j]) / total) < 1e-7) }
    }
  }

  @Test func denseWithPackedWeights() throws {
    let x: [Float] = (0..<15).map { Float($0) - 7 }
    // Weights [3][6] in panels of 4 columns, the second padded.
    let w: [[Float]] = (0..<3).map { k in (0..<6).map { Float(k * 6 + $0) * 0.5 - 4 } }
    var packed = [Float](repeating: 0, count: 24)
    for k in 0..<3 { for n in 0..<6 { packed[n / 4 * 12 + k * 4 + n % 4] = w[k][n] } }
    let b: [Float] = [1, -2, 3, -4, 5, -6]
    let y = try run(try parsed(Texts.dense), [x, packed, b, Array(repeating: -1, count: 30)], sizes: [5])[3]
    for i in 0..<5 {
      for n in 0..<6 {
        let sum = (0..<3).map { x[i * 3 + $0] * w[$0][n] }.reduce(0, +)
        #expect(y[i * 6 + n] == max(sum + b[n], 0))
      }
    }
  }

  @Test func accessesAreChecked() throws {
    let kernel = try parsed(Texts.softmax)
    let error = #expect(throws: KernelEvaluationError.self) {
      _ = try run(kernel, [Array(repeating: 0, count: 20), Array(repeating: 0, count: 21)], sizes: [3])
    }
    #expect(
      error?.description
        == "kernel 'softmax', tile 2: element 20 of 'x', which has 20, is read, in 'm max= %x[t * 7 + j]'")
  }

  @Test func tilesThatMeetAreFound() throws {
    let kernel = try parsed(
      "kernel k(%y: f32 write) tiles t in 3 {\n  for j in 2 {\n    %y[t + j] = 1.0\n  }\n}")
    let error = #expect(throws: KernelEvaluationError.self) { _ = try run(kernel, [[0, 0, 0, 0]], sizes: []) }
    #expect(error?.description.contains("is written by tile 1 and written by tile 0") == true)
  }
}
