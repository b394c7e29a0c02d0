// SPDX-License-Identifier: Apache-2.0
// RMS normalization of a sum.

import GraphIR
import TensorCore

package struct SkipSimplifiedLayerNormalization: SkipNormalization {
  package static let name = "SkipSimplifiedLayerNormalization"
  package static let summary = "RMSNormalization of input + skip + bias along the last axis, and that sum."
  package static let isCentred = false
  package var epsilon = 1e-12
  package init() {}
}
