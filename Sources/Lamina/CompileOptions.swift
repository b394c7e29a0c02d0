// SPDX-License-Identifier: Apache-2.0
// How a model is compiled.

import GraphLowering
import GraphOptimizer
import GraphSupport
import KernelIR
import LLVMBackend

package struct CompileOptions: Sendable {
  package var level: OptimizationLevel
  package var target: TargetDescription
  /// What matrix products and convolutions multiply.
  package var precision: Precision
  /// Whether convolutions may be computed by fewer multiplications.
  package var winograd: WinogradLimit
  /// Sizes to make code of their own for, by the name of the dim.
  package var fast: [String: [Int]]
  /// Register tiles that were measured.
  package var tiles: [ContractionShape: Contract.Tile] = [:]
  /// How many kernels are compiled at the same time.
  package var jobs: Int

  package init(
    level: OptimizationLevel = .full, target: TargetDescription = .native, precision: Precision = .f32,
    winograd: WinogradLimit = .off, fast: [String: [Int]] = [:], jobs: Int = 2
  ) {
    self.level = level
    self.target = target
    self.precision = precision
    self.winograd = winograd
    self.fast = fast
    self.jobs = jobs
  }

  /// What a model's file says about how it is compiled.
  package mutating func follow(_ source: ModelSource) {
    (precision, winograd, fast) = (source.precision, source.winograd, source.fast)
  }

  /// What schedules depend on.
  package var lowering: LoweringOptions {
    let registers = target.vectorBits == 512 ? 32 : 16
    return LoweringOptions(
      target: ScheduleTarget(lanes: target.vectorBits / 32, registers: registers), fuses: level == .full, tiles: tiles)
  }
}
