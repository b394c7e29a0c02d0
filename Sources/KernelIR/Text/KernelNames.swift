// SPDX-License-Identifier: Apache-2.0
// How axes, locals, sizes and buffers are written in kernel text.
//
// A plain name suffices when it is the only one of that spelling and the number is the one a reader gives by
// counting first definitions; all else carries its number: `i#a3` (axis), `m#v2` (local), `n#s1` (size), `%x#1`.

struct KernelNames {
  private var axes: [Axis: String] = [:]
  private var locals: [Local: String] = [:]
  private let sizes: [String]
  private let buffers: [String]

  init(_ kernel: Kernel) {
    var axisOrder: [Axis] = [kernel.tileAxis]
    var localOrder: [Local] = []
    var knownAxes: Set<Axis> = [kernel.tileAxis]
    var knownLocals: Set<Local> = []
    kernel.body.visitAll { statement in
      for axis in statement.definedAxes where knownAxes.insert(axis).inserted { axisOrder.append(axis) }
      for local in statement.definedLocals where knownLocals.insert(local).inserted { localOrder.append(local) }
    }
    var spellings: [String: Int] = [:]
    for name in axisOrder.map(\.name) + localOrder.map(\.name) + kernel.sizes { spellings[name, default: 0] += 1 }
    for (position, axis) in axisOrder.enumerated() where axis.id == position && spellings[axis.name] == 1 {
      axes[axis] = Self.quoted(axis.name)
    }
    for (position, local) in localOrder.enumerated() where local.id == position && spellings[local.name] == 1 {
      locals[local] = Self.quoted(local.name)
    }
    sizes = kernel.sizes.enumerated().map {
      spellings[$0.element] == 1 ? Self.quoted($0.element) : "\(Self.quoted($0.element))#s\($0.offset)"
    }
    let names = kernel.parameters.map(\.name) + kernel.scratch.map(\.name)
    var bufferSpellings: [String: Int] = [:]
    for name in names { bufferSpellings[name, default: 0] += 1 }
    buffers = names.enumerated().map {
      "%\(Self.quoted($0.element))" + (bufferSpellings[$0.element] == 1 ? "" : "#\($0.offset)")
    }
  }

  func text(_ axis: Axis) -> String { axes[axis] ?? "\(Self.quoted(axis.name))#a\(axis.id)" }
  func text(_ local: Local) -> String { locals[local] ?? "\(Self.quoted(local.name))#v\(local.id)" }
  func size(_ index: Int) -> String { sizes.indices.contains(index) ? sizes[index] : "`no size`#s\(index)" }
  func buffer(_ index: Int) -> String { buffers.indices.contains(index) ? buffers[index] : "%`no buffer`#\(index)" }

  /// Words that cannot be plain names.
  static let reserved: Set<String> = [
    "kernel", "scratch", "tiles", "in", "for", "unrolled", "vector", "let", "var", "if", "else", "while", "contract",
    "inf", "nan", "true", "false", "select", "bitcast", "at", "last",
  ]

  /// A name as text: itself when it is a word, else in backticks.
  static func quoted(_ name: String) -> String {
    if isWord(name) && !reserved.contains(name) { return name }
    var text = "`"
    for scalar in name.unicodeScalars {
      switch scalar {
      case "`", "\\": text += "\\\(scalar)"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "`"
  }

  private static func isWord(_ name: String) -> Bool {
    guard let first = name.utf8.first, isWordStart(first) else { return false }
    return name.utf8.allSatisfy(isWordPart)
  }

  static func isWordStart(_ byte: UInt8) -> Bool {
    byte >= 0x80 || byte == UInt8(ascii: "_") || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
  }

  static func isWordPart(_ byte: UInt8) -> Bool {
    isWordStart(byte) || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
  }
}
