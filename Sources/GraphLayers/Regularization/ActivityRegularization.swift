// SPDX-License-Identifier: Apache-2.0
// A penalty on the size of activations during training.

import GraphIR
import TensorCore

package struct ActivityRegularization: TrainingOnlyLayer {
  package static let name = "ActivityRegularization"
  package static let summary = "The input itself; training adds l1·Σ|x| + l2·Σx² to the loss."
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("l1", \.l1, "the factor of the sum of magnitudes"),
      Attribute("l2", \.l2, "the factor of the sum of squares"),
    ]
  }
  package var l1 = 0.0
  package var l2 = 0.0
  package init() {}

  package func check(_ input: TensorType) throws(TypeError) {
    guard l1 >= 0, l2 >= 0 else {
      throw TypeError("'l1' and 'l2' of 'ActivityRegularization' must not be negative, found \(l1) and \(l2)")
    }
  }
}
