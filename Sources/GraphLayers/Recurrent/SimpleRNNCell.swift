// SPDX-License-Identifier: Apache-2.0
// One step of SimpleRNN.

import GraphIR

package struct SimpleRNNCell: RecurrentCell {
  package static let name = "SimpleRNNCell"
  package static let summary =
    "h' = activation(x·W + h·R + b) for one step [N, features]."
  package static var arguments: [Attribute<Self>] { cellArguments(\.whole) }
  package var whole = SimpleRNN()
  package init() {}
}
