// SPDX-License-Identifier: Apache-2.0
// Which stored tensor is which parameter, when a file names them in another library's words.

import GraphIR
import GraphSupport
import TensorCore

/// The parameters, or the stored tensors, of one layer.
private struct Module<Element> {
  var path: String
  var words: [String]
  var members: [StoredWeight.Role: Element] = [:]

  /// The first number of the path: of two repeated blocks it must be the same.
  var number: Int? { words.lazy.compactMap { Int($0) }.first }
}

/// Matches modules by the words of their paths among those whose tensors fit, best first.
struct WeightMatching {
  struct Match {
    var weight: StoredWeight
    var layout: WeightLayout
  }

  private(set) var matches: [String: Match] = [:]
  /// Parameters without a tensor, each with the tensors that fit equally well.
  private(set) var unmatched: [(parameter: Parameter, candidates: [String])] = []
  /// Names of tensors that no parameter takes.
  private(set) var unused: [String] = []

  private struct Pair {
    var parameters: Int
    var weights: Int
    var score: Double
  }

  /// - Parameter renamed: the path of a parameter in the file's words, where it is said.
  init(_ parameters: [Parameter], _ weights: [StoredWeight], _ renamed: (String) -> String) {
    let wanted = Self.modules(parameters.map { ($0, Self.place($0, renamed($0.name))) })
    let stored = Self.modules(weights.map { ($0, ($0.module, $0.role)) })
    var pairs: [Pair] = []
    for (i, a) in wanted.enumerated() {
      for (j, b) in stored.enumerated() where Self.fits(a, b) {
        let score = Self.score(a.words, b.words)
        if score > 0 { pairs.append(Pair(parameters: i, weights: j, score: score)) }
      }
    }
    let chosen = Self.choose(pairs)
    // Square matrices do not show their layout: the others of the file do.
    var (turned, straight) = (0, 0)
    for (i, j) in chosen {
      for (role, parameter) in wanted[i].members {
        guard let weight = stored[j].members[role] else { continue }
        let layouts = WeightLayout.fitting(parameter, weight)
        if layouts.count == 1, parameter.name.hasSuffix("kernel"), weight.shape.count == 2, !weight.isInputsFirst {
          if layouts[0] == .same { straight += 1 } else { turned += 1 }
        }
      }
    }
    var used: Set<String> = []
    for (i, j) in chosen {
      for (role, parameter) in wanted[i].members {
        guard let weight = stored[j].members[role] else { continue }
        let layouts = WeightLayout.fitting(parameter, weight)
        guard let first = layouts.first else { continue }
        let layout = layouts.count > 1 && straight > turned ? .same : first
        matches[parameter.name] = Match(weight: weight, layout: layout)
        used.formUnion(weight.sources)
      }
    }
    for (i, module) in wanted.enumerated() where chosen[i] == nil {
      let rivals = pairs.filter { $0.parameters == i && !chosen.values.contains($0.weights) }
      let best = rivals.map(\.score).max() ?? 0
      let names = rivals.filter { $0.score == best }.map { stored[$0.weights].path }
      for parameter in parameters where module.members.values.contains(where: { $0.name == parameter.name }) {
        unmatched.append((parameter, names))
      }
    }
    var seen: Set<String> = []
    unused = weights.flatMap(\.sources).filter { !used.contains($0) && seen.insert($0).inserted }
  }

  /// Module and role of a parameter, whose last part decides, under a path.
  private static func place(_ parameter: Parameter, _ path: String) -> (path: String, role: StoredWeight.Role) {
    let leaf = parameter.name.split(separator: "/").last.map(String.init) ?? ""
    guard let role = StoredWeight.Role(leaf), parameter.name != leaf else { return (path, .kernel) }
    let parts = path.split(whereSeparator: { $0 == "/" || $0 == "." })
    return (parts.dropLast().joined(separator: "/"), role)
  }

  private static func modules<Element>(
    _ elements: [(Element, (path: String, role: StoredWeight.Role))]
  ) -> [Module<Element>] {
    var modules: [Module<Element>] = []
    var places: [String: Int] = [:]
    for (element, (path, role)) in elements {
      if places[path] == nil {
        places[path] = modules.count
        modules.append(Module(path: path, words: words(path)))
      }
      if let place = places[path] { modules[place].members[role] = element }
    }
    return modules
  }

  /// Every parameter has a tensor of its role that fits, and repeated blocks have the same number.
  private static func fits(_ a: Module<Parameter>, _ b: Module<StoredWeight>) -> Bool {
    if let x = a.number, let y = b.number, x != y { return false }
    return a.members.allSatisfy { role, parameter in
      b.members[role].map { !WeightLayout.fitting(parameter, $0).isEmpty } ?? false
    }
  }

  /// Words that mean the same in different libraries.
  private static let synonyms = [
    "attn": "attention", "ln": "norm", "layernorm": "norm", "batchnorm": "norm", "bn": "norm", "q": "query", "k": "key",
    "v": "value", "o": "output", "out": "output", "embeddings": "embedding", "emb": "embedding", "layers": "layer",
    "blocks": "block", "conv2d": "conv", "convolution": "conv", "proj": "projection", "fc": "dense", "linear": "dense",
    "tok": "token", "tokens": "token", "pos": "position", "positions": "position",
  ]

  /// The words of a path: `encoder.layer.3.LayerNorm` is encoder, layer, 3, layer, norm.
  static func words(_ path: String) -> [String] {
    var words: [String] = []
    var word = ""
    func finish() {
      if !word.isEmpty { words.append(Self.synonyms[word] ?? word) }
      word = ""
    }
    var previous: Character = " "
    for character in path {
      if !(character.isLetter || character.isNumber) {
        finish()
      } else {
        if character.isUppercase && previous.isLowercase { finish() }
        word += character.lowercased()
      }
      previous = character
    }
    finish()
    return words
  }

  /// Words in common, in order; those of either that the other lacks count a little against it.
  private static func score(_ a: [String], _ b: [String]) -> Double {
    let (a, b) = (Array(a.suffix(64)), Array(b.suffix(64)))
    var row = [Double](repeating: 0, count: b.count + 1)
    for word in a {
      var diagonal = 0.0
      for (place, other) in b.enumerated() {
        let above = row[place + 1]
        row[place + 1] = max(max(above, row[place]), diagonal + likeness(word, other))
        diagonal = above
      }
    }
    let common = row[b.count]
    return common == 0 ? 0 : common - 0.01 * Double(a.count + b.count)
  }

  /// Names count more than numbers; `norm1` and `bn1` are norm with the number 1.
  private static func likeness(_ a: String, _ b: String) -> Double {
    if a == b { return Int(a) == nil ? 1 : 0.5 }
    func split(_ word: String) -> (String, String) {
      let name = String(word.reversed().drop(while: \.isNumber).reversed())
      return (synonyms[name] ?? name, String(word.dropFirst(name.count)))
    }
    let (x, y) = (split(a), split(b))
    return !x.0.isEmpty && x.0 == y.0 && x.1 == y.1 ? 0.9 : 0
  }

  /// Pairs that are each other's best, again and again until none is left.
  private static func choose(_ pairs: [Pair]) -> [Int: Int] {
    var chosen: [Int: Int] = [:]
    var taken: Set<Int> = []
    var left = pairs
    while !left.isEmpty {
      var best: [Int: (score: Double, count: Int)] = [:]
      var bestOfWeights: [Int: (score: Double, count: Int)] = [:]
      func note(_ table: inout [Int: (score: Double, count: Int)], _ key: Int, _ score: Double) {
        if let known = table[key], known.score > score { return }
        table[key] = (score, table[key]?.score == score ? (table[key]?.count ?? 0) + 1 : 1)
      }
      for pair in left {
        note(&best, pair.parameters, pair.score)
        note(&bestOfWeights, pair.weights, pair.score)
      }
      let found = left.filter { pair in
        guard let a = best[pair.parameters], let b = bestOfWeights[pair.weights] else { return false }
        return a.score == pair.score && a.count == 1 && b.score == pair.score && b.count == 1
      }
      if found.isEmpty { break }
      for pair in found {
        chosen[pair.parameters] = pair.weights
        taken.insert(pair.weights)
      }
      left = left.filter { chosen[$0.parameters] == nil && !taken.contains($0.weights) }
    }
    return chosen
  }
}
