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

  /// What it is called in the model; ids are made of the ends of paths.
  var path: String
  /// Empty until every box is there; inputs and outputs have theirs at once.
  var id = ""
  /// Whether it is one of the model's results.
  var isOutput = false
  var operation: String
  var arguments: [String] = []
  var weights: [Weight] = []
  var edges: [Edge] = []
  var results: [TensorType] = []
  /// The subgraphs that the box runs, by argument.
  var regions: [(argument: String, block: TextBlock)] = []
  /// For a repeated block: its index, and the weights of each round with the place of their box in the block.
  var block: Int?
  var rounds: [[(box: Int, weight: Weight)]] = []

  /// What is the same in boxes that do the same.
  var signature: String {
    let tensors = weights.map { "\($0.name):\($0.tensor.type)" }
    let incoming = edges.map { "\($0.port ?? ""):\($0.operand ?? "")" }
    return "\(operation)(\(arguments.joined(separator: ","))) \(tensors) \(incoming) \(results) \(rounds.count)"
  }

  var call: String { arguments.isEmpty ? operation : "\(operation)(\(arguments.joined(separator: ", ")))" }

  /// The box as it stands in the file.
  var text: String { "\(id)[\"\(call)\"]" }

  /// The name of an input or output that is no id.
  var comment: String? {
    id == path || !(isOutput || operation == "Input") ? nil : "%% \(id) is '\(path.filter { !$0.isNewline })'"
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
