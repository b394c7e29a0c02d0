// SPDX-License-Identifier: Apache-2.0
// A fixture: a `.graph` file whose comments say how to test it and what must come out.
//
//     %% test: run random=1 N=3
//     %% expect: y f32[3, 2] = …
//
// A command is a `%% test:` line: its kind, then words and `name=value` options. The `%% expect:` lines that follow it
// are its expectation, one line each. A file without commands is tested as any model is.

import GraphSupport

package struct Fixture: Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    /// Reads and resolves without an error; with `types` the expectation is the type of each box.
    case check
    /// Does not: the expectation is every error with its place.
    case error
    /// Interpreter, optimised graph, compiled code and executable agree, with the same bits for 1, 2, 3 and 7 threads;
    /// with `values` the expectation is outputs.
    case run
    /// The expectation is the canonical layout of what is not a command.
    case fmt
    /// The expectation is the number of kernels and steps.
    case kernels
    /// The expectation is the bytes of the arena, its lower bound and the weights, at the given or small sizes.
    case plan
    /// A diagram without operations: reads, and running it lists every box.
    case unbound
    /// A folder of an ONNX model and data: the outputs are those of the data, in every way to compute them.
    case onnx

    /// Those that a comment of a file may ask for.
    static let written = allCases.filter { $0 != .onnx }
  }

  package struct Command: Sendable {
    package var kind: Kind
    package var words: [String]
    package var options: [(name: String, value: String)]
    package var expected: [String]
    /// The line of the command, from 1; 0 when the file has none.
    package var line: Int

    package func option(_ name: String) -> String? { options.last { $0.name == name }?.value }
    /// Options in capitals, and names that no kind of test uses, are sizes.
    package func sizes(_ known: Set<String>) -> [String: Int] {
      var sizes: [String: Int] = [:]
      for (name, value) in options where !known.contains(name) { if let size = Int(value) { sizes[name] = size } }
      return sizes
    }
  }

  package var path: String
  package var lines: [Substring]
  package var commands: [Command]

  /// The text without commands and expectations.
  package var subject: String {
    lines.filter { Fixture.payload($0, "test") == nil && Fixture.payload($0, "expect") == nil }.joined(separator: "\n")
  }

  /// Reads a file. Bytes that are not UTF-8 are replaced here; what tests read is the file itself.
  package init(path: String) throws {
    // As files are named when they are loaded.
    let isAbsolute = path.hasPrefix("/")
    self.path = (isAbsolute ? "/" : "") + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    lines = String(decoding: try readFile(path), as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
    commands = []
    for (index, line) in lines.enumerated() {
      if let text = Fixture.payload(line, "test") {
        commands.append(try Fixture.command(text, line: index + 1, path: path))
      } else if let text = Fixture.payload(line, "expect") {
        guard !commands.isEmpty else {
          throw DiagnosticsError("bad-fixture", "line \(index + 1): an expectation without a test before it", file: path)
        }
        commands[commands.count - 1].expected.append(text)
      }
    }
    if commands.isEmpty {
      commands = [.check, .run].map { Command(kind: $0, words: [], options: [], expected: [], line: 0) }
    }
  }

  /// What follows `%% key:` on a line, without one space; nil for other lines.
  private static func payload(_ line: Substring, _ key: String) -> String? {
    let text = line.drop { $0 == " " }
    let start = "%% \(key):"
    guard text.hasPrefix(start) else { return nil }
    let rest = text.dropFirst(start.count)
    return String(rest.first == " " ? rest.dropFirst() : rest)
  }

  private static func command(_ text: String, line: Int, path: String) throws -> Command {
    let words = text.split(separator: " ").map(String.init)
    guard let first = words.first, let kind = Kind(rawValue: first), Kind.written.contains(kind) else {
      let kinds = Kind.written.map(\.rawValue)
      throw DiagnosticsError([
        Diagnostic(
          .error, "bad-fixture", "line \(line): '\(text)' is no test, expected \(kinds.joined(separator: ", "))", file: path,
          fixIt: nearest(words.first ?? "", among: kinds))
      ])
    }
    var command = Command(kind: kind, words: [], options: [], expected: [], line: line)
    for word in words.dropFirst() {
      if let equals = word.firstIndex(of: "="), equals != word.startIndex {
        command.options.append((String(word[..<equals]), String(word[word.index(after: equals)...])))
      } else {
        command.words.append(word)
      }
    }
    return command
  }

  /// Rewrites the file with new expectations, one list for each command.
  package func bless(_ expectations: [[String]]) throws {
    var result: [Substring] = []
    var place = 0
    for (index, line) in lines.enumerated() {
      if Fixture.payload(line, "expect") != nil { continue }
      result.append(line)
      if place < commands.count, commands[place].line == index + 1 {
        let indent = line.prefix { $0 == " " }
        result += expectations[place].map { "\(indent)%% expect:\($0.isEmpty ? "" : " ")\($0)"[...] }
        place += 1
      }
    }
    if result != lines { try AtomicFile.write(result.joined(separator: "\n"), to: path) }
  }
}
