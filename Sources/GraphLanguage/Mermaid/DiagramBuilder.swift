// SPDX-License-Identifier: Apache-2.0
// From statements to boxes, edges and subgraphs, as Mermaid's own data base does it.

import GraphSupport

/// Runs the statements in order.
struct DiagramBuilder {
  private(set) var diagram: Diagram
  private(set) var diagnostics: [Diagnostic] = []
  private let source: SourceText
  private var boxIndex: [String: Int] = [:]
  private var edgeIDs: Set<String> = []
  private var classes: [(ids: [Located<String>], name: String)] = []
  /// Boxes and subgraphs that a closed subgraph has taken.
  private var taken: Set<Subgraph.Member> = []
  /// How many subgraphs have been read to their end.
  private var closed = 0

  init(_ syntax: FlowSyntax, source: SourceText) {
    self.source = source
    diagram = Diagram(direction: Diagram.Direction(written: syntax.direction))
    _ = run(syntax.statements, in: nil)
    removeSubgraphBoxes()
    checkEnds()
    for statement in classes {
      for id in statement.ids {
        if let index = boxIndex[id.value] { diagram.boxes[index].classes.append(statement.name) }
      }
    }
  }

  /// Returns the members that the statements mention.
  private mutating func run(_ statements: [FlowStatement], in parent: Int?) -> [Subgraph.Member] {
    var mentioned: [Subgraph.Member] = []
    for statement in statements {
      switch statement.kind {
      case .chain(let groups, let arrows):
        for group in groups { for node in group.nodes { mentioned.append(.box(node.id)) } }
        addChain(groups, arrows)
      case .subgraph(let subgraph): mentioned.append(.subgraph(add(subgraph, range: statement.range, in: parent)))
      case .direction(let direction):
        if let parent { diagram.subgraphs[parent].direction = direction }
      case .style(let style): add(style)
      case .accessibleTitle(""), .accessibleDescription(""): break
      case .accessibleTitle(let text): diagram.accessibleTitle = text
      case .accessibleDescription(let text): diagram.accessibleDescription = text
      case .end: break
      }
    }
    return mentioned
  }

  // MARK: Boxes and edges

  private mutating func addChain(_ groups: [FlowGroup], _ arrows: [FlowArrow]) {
    for (place, group) in groups.enumerated() {
      for node in group.nodes { add(node) }
      guard place > 0, place <= arrows.count else { continue }
      let arrow = arrows[place - 1]
      for from in groups[place - 1].nodes { for to in group.nodes { add(arrow, from, to) } }
    }
  }

  private mutating func add(_ node: FlowNode) {
    if edgeIDs.contains(node.id), boxIndex[node.id] == nil {
      // `e1@{ animate: true }` speaks of an arrow.
      if let metadata = node.metadata { _ = readMetadata(metadata, of: node) }
      return
    }
    let index = boxIndex[node.id] ?? diagram.boxes.count
    if index == diagram.boxes.count {
      diagram.boxes.append(Box(id: node.id, idRange: node.idRange, range: node.range))
      boxIndex[node.id] = index
    }
    if let outline = node.outline {
      diagram.boxes[index].shape = outline.shape
      diagram.boxes[index].label = Label(outline.text)
      diagram.boxes[index].range = node.range
    }
    if let name = node.className { diagram.boxes[index].classes.append(name) }
    guard let metadata = node.metadata, let values = readMetadata(metadata, of: node) else { return }
    if let shape = values.shape { diagram.boxes[index].shape = BoxShape(name: shape) }
    if let label = values.label {
      diagram.boxes[index].label = Label(FlowText(style: .quoted, text: label))
      diagram.boxes[index].range = node.range
    }
  }

  private mutating func readMetadata(_ text: MappedText, of node: FlowNode) -> BoxMetadata? {
    switch BoxMetadata.read(text, isBox: !edgeIDs.contains(node.id)) {
    case .success(let values): return values
    case .failure(let problem):
      diagnostics.append(
        Diagnostic(
          .error, "mermaid-metadata", problem.message, at: SourceLocation(source, problem.range), fixIt: problem.fixIt))
      return nil
    }
  }

  private mutating func add(_ arrow: FlowArrow, _ from: FlowNode, _ to: FlowNode) {
    var edge = Edge(
      from: Edge.End(id: from.id, range: from.idRange), to: Edge.End(id: to.id, range: to.idRange),
      stroke: arrow.stroke, tail: arrow.tail, head: arrow.head, length: min(arrow.length, 10),
      label: arrow.label.map(Label.init), range: arrow.range)
    if let id = arrow.id, edgeIDs.insert(id).inserted { edge.id = id }
    diagram.edges.append(edge)
  }

  // MARK: Subgraphs and styles

  private mutating func add(_ subgraph: FlowSubgraph, range: SourceRange, in parent: Int?) -> Int {
    let index = diagram.subgraphs.count
    let name = subgraph.name?.text
    let title = (subgraph.title ?? subgraph.name).map(Label.init)
    diagram.subgraphs.append(
      Subgraph(
        id: name.map { $0.string($0.trimmed(0..<$0.count)) } ?? "", idRange: name?.range ?? subgraph.keywordRange,
        title: title, head: title?.operations.last, parent: parent, range: range))
    let mentioned = run(subgraph.statements, in: index)
    // A name with spaces and no title is a title, and the subgraph is numbered as it closes.
    if subgraph.title == nil, subgraph.name?.isWord != true { diagram.subgraphs[index].id = "subGraph\(closed)" }
    closed += 1
    // A box that a closed subgraph has mentioned stays there.
    for member in mentioned where taken.insert(member).inserted { diagram.subgraphs[index].members.append(member) }
    return index
  }

  /// The id of a subgraph is never a box, and an edge to it goes to the subgraph.
  private mutating func removeSubgraphBoxes() {
    if diagram.subgraphs.isEmpty { return }
    let ids = Set(diagram.subgraphs.map(\.id))
    for index in diagram.edges.indices {
      diagram.edges[index].from.isSubgraph = ids.contains(diagram.edges[index].from.id)
      diagram.edges[index].to.isSubgraph = ids.contains(diagram.edges[index].to.id)
    }
    for index in diagram.subgraphs.indices {
      diagram.subgraphs[index].members.removeAll { member in
        if case .box(let id) = member { ids.contains(id) } else { false }
      }
    }
    diagram.boxes.removeAll { ids.contains($0.id) }
    boxIndex = Dictionary(uniqueKeysWithValues: diagram.boxes.enumerated().map { ($1.id, $0) })
  }

  /// An arrow's id is no place to go to.
  private mutating func checkEnds() {
    for edge in diagram.edges {
      for end in [edge.from, edge.to] where !end.isSubgraph && boxIndex[end.id] == nil {
        diagnostics.append(
          Diagnostic(
            .error, "arrow-id", "'\(end.id)' is the id of an arrow, expected a box",
            at: SourceLocation(source, end.range)))
      }
    }
  }

  private mutating func add(_ style: StyleStatement) {
    diagram.styles.append(style)
    if style.keyword == .class, let name = style.className { classes.append((style.targets, name)) }
    guard style.keyword == .linkStyle else { return }
    for target in style.targets {
      let number = Int(target.value)
      if let number, String(number) == target.value, number < diagram.edges.count { continue }
      let count = diagram.edges.count
      let message =
        count == 0
        ? "there is no arrow above for 'linkStyle' to style"
        : "there is no arrow \(target.value.prefix(24)); the \(count) above are numbered 0 to \(count - 1)"
      diagnostics.append(Diagnostic(.error, "mermaid-style", message, at: SourceLocation(source, target.range)))
    }
  }
}

extension Diagram.Direction {
  /// From the header, where `TD`, `<`, `>`, `^` and `v` are known too.
  init(written: String?) {
    switch written {
    case "BT", "^": self = .up
    case "LR", ">": self = .right
    case "RL", "<": self = .left
    default: self = .down
    }
  }
}
