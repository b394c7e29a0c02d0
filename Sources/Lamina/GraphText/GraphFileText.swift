// SPDX-License-Identifier: Apache-2.0
// The text of a `.graph` file and the tensors that its boxes own.

import GraphIR
import TensorCore

struct GraphFileText {
  private(set) var text = ""
  /// The tensors of the weights file, by the names that boxes give them.
  private(set) var tensors: [(name: String, tensor: Tensor)] = []

  /// - Parameters:
  ///   - graph: whose sizes' ranges are declared.
  ///   - weightsFile: the file beside the text that holds the tensors.
  init(_ contents: RepeatedBlocks, of graph: Graph, weightsFile: String) {
    addTensors(of: contents.boxes, path: "")
    for box in contents.boxes {
      for (round, weights) in box.rounds.enumerated() {
        for (place, weight) in weights {
          let inner = box.block.map { contents.blocks[$0].boxes[place].id } ?? ""
          tensors.append(
            ("\(box.id)/\(round)/\(inner)" + (weight.name.isEmpty ? "" : "/\(weight.name)"), weight.tensor))
        }
      }
    }
    var header: [String] = []
    let title = BoxNames.identifier(graph.name)
    if !graph.name.isEmpty { header.append("title: \(title)") }
    if !tensors.isEmpty { header.append("weights: '\(weightsFile.replacing("'", with: "''"))'") }
    let ranges = graph.symbols.filter { $0.range != Symbol.unbounded && $0.bound == nil }
    if !ranges.isEmpty {
      header.append(
        "dims: {\(ranges.map { "\($0.name): \($0.range.lowerBound)..\($0.range.upperBound)" }.joined(separator: ", "))}"
      )
    }
    text = header.isEmpty ? "" : "---\n\(header.joined(separator: "\n"))\n---\n"
    text += "graph TD\n"
    for block in contents.blocks {
      let call = block.parameters.isEmpty ? block.name : "\(block.name)(\(block.parameters.joined(separator: ", ")))"
      text += "    subgraph \(block.name)[\"\(call)\"]\n"
      text += statements(block.boxes, indent: "        ", names: false)
      text += "    end\n"
    }
    text += regions(of: contents.boxes)
    text += statements(contents.boxes, indent: "    ")
  }

  /// The tensors that boxes and their subgraphs own, by their paths.
  private mutating func addTensors(of boxes: [TextBox], path: String) {
    for box in boxes {
      for weight in box.weights {
        tensors.append(("\(path)\(box.id)" + (weight.name.isEmpty ? "" : "/\(weight.name)"), weight.tensor))
      }
      for region in box.regions { addTensors(of: region.block.boxes, path: "\(path)\(box.id)/\(region.argument)/") }
    }
  }

  /// The subgraphs that boxes run, those inside others first. Without inputs they are blocks by their brackets.
  private func regions(of boxes: [TextBox]) -> String {
    boxes.flatMap(\.regions).map { region in
      regions(of: region.block.boxes) + "    subgraph \(region.block.name)[\"\(region.block.name)()\"]\n"
        + statements(region.block.boxes, indent: "        ", names: false) + "    end\n"
    }.joined()
  }

  /// The widest line that chains are joined to.
  private static let width = 110

  /// One statement for each box and its edges; boxes that follow one another stand in a chain.
  ///
  /// - Parameter names: whether inputs and outputs are told by the names they had.
  private func statements(_ boxes: [TextBox], indent: String, names: Bool = true) -> String {
    var lines: [String] = []
    // The last line is a chain that ends in this box.
    var chainEnd: Int?
    for (place, box) in boxes.enumerated() {
      if !names || box.comment == nil, box.edges.count == 1, let edge = box.edges.first, edge.source == chainEnd,
        edge.port == nil, edge.operand == nil,
        let line = lines.last, line.count + box.text.count + 5 + indent.count <= Self.width
      {
        lines[lines.count - 1] = "\(line) --> \(box.text)"
        chainEnd = place
        continue
      }
      chainEnd = nil
      if names, let comment = box.comment { lines.append(comment) }
      if box.edges.isEmpty {
        lines.append(box.text)
        chainEnd = place
      } else if box.edges.allSatisfy({ $0.port == nil && $0.operand == nil }) {
        lines.append("\(box.edges.map { boxes[$0.source].id }.joined(separator: " & ")) --> \(box.text)")
        chainEnd = place
      } else {
        for (number, edge) in box.edges.enumerated() {
          let label = edge.port.map { "\($0):\(edge.operand ?? "")" } ?? edge.operand
          let target = number == 0 ? box.text : box.id
          lines.append("\(boxes[edge.source].id) -->\(label.map { "|\($0)|" } ?? "") \(target)")
        }
      }
    }
    return lines.map { "\(indent)\($0)\n" }.joined()
  }
}
