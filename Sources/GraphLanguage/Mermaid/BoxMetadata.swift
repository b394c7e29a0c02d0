// SPDX-License-Identifier: Apache-2.0
// `@{ shape: …, label: … }`

import GraphSupport
import Yams

/// What `@{ … }` says about a box that matters here.
struct BoxMetadata {
  var shape: String?
  var label: MappedText?

  /// Reads the text between the braces: a YAML mapping in one line or in several.
  static func read(_ written: MappedText, isBox: Bool) -> Result<BoxMetadata, Label.Problem> {
    let text = wrapped(written)
    let yaml: YAML
    switch YAML.parse(text) {
    case .success(let parsed): yaml = parsed
    case .failure(let problem): return .failure(problem)
    }
    var result = BoxMetadata()
    if !isBox { return .success(result) }
    // Mermaid stumbles over nothing, and passes over a value that is no mapping.
    guard let root = yaml.root, !root.isNull else {
      return .failure(Label.Problem(message: "found no values between '@{' and '}'", range: written.range))
    }
    guard let mapping = root.mapping else {
      if root.isScalar, written.trimmed(0..<written.count).contains(where: { written[$0] == "\n" }) {
        return .failure(Label.Problem(message: "expected 'key: value' lines", range: yaml.range(root)))
      }
      return .success(result)
    }
    var hasPicture = false
    for (key, value) in mapping {
      switch key.string {
      case "shape" where !value.isNull:
        if let problem = check(shape: value, yaml) { return .failure(problem) }
        result.shape = value.string
      case "label":
        if value.string?.isEmpty == false, !value.isNull { result.label = yaml.scalar(value) }
      case "icon", "img": hasPicture = hasPicture || !value.isNull
      default: break
      }
    }
    if hasPicture, let label = mapping.first(where: { $0.key.string == "label" })?.value, !label.isText, !label.isNull {
      return .failure(Label.Problem(message: "'label' must be a text", range: yaml.range(label)))
    }
    return .success(result)
  }

  private static func check(shape: Node, _ yaml: YAML) -> Label.Problem? {
    let name = shape.string ?? ""
    guard shape.isText else { return Label.Problem(message: "'shape' must be a name", range: yaml.range(shape)) }
    if name.isEmpty || BoxShape.names.contains(name) { return nil }
    return Label.Problem(
      message: "unknown shape '\(name.prefix(40))'", range: yaml.range(shape),
      fixIt: nearest(name.lowercased(), among: BoxShape.names.sorted()))
  }

  /// In braces, and with line ends inside of quotes as `<br/>`, as Mermaid hands it to its YAML reader.
  private static func wrapped(_ written: MappedText) -> MappedText {
    var body = MappedText(anchor: written.anchor)
    var isQuoted = false
    var isMultiline = false
    var index = 0
    while index < written.count {
      if written[index] == "\"" { isQuoted.toggle() }
      guard written[index] == "\n" else {
        body.append(written, index..<index + 1)
        index += 1
        continue
      }
      if isQuoted {
        for scalar in "<br/>".unicodeScalars { body.append(scalar, written.range(at: index)) }
        index += 1
        while index < written.count, written[index].isMermaidSpace { index += 1 }
      } else {
        isMultiline = true
        body.append(written, index..<index + 1)
        index += 1
      }
    }
    let (start, end) = (written.range(at: 0), written.range(at: written.count))
    var text = MappedText(anchor: written.anchor)
    let before = SourceRange(start.start, start.start)
    if !isMultiline { for scalar in "{\n".unicodeScalars { text.append(scalar, before) } }
    text.append(body, 0..<body.count)
    for scalar in (isMultiline ? "\n" : "\n}").unicodeScalars { text.append(scalar, end) }
    return text
  }
}

extension BoxShape {
  /// Every name that `@{ shape: … }` takes.
  static let names = Set(
    """
    rect rounded stadium fr-rect cyl circle diam hex lean-r lean-l trap-b trap-t dbl-circ text notch-rect lin-rect \
    sm-circ fr-circ fork hourglass brace brace-r braces bolt doc delay h-cyl lin-cyl curv-trap div-rect tri win-pane \
    f-circ notch-pent flip-tri sl-rect docs st-rect bow-rect cross-circ tag-doc tag-rect flag odd lin-doc proc process \
    rectangle event terminal pill subprocess subproc framed-rectangle subroutine db database cylinder circ decision \
    diamond question hexagon prepare lean-right in-out lean-left out-in priority trapezoid-bottom trapezoid manual \
    trapezoid-top inv-trapezoid double-circle doublecircle card notched-rectangle lined-rectangle lined-process \
    lin-proc shaded-process start small-circle stop framed-circle join hourglass collate comment brace-l com-link \
    lightning-bolt document half-rounded-rectangle das horizontal-cylinder disk lined-cylinder curved-trapezoid \
    display div-proc divided-rectangle divided-process extract triangle internal-storage window-pane junction \
    filled-circle loop-limit notched-pentagon manual-file flipped-triangle manual-input sloped-rectangle documents \
    st-doc stacked-document procs processes stacked-rectangle stored-data bow-tie-rectangle summary crossed-circle \
    tagged-document tagged-rectangle tag-proc tagged-process paper-tape lined-document state choice note icon anchor
    """.split(separator: " ").map(String.init))
}

extension Node {
  var isScalar: Bool { if case .scalar = self { true } else { false } }

  /// A scalar that JSON's YAML schema reads as a string.
  var isText: Bool {
    guard case .scalar(let scalar) = self else { return false }
    if scalar.style != .plain && scalar.style != .any { return true }
    let text = scalar.string
    if isNull || ["true", "True", "TRUE", "false", "False", "FALSE"].contains(text) { return false }
    return Double(text) == nil && Int(text) == nil
  }

  var isNull: Bool {
    guard case .scalar(let scalar) = self, scalar.style == .plain || scalar.style == .any else { return false }
    return ["null", "Null", "NULL", "~", ""].contains(scalar.string)
  }
}
