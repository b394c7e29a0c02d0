// SPDX-License-Identifier: Apache-2.0
// The equation of an einsum: `bhqd,bhkd->bhqk`, with `...` and implicit results.

import GraphIR
import TensorCore

/// An equation bound to operand types. Labels are numbers: letters by their code, the axes of `...` as -1 for the last,
/// -2 for the one before it, and so on; axes that an operand broadcasts have labels of their own.
struct EinsumEquation {
  /// For each operand the label of each axis.
  var operands: [[Int]]
  var result: [Int]
  var sizes: [Int: Dim]

  init(_ text: String, _ types: [TensorType]) throws(TypeError) {
    func fail(_ message: String, operand: Int? = nil) -> TypeError {
      TypeError("the equation '\(text)' of 'Einsum' \(message)", operand: operand)
    }
    let bytes = Array(text.utf8.filter { $0 != 0x20 })
    var sides: [[[Term]]] = []
    var place = 0
    sides.append(try EinsumEquation.terms(bytes, &place, fail))
    let isExplicit = place < bytes.count
    if isExplicit {
      place += 2
      sides.append(try EinsumEquation.terms(bytes, &place, fail))
      guard place == bytes.count, sides[1].count == 1 else { throw fail("has more than one result") }
    }
    guard sides[0].count == types.count else {
      throw fail("has \(sides[0].count) operand\(sides[0].count == 1 ? "" : "s"), found \(types.count)")
    }
    operands = []
    sizes = [:]
    var spread = 0
    var own = Int.min
    for (number, terms) in sides[0].enumerated() {
      let type = types[number]
      let letters = terms.filter { $0 != .ellipsis }.count
      let hasEllipsis = letters != terms.count
      guard hasEllipsis ? type.rank >= letters : type.rank == letters else {
        throw fail(
          "has \(letters) label\(letters == 1 ? "" : "s") for operand \(number), found \(type)", operand: number)
      }
      let width = type.rank - letters
      spread = max(spread, width)
      var labels: [Int] = []
      for term in terms {
        switch term {
        case .label(let label): labels.append(label)
        case .ellipsis: labels += (0..<width).map { $0 - width }
        }
      }
      for (axis, label) in labels.enumerated() {
        let size = type.shape[axis]
        guard let known = sizes[label], known != size else {
          sizes[label] = size
          continue
        }
        if label < 0 && size == 1 { continue }
        if label < 0 && known == 1 {
          sizes[label] = size
          continue
        }
        let name = label < 0 ? "..." : String(UnicodeScalar(UInt8(label)))
        throw fail("gives '\(name)' the sizes \(known) and \(size)", operand: number)
      }
      operands.append(labels)
    }
    // An axis of size 1 that is broadcast does not move with its label.
    for number in operands.indices {
      for axis in operands[number].indices {
        let label = operands[number][axis]
        guard label < 0, types[number].shape[axis] == 1, sizes[label] != 1 else { continue }
        operands[number][axis] = own
        sizes[own] = 1
        own += 1
      }
    }
    let ellipsis = (0..<spread).map { $0 - spread }
    if isExplicit {
      result = []
      for term in sides[1][0] {
        switch term {
        case .label(let label):
          guard sizes[label] != nil else {
            throw fail("has the label '\(UnicodeScalar(UInt8(label)))' only in its result")
          }
          result.append(label)
        case .ellipsis: result += ellipsis
        }
      }
    } else {
      let all = sides[0].joined()
      let once = Set(all).filter { term in term != .ellipsis && all.filter { $0 == term }.count == 1 }
      let labels = once.compactMap { if case .label(let label) = $0 { label } else { nil } }
      result = ellipsis + labels.sorted()
    }
    guard Set(result).count == result.count else { throw fail("repeats a label in its result") }
  }

  /// Already labelled.
  init(operands: [[Int]], result: [Int], sizes: [Int: Dim]) {
    self.operands = operands
    self.result = result
    self.sizes = sizes
  }

  /// Labels that are summed over, in the order they first appear.
  var summed: [Int] {
    var seen = Set(result)
    return operands.joined().filter { seen.insert($0).inserted }
  }

  /// This equation as text, with letters for all labels; nil when there are more labels than letters.
  var text: String? {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    var names: [Int: Character] = [:]
    for label in operands.joined() where names[label] == nil {
      guard names.count < alphabet.count else { return nil }
      names[label] = alphabet[names.count]
    }
    func spelled(_ labels: [Int]) -> String { String(labels.compactMap { names[$0] }) }
    return operands.map(spelled).joined(separator: ",") + "->" + spelled(result)
  }

  private enum Term: Hashable {
    case label(Int)
    case ellipsis
  }

  /// Reads terms up to the arrow or the end.
  private static func terms(
    _ bytes: [UInt8], _ place: inout Int, _ fail: (String, Int?) -> TypeError
  ) throws(TypeError) -> [[Term]] {
    var terms: [[Term]] = [[]]
    while place < bytes.count {
      switch bytes[place] {
      case UInt8(ascii: ","): terms.append([])
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
        terms[terms.count - 1].append(.label(Int(bytes[place])))
      case UInt8(ascii: "."):
        guard bytes[place...].starts(with: "...".utf8) else { throw fail("has a single '.'", nil) }
        guard !terms[terms.count - 1].contains(.ellipsis) else { throw fail("has two '...' in one operand", nil) }
        terms[terms.count - 1].append(.ellipsis)
        place += 2
      case UInt8(ascii: "-"):
        guard bytes[place...].starts(with: "->".utf8) else { throw fail("has a '-' without '>'", nil) }
        return terms
      default:
        throw fail("has a character that is no letter, ',', '...' or '->'", nil)
      }
      place += 1
    }
    return terms
  }
}
