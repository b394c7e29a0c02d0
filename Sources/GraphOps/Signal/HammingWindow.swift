// SPDX-License-Identifier: Apache-2.0
// Hamming's window.

import GraphIR
import TensorCore

package struct HammingWindow: CosineWindow {
  package static let name = "HammingWindow"
  package static let summary = "25/46 - 21/46 · cos(2π·n / N)."
  package static let terms = [25.0 / 46, -21.0 / 46]
  package var size: Dim = 1
  package var isPeriodic = true
  package var dtype = DType.f32
  package init() {}
}
