// SPDX-License-Identifier: Apache-2.0
// How a model is compiled.

import GraphLowering
import GraphOptimizer
import GraphSupport
import LLVMBackend

package struct CompileOptions: Sendable {
  package var level: OptimizationLevel
  package var target: TargetDescription
  /// What matrix products and convolutions multiply.
  package var precision: Precision
  /// How many kernels are compiled at the same time.
  package var jobs: Int

  package init(
    level: OptimizationLevel = .full, target: TargetDescription = .native, precision: Precision = .f32, jobs: Int = 2
  ) {
    self.level = level
    self.target = target
    self.precision = precision
    self.jobs = jobs
  }

  /// What schedules depend on.
  package var lowering: LoweringOptions {
    let registers = target.vectorBits == 512 ? 32 : 16
    return LoweringOptions(
      target: ScheduleTarget(lanes: target.vectorBits / 32, registers: registers), fuses: level == .full)
  }
}
