// SPDX-License-Identifier: Apache-2.0
// The error of compiled functions of one operand, on every instruction set that runs here.

import KernelIR
import LLVMBackend
import MathAccuracy
import TensorCore
import Testing

let targets: [TargetDescription] = ["native", "x86-64-v3", "x86-64-v2"].compactMap { name in
  guard let target = try? TargetDescription.named(name), TargetDescription.native.features.isSuperset(of: target.features)
  else { return nil }
  return target
}

let functions = UnaryFunction.allCases.filter { referenceForSingle($0) != nil }

/// The largest error of an f32 function, in units of the last place.
func limit(_ function: CheckedFunction) -> Double { ["exp", "log", "erf"].contains(function.name) ? 1 : 2 }

@Test(arguments: CheckedFunction.all) func everyFewThousandthFloat(function: CheckedFunction) throws {
  for (index, target) in targets.enumerated() {
    for report in [
      try AccuracyCheck.run(function, target, first: UInt64(index) * 911, stride: 4099),
      try AccuracyCheck.runSpecial(function, target),
    ] {
      #expect(
        report.worstError <= limit(function),
        "\(function) of \(report.worstInput) gives \(report.worstResult) on \(target.name)")
      #expect(report.mismatches == 0, "\(target.name): \(String(describing: report.firstMismatch))")
    }
  }
}

#if arch(x86_64)
  @Test(arguments: functions.filter { referenceForDouble($0) != nil })
  func randomDoubles(function: UnaryFunction) throws {
    let reference = try #require(referenceForDouble(function))
    var state: UInt64 = 42
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
    var inputs: [Double] = [0, -0.0, 1, -1, .infinity, .nan, 0.5, -0.5, 2, 1e-300, -1e-300, 5e-324]
    while inputs.count < 20000 {
      let fraction = Double(next() >> 11) * 0x1p-53
      switch inputs.count % 4 {
      case 0: inputs.append(Double(bitPattern: next()))
      case 1: inputs.append((fraction - 0.5) * 1500)
      case 2: inputs.append((fraction - 0.5) * 20)
      default: inputs.append((fraction - 0.5) * 2)
      }
    }
    for target in targets {
      let compiled = try CompiledFunction(function, .f64, target)
      var outputs = [Double](repeating: 0, count: inputs.count)
      compiled.run([inputs], into: &outputs)
      for (x, y) in zip(inputs, outputs) {
        let exact = reference(Float80(x))
        let rounded = Double(exact)
        if !rounded.isFinite || !y.isFinite {
          #expect(rounded.isNaN ? y.isNaN : rounded == y, "\(function) of \(x) is \(y), expected \(rounded)")
          continue
        }
        if rounded == 0 && y == 0 {
          #expect(rounded.sign == y.sign, "\(function) of \(x) is \(y), expected \(rounded)")
          continue
        }
        // x times a factor: where the factor is subnormal, its last place times x is what can be had.
        let isProduct = [.silu, .mish, .gelu].contains(function)
        let hasSubnormalFactor = isProduct && abs(exact) < abs(Float80(x)) * Float80(Double.leastNormalMagnitude)
        let unit = hasSubnormalFactor
          ? abs(Float80(x)) * Float80(Double.leastNonzeroMagnitude) : Float80(max(rounded.ulp, .leastNonzeroMagnitude))
        let error = Double(abs(Float80(y) - exact) / unit)
        // A limit with room for the reference's own argument rounding in gelu's tail.
        let limit = function == .gelu && x < -5 ? 8.0 : 5.0
        #expect(error <= limit, "\(function) of \(x) is \(y), expected \(rounded): \(error) ULP on \(target.name)")
      }
    }
  }
#endif
