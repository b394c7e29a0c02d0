// SPDX-License-Identifier: Apache-2.0
// Operators with subgraphs.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// A condition that is known chooses its branch now.
  static let branch: Translation = { (importer, node) throws(TypeError) in
    let condition = try node.required(0)
    guard let then = try node.graph("then_branch"), let other = try node.graph("else_branch") else {
      throw TypeError("it needs 'then_branch' and 'else_branch'")
    }
    guard let value = importer.known.constant(condition), value.count == 1 else {
      throw importer.unknown(condition, "cond")
    }
    return try importer.inline(value.double(0) != 0 ? then : other)
  }
}
