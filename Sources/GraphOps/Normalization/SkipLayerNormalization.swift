// SPDX-License-Identifier: Apache-2.0
// Layer normalization of a sum.

import GraphIR
import TensorCore

package struct SkipLayerNormalization: SkipNormalization {
  package static let name = "SkipLayerNormalization"
  package static let summary = "LayerNormalization of input + skip + bias along the last axis, and that sum."
  package static let isCentred = true
  package var epsilon = 1e-12
  package init() {}
}
