// SPDX-License-Identifier: Apache-2.0
// Cells one after the other as one cell.

import GraphIR
import TensorCore

/// Operands are the inputs, then the states of the first cell, of the second, …
package struct StackedRNNCells: CellLayer, WrapperLayer {
  package static let name = "StackedRNNCells"
  package static let summary =
    "One step of several cells, each on the output of the one before, such as "
    + "StackedRNNCells([LSTMCell(8), GRUCell(4)])."
  package static let layerArguments = ["cells"]
  package static let required = ["cells"]
  package static let inputs = [Slot("inputs", .variadic)]
  package static var arguments: [Attribute<Self>] {
    [Attribute("cells", \.text, "the cells, from the first to the last")]
  }
  package var text = LayerList()
  package var layers: [String: any Layer] = [:]
  package init() {}

  package func recurrentLayers() throws(TypeError) -> [any RecurrentLayer] {
    try recurrentLayers(of: "cells", count: text.texts.count)
  }
}

/// An argument that is a layer, or a list of them, as it is written.
package struct LayerList: AttributeRepresentable {
  package static var attributeKind: String { "a layer or a list of layers" }
  var texts: [String] = []
  init() {}

  package init?(_ value: AttributeValue) {
    switch value {
    case .string(let text): texts = [text]
    case .strings(let list): texts = list
    default: return nil
    }
  }

  package var attributeValue: AttributeValue { texts.count == 1 ? .string(texts[0]) : .strings(texts) }
}

extension WrapperLayer {
  /// The layers that the cells of an argument are steps of.
  func recurrentLayers(of argument: String, count: Int) throws(TypeError) -> [any RecurrentLayer] {
    let given = layers[argument].map { [$0] } ?? (0..<count).compactMap { layers["\(argument)\($0)"] }
    guard !given.isEmpty else {
      throw TypeError("'\(Self.name)' needs a cell, such as \(Self.name)([LSTMCell(8), GRUCell(4)])")
    }
    var found: [any RecurrentLayer] = []
    for layer in given {
      guard let cell = layer as? any CellLayer else {
        let name = type(of: layer).name
        throw TypeError(
          "'\(argument)' of '\(Self.name)' needs cells, found '\(name)'",
          note: layer is any RecurrentLayer
            ? "write \(name)Cell here, or \(name) alone: it goes over the steps itself"
            : "cells are LSTMCell, GRUCell, SimpleRNNCell and StackedRNNCells")
      }
      found += try cell.recurrentLayers()
    }
    return found
  }
}
