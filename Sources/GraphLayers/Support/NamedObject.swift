// SPDX-License-Identifier: Apache-2.0
// Initialisers, activations and regularisers as written: a name, or a call such as RandomNormal(stddev = 0.1).

import GraphIR
import GraphSupport

/// A name with arguments of numbers and names.
struct NamedObject {
  /// Keras' functions and classes name the same thing: `glorot_uniform` and `GlorotUniform`.
  let name: String
  private let arguments: [(name: String?, value: String)]

  init(_ text: String) throws(TypeError) {
    guard let open = text.firstIndex(of: "(") else {
      (name, arguments) = (Self.snakeCase(text), [])
      return
    }
    guard text.last == ")" else { throw TypeError("'\(text)' is no call: the bracket does not close") }
    name = Self.snakeCase(String(text[..<open]))
    let inside = text[text.index(after: open)..<text.index(before: text.endIndex)]
    arguments = inside.split(separator: ",").map { part in
      let sides = part.split(separator: "=", maxSplits: 1).map { Self.trimmed($0) }
      return sides.count == 2 ? (sides[0], sides[1]) : (nil, sides.first ?? "")
    }
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { " \t\n'\"".contains($0) }.reversed().drop { " \t\n'\"".contains($0) }.reversed())
  }

  /// `VarianceScaling` as `variance_scaling`; `L1L2` as `l1_l2`.
  private static func snakeCase(_ text: String) -> String {
    if text == "L1L2" { return "l1_l2" }
    if text == "LeCunNormal" || text == "LeCunUniform" {
      return text == "LeCunNormal" ? "lecun_normal" : "lecun_uniform"
    }
    var result = ""
    for character in text {
      if character.isUppercase, !result.isEmpty, result.last != "_" { result.append("_") }
      result += character.lowercased()
    }
    return result
  }

  /// The arguments by name: positional ones first, in the order of `names`. `seed` is accepted everywhere and has no
  /// effect, since the model's seed and the parameter's name decide.
  func values(_ names: [String], _ what: String) throws(TypeError) -> [String: String] {
    var result: [String: String] = [:]
    for (place, argument) in arguments.enumerated() {
      guard let key = argument.name ?? (place < names.count ? names[place] : nil), names.contains(key) || key == "seed"
      else {
        let given = argument.name ?? argument.value
        throw TypeError(
          "\(what) '\(name)' has no argument '\(given)'\(nearest(given, among: names).map { ", did you mean '\($0)'?" } ?? "")",
          note: names.isEmpty ? "it takes none" : "it takes \(names.joined(separator: ", "))")
      }
      result[key] = argument.value
    }
    return result
  }

  /// As above, all of them numbers.
  func numbers(_ defaults: KeyValuePairs<String, Double>, _ what: String) throws(TypeError) -> [Double] {
    let given = try values(defaults.map(\.key), what)
    var result: [Double] = []
    for (key, standard) in defaults {
      guard let text = given[key] else {
        result.append(standard)
        continue
      }
      guard let number = Double(text), number.isFinite else {
        throw TypeError("'\(key)' of \(what) '\(name)' must be a number, found '\(text)'")
      }
      result.append(number)
    }
    return result
  }
}
