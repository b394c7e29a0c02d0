// SPDX-License-Identifier: Apache-2.0
// Fourier transforms and optimizer steps in their several forms.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// Before operator set 20 the axis is an attribute, 1 unless given.
  static let dft: Translation = { (importer, node) throws(TypeError) in
    var dft = DFT()
    if node.version < 20 { dft.axis = 1 }
    return try translate(dft, &importer, &node)
  }

  /// How many tensors a step optimises follows from its operands: a rate and a step, then as many of each kind.
  static func optimizer(_ type: any Operation.Type) -> Translation {
    { (importer, node) throws(TypeError) in
      var operation = type.init()
      guard operation.resultCount > 0 else { return try translate(operation, &importer, &node) }
      // One tensor has a result for itself and each state, and an operand more for its gradient.
      let kinds = operation.resultCount + 1
      try operation.setAttribute("tensors", .int(max(1, (node.operands.count - 2) / kinds)))
      return try translate(operation, &importer, &node)
    }
  }
}
