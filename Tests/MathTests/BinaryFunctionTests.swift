// SPDX-License-Identifier: Apache-2.0
// Powers, arcs of two operands and remainders against the C library.

import Glibc
import KernelIR
import LLVMBackend
import MathAccuracy
import TensorCore
import Testing

/// Every pair of these, and random pairs.
private let corners: [Double] = [
  0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 1.5, -1.5, 7.25, 1e10, -1e10, 1e-10, 1e38, -1e38, 1e-38, 1e-42, 123456.789,
  .infinity, -.infinity, .nan,
]

private func operands(_ seed: UInt64) -> (x: [Double], y: [Double]) {
  var (x, y): ([Double], [Double]) = ([], [])
  for a in corners {
    for b in corners {
      x.append(a)
      y.append(b)
    }
  }
  var state = seed
  func next() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 11) * 0x1p-53
  }
  for index in 0..<8000 {
    let scale = exp2((next() - 0.5) * Double(index % 100))
    x.append((next() - (index % 3 == 0 ? 0.5 : 0)) * scale)
    y.append((next() - 0.5) * exp2((next() - 0.3) * Double(index % 12)))
  }
  return (x, y)
}

private func agrees(_ result: Double, _ exact: Double, _ unit: Double, _ limit: Double, _ largest: Double) -> Bool {
  if exact.isNaN { return result.isNaN }
  if abs(exact) > largest { return result == (exact < 0 ? -.infinity : .infinity) }
  if exact == 0 { return result == 0 && result.sign == exact.sign }
  return abs(result - exact) <= limit * unit
}

private struct Case: Sendable {
  var name: String
  var limit: Double
  var function: BinaryFunction
  var exact: @Sendable (Double, Double) -> Double
}

private let cases = [
  Case(name: "pow", limit: 1, function: .pow) { pow($0, $1) },
  Case(name: "atan2", limit: 1, function: .atan2) { atan2($0, $1) },
  Case(name: "rem", limit: 0, function: .rem) { fmod($0, $1) },
]

@Test(arguments: 0..<cases.count) func singles(index: Int) throws {
  let item = cases[index]
  let (x, y) = operands(1)
  let (a, b) = (x.map(Float.init), y.map(Float.init))
  for target in targets {
    var results = [Float](repeating: 0, count: a.count)
    try CompiledFunction(.f32, target, parameters: 2) { .binary(item.function, $0[0], $0[1]) }.run([a, b], into: &results)
    for (index, result) in results.enumerated() {
      let exact = item.exact(Double(a[index]), Double(b[index]))
      let unit = Double(max(Float(exact).ulp, .leastNonzeroMagnitude))
      // Half a unit beyond the largest number rounds to infinity.
      #expect(
        agrees(Double(result), exact, unit, item.limit, 0x1.ffffffp127),
        "\(item.name)(\(a[index]), \(b[index])) is \(result), expected \(exact) on \(target.name)")
    }
  }
}

@Test(arguments: 0..<cases.count) func doubles(index: Int) throws {
  let item = cases[index]
  let (x, y) = operands(2)
  for target in targets {
    var results = [Double](repeating: 0, count: x.count)
    try CompiledFunction(.f64, target, parameters: 2) { .binary(item.function, $0[0], $0[1]) }.run([x, y], into: &results)
    for (index, result) in results.enumerated() {
      let exact = item.exact(x[index], y[index])
      #expect(
        agrees(result, exact, exact.ulp, item.limit * 5, .greatestFiniteMagnitude),
        "\(item.name)(\(x[index]), \(y[index])) is \(result), expected \(exact) on \(target.name)")
    }
  }
}

@Test func remaindersTakeTheDivisorsSign() throws {
  let x: [Float] = [7, -7, 7, -7, 6, -6, 0, -0.0, 1e30, -1e30, 5, 5, .infinity, -5]
  let y: [Float] = [3, 3, -3, -3, 3, 3, -2, 2, 7, 7, .infinity, 0, 2, .infinity]
  let expected: [Float] = [1, 2, -2, -1, 0, 0, -0.0, 0, 1, 6, 5, .nan, .nan, .infinity]
  for target in targets {
    var results = [Float](repeating: 0, count: x.count)
    try CompiledFunction(.f32, target, parameters: 2) { .binary(.mod, $0[0], $0[1]) }.run([x, y], into: &results)
    for (index, (result, wanted)) in zip(results, expected).enumerated() {

      let same = wanted.isNaN ? result.isNaN : result == wanted && result.sign == wanted.sign
      #expect(same, "mod(\(x[index]), \(y[index])) is \(result), expected \(wanted)")
    }
  }
}
