// SPDX-License-Identifier: Apache-2.0
// `#quot;`, `#35;` and `&lt;` in labels.

/// Decodes the entities of a label, keeping the places.
enum EntityReader {
  /// The text with every entity as its character. An entity that is not known stays as it is written.
  static func decode(_ text: MappedText) -> MappedText {
    guard text.scalars.contains(where: { $0 == "&" || $0 == EntityMarks.name[0] }) else { return text }
    var result = MappedText(anchor: text.anchor)
    var index = 0
    while index < text.count {
      if let (scalar, end) = entity(in: text, at: index) {
        result.append(scalar, text.range(index..<end))
        index = end
      } else if let (name, end) = marked(in: text, at: index) {
        // Unknown: as it was written.
        result.append("#", text.range(at: index))
        result.append(text, name)
        result.append(";", text.range(at: end - 1))
        index = end
      } else {
        result.append(text, index..<index + 1)
        index += 1
      }
    }
    return result
  }

  private static func entity(in text: MappedText, at index: Int) -> (Unicode.Scalar, Int)? {
    if let (name, end) = marked(in: text, at: index) { return scalar(named: text.string(name)).map { ($0, end) } }
    guard text[index] == "&" else { return nil }
    var start = index + 1
    if start < text.count, text[start] == "#" { start += 1 }
    var end = start
    while end < text.count, end - start < 32, text[end].isWordCharacter { end += 1 }
    guard end > start, end < text.count, text[end] == ";" else { return nil }
    let name = text.string(start..<end)
    // `&#35;` is a number and `&lt;` a name.
    guard (start == index + 2) == (name.first?.isNumber ?? false) else { return nil }
    return scalar(named: name).map { ($0, end + 1) }
  }

  /// The name between the marks that stand for `#` and `;`.
  private static func marked(in text: MappedText, at index: Int) -> (Range<Int>, Int)? {
    guard text.scalars[index...].starts(with: EntityMarks.name) else { return nil }
    let isNumber = text.scalars[index...].starts(with: EntityMarks.number)
    let start = index + (isNumber ? EntityMarks.number : EntityMarks.name).count
    var end = start
    while end < text.count, text[end].isWordCharacter { end += 1 }
    guard end > start, text.scalars[end...].starts(with: EntityMarks.end) else { return nil }
    return (start..<end, end + EntityMarks.end.count)
  }

  private static func scalar(named name: String) -> Unicode.Scalar? {
    if let value = UInt32(name) { return Unicode.Scalar(value) }
    return names[name]
  }

  /// HTML's names for what stands in programs and in prose.
  private static let names: [String: Unicode.Scalar] = [
    "quot": "\"", "amp": "&", "lt": "<", "gt": ">", "apos": "'", "nbsp": "\u{A0}", "num": "#", "semi": ";",
    "colon": ":", "comma": ",", "period": ".", "excl": "!", "quest": "?", "dollar": "$", "percnt": "%", "commat": "@",
    "lpar": "(", "rpar": ")", "lsqb": "[", "lbrack": "[", "rsqb": "]", "rbrack": "]", "lcub": "{", "lbrace": "{",
    "rcub": "}", "rbrace": "}", "ast": "*", "plus": "+", "equals": "=", "sol": "/", "bsol": "\\", "vert": "|",
    "verbar": "|", "lowbar": "_", "grave": "`", "Hat": "^", "tilde": "\u{2DC}", "times": "×", "divide": "÷",
    "minus": "\u{2212}", "plusmn": "±", "le": "≤", "ge": "≥", "ne": "≠", "asymp": "≈", "infin": "∞", "larr": "←",
    "rarr": "→", "uarr": "↑", "darr": "↓", "harr": "↔", "hellip": "…", "ndash": "–", "mdash": "—", "lsquo": "‘",
    "rsquo": "’", "ldquo": "“", "rdquo": "”", "laquo": "«", "raquo": "»", "middot": "·", "bull": "•", "deg": "°",
    "micro": "µ", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "lambda": "λ", "mu": "μ",
    "pi": "π", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω", "Delta": "Δ", "Sigma": "Σ", "Omega": "Ω",
    "sum": "∑", "prod": "∏", "radic": "√", "copy": "©", "reg": "®", "trade": "™", "hearts": "♥", "check": "✓",
  ]
}
