// SPDX-License-Identifier: Apache-2.0
// Hann's window.

import GraphIR
import TensorCore

package struct HannWindow: CosineWindow {
  package static let name = "HannWindow"
  package static let summary = "0.5 - 0.5 · cos(2π·n / N)."
  package static let terms = [0.5, -0.5]
  package var size: Dim = 1
  package var isPeriodic = true
  package var dtype = DType.f32
  package init() {}
}
