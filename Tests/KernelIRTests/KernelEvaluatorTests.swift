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

  @Test func groupsOfColumns() throws {
    let x: [Float] = (0..<15).map { Float($0) - 7 }
    // Weights [3][6]: 3 columns of values, then 3 of gates, in panels of 2 columns of both, the second padded.
    let w: [[Float]] = (0..<3).map { k in (0..<6).map { Float((k * 7 + $0 * 5) % 11) - 4 } }
    var packed = [Float](repeating: 0, count: 24)
    for k in 0..<3 {
      for n in 0..<3 { for g in 0..<2 { packed[n / 2 * 12 + k * 4 + g * 2 + n % 2] = w[k][g * 3 + n] } }
    }
    let kernel = try parsed(Texts.gated)
    #expect(KernelPrinter.print(kernel) == Texts.gated)
    #expect(KernelVerifier.verify(kernel).isEmpty)
    let y = try run(kernel, [x, packed, Array(repeating: -1, count: 15)], sizes: [5])[2]
    for i in 0..<5 {
      for n in 0..<3 {
        func sum(_ column: Int) -> Float { (0..<3).map { x[i * 3 + $0] * w[$0][column] }.reduce(0, +) }
        #expect(y[i * 3 + n] == sum(n) * max(sum(3 + n), 0))
      }
    }
    // 5 x 2 values and gates over a depth of 3, and a product and a maximum each.
    #expect(KernelCost.estimate(kernel, sizes: [5]).flops == 140)
  }

  @Test func packingOfGroups() {
    let packing = Packing(
      offset: 1, batch: [], depth: [.init(extent: 2, stride: 10)], columns: [.init(extent: 3, stride: 1)],
      groups: [0, 5], panelWidth: 2)
    #expect(packing.description == "[2, 2, 2, 2] panels")
    let source = (0..<20).map { UInt8($0) }
    var target = [UInt8](repeating: 0, count: packing.elementCount)
    source.withUnsafeBytes { source in target.withUnsafeMutableBytes { packing.pack(from: source, size: 1, to: $0) } }
    #expect(target == [1, 2, 6, 7, 11, 12, 16, 17, 3, 0, 8, 0, 13, 0, 18, 0])
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
