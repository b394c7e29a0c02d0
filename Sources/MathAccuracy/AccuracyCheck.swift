// SPDX-License-Identifier: Apache-2.0
// Runs a compiled f32 function over bit patterns and compares with the exact values.

import LLVMBackend
import TensorCore

package enum AccuracyCheck {
  private static let blockSize = 4096

  /// Checks the patterns from `first` in steps of `stride`.
  package static func run(
    _ function: CheckedFunction, _ target: TargetDescription, first: UInt64, stride: UInt64
  ) throws -> AccuracyReport {
    run(try CompiledFunction(function, target), function.reference, first: first, stride: stride)
  }

  package static func run(
    _ compiled: CompiledFunction, _ reference: (Double) -> Double, first: UInt64, stride: UInt64
  ) -> AccuracyReport {
    var report = AccuracyReport()
    var inputs = [Float](repeating: 0, count: blockSize)
    var outputs = inputs
    var pattern = first
    while pattern < 1 << 32 {
      var count = 0
      while count < blockSize, pattern < 1 << 32 {
        inputs[count] = Float(bitPattern: UInt32(pattern))
        pattern += stride
        count += 1
      }
      compiled.run([inputs], into: &outputs)
      for index in 0..<count { report.add(inputs[index], outputs[index], exact: reference(Double(inputs[index]))) }
    }
    return report
  }

  /// Zeros, infinities, NaN, the ends of every binade, and the neighbourhoods where the functions over- or underflow.
  package static let specialInputs: [Float] = {
    var inputs: [Float] = [0, .infinity, .nan, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1, 0.5]
    for exponent in 0..<255 {
      let start = UInt32(exponent) << 23
      for offset in [-2, -1, 0, 1, 2] as [Int32] {
        inputs.append(Float(bitPattern: UInt32(truncatingIfNeeded: Int64(start) + Int64(offset)) & 0x7FFF_FFFF))
      }
    }
    let turns: [Float] = [88.722839, 89.41599, 103.97208, 87.33655, 9.194549, 10.054, 14.0, 17.32868, 3.14159274, 1.57079637]
    for turn in turns {
      for step in -40...40 { inputs.append(Float(bitPattern: UInt32(Int(turn.bitPattern) + step))) }
    }
    return inputs + inputs.map { -$0 }
  }()

  /// Checks `specialInputs`.
  package static func runSpecial(_ function: CheckedFunction, _ target: TargetDescription) throws -> AccuracyReport {
    let compiled = try CompiledFunction(function, target)
    var report = AccuracyReport()
    var outputs = [Float](repeating: 0, count: specialInputs.count)
    compiled.run([specialInputs], into: &outputs)
    for (input, output) in zip(specialInputs, outputs) { report.add(input, output, exact: function.reference(Double(input))) }
    return report
  }
}
