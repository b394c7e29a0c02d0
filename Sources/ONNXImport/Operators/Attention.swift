// SPDX-License-Identifier: Apache-2.0
// Attention with regions.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// Regions make scores of scores and probabilities of probabilities.
  static let flexAttention: Translation = { (importer, node) throws(TypeError) in
    var attention = FlexAttention()
    attention.scale = try node.float("scale")
    attention.precision = try node.dtype("softmax_precision")
    let scores = try attention.scoreType(node.operands.map { $0.map(importer.type) })
    for (name, path) in [("score_mod", \FlexAttention.scoreRegion), ("prob_mod", \FlexAttention.probabilityRegion)] {
      guard let body = try node.graph(name) else { continue }
      let captures = try importer.captures(of: [body])
      guard captures.operands.isEmpty else {
        throw TypeError("'\(name)' reads values from outside, which is not supported")
      }
      attention[keyPath: path] = SharedGraph(try importer.region(body, [scores], captures).graph)
    }
    return try importer.emitAll(attention, node.operands)
  }
}
