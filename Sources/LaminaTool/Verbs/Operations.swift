// SPDX-License-Identifier: Apache-2.0
// `lamina ops`: what may stand in a box.

import ArgumentParser
import GraphIR
import GraphLayers
import GraphOps
import GraphSupport
import TensorCore

struct Operations: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ops", abstract: "List the layers and operators, or show one.",
    discussion: "Example: lamina ops Conv2D")

  @Argument(help: ArgumentHelp("A layer or operator.", valueName: "name"))
  var name: String?
  @OptionGroup var options: OutputOptions

  /// A layer or operator as documentation.
  private struct Entry {
    var kind: String
    var name: String
    var summary: String
    var arguments: [AttributeDescription]
    var required: [String]
    var operands: [Slot]

    var signature: String {
      let list = arguments.map { argument in
        required.contains(argument.name) ? argument.name : "\(argument.name) = \(argument.defaultValue.text)"
      }
      return list.isEmpty ? name : "\(name)(\(list.joined(separator: ", ")))"
    }
  }

  private static var entries: [Entry] {
    let layers = LayerRegistry.all.map { layer in
      Entry(
        kind: "layer", name: layer.name, summary: layer.summary, arguments: layer.argumentDescriptions,
        required: layer.required, operands: layer.inputs)
    }
    let operators = OperatorRegistry.all.map { operation in
      Entry(
        kind: "operator", name: operation.name, summary: operation.summary, arguments: operation.attributeDescriptions,
        required: [], operands: operation.operands)
    }
    return (layers + operators).sorted { ($0.name, $0.kind) < ($1.name, $1.kind) }
  }

  func run() throws {
    options.apply()
    guard let name else {
      if options.json {
        Terminal.print("[\(Self.entries.map(json).joined(separator: ",\n "))]")
        return
      }
      var table = Table(headings: ["name", "kind", "what it computes"])
      table.rows = Self.entries.map { [$0.name, $0.kind, $0.summary] }
      Terminal.print(table.text)
      return
    }
    let plain = name.hasPrefix("onnx.") ? String(name.dropFirst(5)) : LayerRegistry.aliases[name] ?? name
    let found = Self.entries.filter { $0.name == plain && (!name.hasPrefix("onnx.") || $0.kind == "operator") }
    guard !found.isEmpty else {
      throw DiagnosticsError([
        Diagnostic(
          .error, "unknown-operation", "'\(name)' is no layer or operator",
          fixIt: nearest(name, among: Self.entries.map(\.name)))
      ])
    }
    if options.json {
      Terminal.print("[\(found.map(json).joined(separator: ",\n "))]")
    } else {
      Terminal.print(found.map(page).joined(separator: "\n\n"))
    }
  }

  private func page(_ entry: Entry) -> String {
    var lines = ["\(entry.signature)   (\(entry.kind))", "", entry.summary]
    if !entry.operands.isEmpty {
      let operands = entry.operands.map { slot in
        slot.kind == .required ? slot.name : slot.kind == .optional ? "\(slot.name) (optional)" : "\(slot.name) (any number)"
      }
      lines += ["", "operands: \(operands.joined(separator: ", "))"]
    }
    if !entry.arguments.isEmpty {
      var table = Table(headings: ["argument", "kind", "default", "meaning"])
      table.rows = entry.arguments.map {
        [$0.name, $0.kind, entry.required.contains($0.name) ? "(required)" : $0.defaultValue.text, $0.summary]
      }
      lines += ["", table.text]
    }
    return lines.joined(separator: "\n")
  }

  private func json(_ entry: Entry) -> String {
    let arguments = entry.arguments.map {
      "{\"name\": \(jsonString($0.name)), \"kind\": \(jsonString($0.kind)), \"default\": \(jsonString($0.defaultValue.text)), "
        + "\"required\": \(entry.required.contains($0.name)), \"meaning\": \(jsonString($0.summary))}"
    }
    return "{\"name\": \(jsonString(entry.name)), \"kind\": \"\(entry.kind)\", \"summary\": \(jsonString(entry.summary)), "
      + "\"operands\": [\(entry.operands.map { jsonString($0.name) }.joined(separator: ", "))], "
      + "\"arguments\": [\(arguments.joined(separator: ", "))]}"
  }
}

extension AttributeValue {
  /// As written in a box.
  var text: String {
    switch self {
    case .none: "none"
    case .bool(let flag): "\(flag)"
    case .int(let number): "\(number)"
    case .float(let number): number == number.rounded() && number.magnitude < 1e15 ? "\(Int(number))" : "\(number)"
    case .string(let text): text.isEmpty ? "''" : "\(text)"
    case .dim(let dim): dim.description
    case .dtype(let dtype): dtype.name
    case .ints(let list): list.count == 1 ? "\(list[0])" : "(\(list.map(String.init).joined(separator: ", ")))"
    case .dims(let list): "(\(list.map(\.description).joined(separator: ", ")))"
    case .floats(let list): "(\(list.map { "\($0)" }.joined(separator: ", ")))"
    case .strings(let list): "[\(list.joined(separator: ", "))]"
    case .tensor(let shared): "\(shared.tensor.type)"
    case .graph: "a subgraph"
    }
  }
}
