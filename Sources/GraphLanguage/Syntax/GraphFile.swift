// SPDX-License-Identifier: Apache-2.0
// A read `.graph` file.

import GraphSupport

/// One file. Its ranges are offsets into `source`.
package struct GraphFile: Sendable {
  package var source: SourceText
  package var frontMatter: FrontMatter
  package var diagram: Diagram
  /// The statements as written, for printing.
  package var syntax: FlowSyntax
  /// The files of `include:`, when the file was loaded from disk.
  package var includes: [GraphFile] = []

  package func location(_ range: SourceRange) -> SourceLocation { SourceLocation(source, range) }

  /// The operations of a box: its binding's, or else its label's.
  package func operations(of box: Box) -> [Expression] {
    frontMatter.binding(box.id)?.operations ?? box.operations
  }

  /// A subgraph of this file or, by depth-first search, of an included one, with the file that holds it. A subgraph
  /// goes by its id and by the name of its head (`block` for `block(width, heads)`).
  package func subgraph(named name: String) -> (file: GraphFile, subgraph: Subgraph)? {
    if let found = diagram.subgraphs.first(where: { $0.id == name || $0.head?.asCall?.name == name }) {
      return (self, found)
    }
    for file in includes { if let found = file.subgraph(named: name) { return found } }
    return nil
  }

  /// The names under which subgraphs of this file and its includes are found, for suggestions.
  package var subgraphNames: [String] {
    diagram.subgraphs.map { $0.head?.asCall?.name ?? $0.id } + includes.flatMap(\.subgraphNames)
  }
}
