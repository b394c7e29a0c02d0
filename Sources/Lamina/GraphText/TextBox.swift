// SPDX-License-Identifier: Apache-2.0
// The boxes of a `.graph` file that is being written.

import GraphIR
import TensorCore

/// A box with its operation and the edges that lead to it.
struct TextBox {
  /// An edge from another box of the same scope.
  struct Edge: Hashable {
    var source: Int
    /// The result it reads, for boxes with several.
    var port: String?
    /// The operand it is, where the order does not say.
    var operand: String?
  }

  /// A tensor that the box owns; it is named by the box's path and this.
  struct Weight {
    var name: String
    var tensor: Tensor
  }

  var id: String
  /// The name it had, where that is no id.
  var title: String?
  var operation: String
  var arguments: [String] = []
  var weights: [Weight] = []
  var edges: [Edge] = []
  var results: [TensorType] = []
  /// For a repeated block: its index, and the weights of each round by the box's id in the block.
  var block: Int?
  var rounds: [[(box: String, weight: Weight)]] = []

  /// What is the same in boxes that do the same.
  var signature: String {
    let tensors = weights.map { "\($0.name):\($0.tensor.type)" }
    let incoming = edges.map { "\($0.port ?? ""):\($0.operand ?? "")" }
    return "\(operation)(\(arguments.joined(separator: ","))) \(tensors) \(incoming) \(results) \(rounds.count)"
  }

  var call: String { arguments.isEmpty ? operation : "\(operation)(\(arguments.joined(separator: ", ")))" }

  /// The box as it stands in the file.
  var text: String {
    let escaped = title.map {
      $0.replacing("#", with: "#35;").replacing("\"", with: "#quot;").replacing("<", with: "#lt;") + "<br/>"
    }
    return "\(id)[\"\(escaped ?? "")\(call)\"]"
  }
}

/// A sequence of boxes that is used several times.
struct TextBlock {
  var name: String
  /// Names of sizes that it is given.
  var parameters: [String]
  /// Inputs first.
  var boxes: [TextBox]
}
