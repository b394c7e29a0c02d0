// SPDX-License-Identifier: Apache-2.0
// One step of GRU.

import GraphIR

package struct GRUCell: RecurrentCell {
  package static let name = "GRUCell"
  package static let summary =
    "h' = z · h + (1 − z) · tanh(x·W + r · (h·R) + b) for one step [N, features], with gates z and r."
  package static var arguments: [Attribute<Self>] { cellArguments(\.whole) }
  package var whole = GRU()
  package init() {}
}
