// SPDX-License-Identifier: Apache-2.0
// One step of LSTM.

import GraphIR

package struct LSTMCell: RecurrentCell {
  package static let name = "LSTMCell"
  package static let summary =
    "c' = f · c + i · tanh(x·W + h·R + b), h' = o · tanh(c') for one step [N, features], with gates i, f and o."
  package static var arguments: [Attribute<Self>] { cellArguments(\.whole) }
  package var whole = LSTM()
  package init() {}
}
