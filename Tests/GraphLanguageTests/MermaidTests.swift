// SPDX-License-Identifier: Apache-2.0
// What Mermaid accepts is read, laid out and read again; what it rejects is an error here.

import GraphLanguage
import GraphSupport
import Testing

@Suite struct MermaidTests {
  @Test func thereAreEnoughCases() throws {
    #expect(try MermaidCase.load("accept").count >= 250)
    #expect(try MermaidCase.load("reject").count >= 150)
  }

  @Test func acceptedOnesAreRead() throws {
    for example in try MermaidCase.load("accept") {
      let (file, diagnostics) = parseGraph(example.text)
      #expect(file != nil && diagnostics.isEmpty, "\(example): \(diagnostics.map(\.message))")
    }
  }

  @Test func rejectedOnesAreErrorsWithAPlace() throws {
    for example in try MermaidCase.load("reject") {
      let errors = parseGraph(example.text).1.filter { $0.severity == .error }
      #expect(!errors.isEmpty, "\(example)")
      for error in errors {
        #expect(error.location != nil, "\(example)")
        #expect(!error.message.isEmpty && !error.message.hasSuffix("."), "\(example): \(error.message)")
      }
    }
  }

  @Test func layoutIsStableAndMeansTheSame() throws {
    for example in try MermaidCase.load("accept") {
      guard let file = parseGraph(example.text).0 else { continue }
      let once = file.formatted
      let (again, diagnostics) = parseGraph(once)
      #expect(diagnostics.isEmpty, "\(example): \(once)")
      guard let again else { continue }
      #expect(again.formatted == once, "\(example)")
      #expect(summary(again.diagram) == summary(file.diagram), "\(example): \(once)")
      #expect(again.frontMatter.text == file.frontMatter.text, "\(example)")
      #expect(!once.contains(" \n") || file.source.text(SourceRange(0, 9999)).contains(" \n"), "\(example)")
    }
  }
}

/// A diagram without the places of its parts.
func summary(_ diagram: Diagram) -> [String] {
  var lines = ["\(diagram.direction)"]
  for box in diagram.boxes {
    lines.append("box \(box.id) \(box.shape) \(box.label?.lines.map(\.text) ?? [box.id]) \(box.classes)")
  }
  for edge in diagram.edges {
    lines.append(
      "edge \(edge.from.id) \(edge.to.id) \(edge.stroke) \(edge.tail) \(edge.head) \(edge.length) "
        + "\(edge.label?.text ?? "") \(edge.id ?? "")")
  }
  for subgraph in diagram.subgraphs {
    lines.append(
      "subgraph \(subgraph.id) \(subgraph.title?.text ?? "") \(subgraph.members) \(String(describing: subgraph.direction))"
    )
  }
  lines += diagram.styles.map(\.text)
  return lines + [diagram.accessibleTitle ?? "", diagram.accessibleDescription ?? ""]
}
