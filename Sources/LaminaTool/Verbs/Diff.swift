// SPDX-License-Identifier: Apache-2.0
// `lamina diff`: what changed between two models.

import ArgumentParser
import GraphSupport
import Lamina

struct Diff: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what changed between two models.",
    discussion: """
      Example: lamina diff before.graph after.graph

      Boxes by their paths (operation, operands, shapes), parameters by their names (shapes, and values where both come
      from files), and what both come to: parameters, arithmetic, memory. Named sizes are taken as --dim says, else small.
      Exit code 3 where something differs.
      """)

  @ArgumentParser.Argument(help: ArgumentHelp("The model before.", valueName: "a"))
  var first: String
  @ArgumentParser.Argument(help: ArgumentHelp("The model after.", valueName: "b"))
  var second: String
  @OptionGroup var settings: LoadOptions
  @OptionGroup var options: OutputOptions

  func run() throws {
    options.apply()
    var sources: [ModelSource] = []
    var failures: [Diagnostic] = []
    for path in [first, second] {
      do {
        sources.append(try settings.load(path))
      } catch let error as DiagnosticsError {
        failures += error.diagnostics
      }
    }
    guard failures.isEmpty, sources.count == 2 else { throw DiagnosticsError(failures) }
    let difference = ModelDifference(sources[0], sources[1], try compileOptions())
    if options.json {
      Terminal.print(json(difference))
    } else if !options.quiet {
      Terminal.print(text(difference))
    }
    if !difference.isEmpty { throw FoundDifference(message: "the models differ") }
  }

  private func text(_ difference: ModelDifference) -> String {
    var parts: [String] = []
    for (title, entries) in [("boxes", difference.boxes), ("parameters", difference.parameters)] where !entries.isEmpty {
      parts.append("\(title)\n\(entries.flatMap(lines).joined(separator: "\n"))")
    }
    var table = Table(headings: ["", first, second, "change"], numeric: [1, 2, 3])
    for figure in difference.figures {
      func shown(_ value: Int?) -> String { value.map { figure.isBytes ? bytesText($0) : countText($0) } ?? "unknown" }
      var change = ""
      if let before = figure.before, let after = figure.after, before != after {
        change = (after > before ? "+" : "-") + (figure.isBytes ? bytesText(abs(after - before)) : countText(abs(after - before)))
      }
      table.rows.append([figure.name, shown(figure.before), shown(figure.after), change])
    }
    parts.append(table.text)
    if difference.isEmpty { parts.append("no difference") }
    return parts.joined(separator: "\n\n")
  }

  private func lines(_ entry: ModelDifference.Entry) -> [String] {
    switch entry.change {
    case .added: ["  + \(entry.name)  \(entry.after)"]
    case .removed: ["  - \(entry.name)  \(entry.before)"]
    case .changed: ["  ~ \(entry.name)  \(entry.before)", "      → \(entry.after)"]
    }
  }

  private func json(_ difference: ModelDifference) -> String {
    func list(_ entries: [ModelDifference.Entry]) -> String {
      entries.map {
        "{\"change\": \"\($0.change.rawValue)\", \"name\": \(jsonString($0.name)), "
          + "\"before\": \(jsonString($0.before)), \"after\": \(jsonString($0.after))}"
      }.joined(separator: ",\n  ")
    }
    func number(_ value: Int?) -> String { value.map(String.init) ?? "null" }
    let figures = difference.figures.map {
      "\(jsonString($0.name)): [\(number($0.before)), \(number($0.after))]"
    }
    return "{\"same\": \(difference.isEmpty), \"boxes\": [\(list(difference.boxes))],\n \"parameters\": "
      + "[\(list(difference.parameters))],\n \"figures\": {\(figures.joined(separator: ", "))}}"
  }
}
