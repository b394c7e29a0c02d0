// SPDX-License-Identifier: Apache-2.0
// Blackman's window.

import GraphIR
import TensorCore

package struct BlackmanWindow: CosineWindow {
  package static let name = "BlackmanWindow"
  package static let summary = "0.42 - 0.5 · cos(2π·n / N) + 0.08 · cos(4π·n / N)."
  package static let terms = [0.42, -0.5, 0.08]
  package var size: Dim = 1
  package var isPeriodic = true
  package var dtype = DType.f32
  package init() {}
}
