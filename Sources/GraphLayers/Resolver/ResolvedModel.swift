// SPDX-License-Identifier: Apache-2.0
// What resolving a file gives: a graph, and what each box became.

import GraphIR
import GraphSupport

/// How a file is resolved.
package struct ResolveOptions: Sendable {
  /// The model to take, for files with several.
  package var model: String?
  /// Fixed sizes, by name.
  package var dims: [String: Int]
  package init(model: String? = nil, dims: [String: Int] = [:]) {
    self.model = model
    self.dims = dims
  }
}

/// What a file's model is.
package struct ResolvedModel: Sendable {
  package var graph: Graph
  /// In the order of building: each box with its operations as written, and its results.
  package var boxes: [ResolvedBox]
  package var warnings: [Diagnostic]

  package init(graph: Graph, boxes: [ResolvedBox], warnings: [Diagnostic]) {
    self.graph = graph
    self.boxes = boxes
    self.warnings = warnings
  }
}

package struct ResolvedBox: Sendable {
  /// The path of boxes.
  package var path: String
  package var title: String
  package var operation: String
  /// Nil in models that are no text.
  package var location: SourceLocation?
  package var outputs: [LayerOutput]
  /// The nodes it added, as positions in the graph's nodes.
  package var nodes: Range<Int>
  /// How many blocks it is inside.
  package var depth: Int

  package init(
    path: String, title: String, operation: String, location: SourceLocation?, outputs: [LayerOutput],
    nodes: Range<Int>,
    depth: Int
  ) {
    self.path = path
    self.title = title
    self.operation = operation
    self.location = location
    self.outputs = outputs
    self.nodes = nodes
    self.depth = depth
  }
}
