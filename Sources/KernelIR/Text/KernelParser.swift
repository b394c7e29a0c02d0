// SPDX-License-Identifier: Apache-2.0
// Kernel text back to kernels: the header, and the tools that statements and expressions are read with.
//
// The parser restores the structure as written and leaves what it means (types, scopes) to `KernelVerifier`.

import GraphSupport
import TensorCore

/// Reads the text that `KernelPrinter` writes.
package struct KernelParser {
  let source: SourceText
  let tokens: [KernelToken]
  var position = 0
  /// Brackets and blocks around the current place.
  var depth = 0

  var axes: [String: Axis] = [:]
  var axisCount = 0
  var locals: [String: Local] = [:]
  var localCount = 0
  var sizes: [String: Int] = [:]
  var buffers: [String: (index: Int, dtype: DType)] = [:]
  /// The values of `$0`, `$1`, ….
  var shared: [Int: Expr] = [:]

  /// The kernel in a file's text; throws `DiagnosticsError` with the first mistake.
  package static func parse(_ source: SourceText) throws -> Kernel {
    var parser = KernelParser(source, try KernelLexer.tokens(source))
    return try parser.kernel()
  }

  private init(_ source: SourceText, _ tokens: [KernelToken]) {
    self.source = source
    self.tokens = tokens
  }

  // MARK: Header

  private mutating func kernel() throws -> Kernel {
    skipLineEnds()
    try expect(word: "kernel")
    let name = try plainName()
    try expect("(")
    var parameters: [Kernel.Parameter] = []
    while next == .sign("%") {
      let buffer = try bufferName(index: parameters.count)
      guard case .word(let text, _) = next, let access = Kernel.Access(rawValue: text) else {
        throw error("found \(found), expected 'read', 'write' or 'readWrite'")
      }
      position += 1
      parameters.append(Kernel.Parameter(buffer.name, buffer.dtype, access, isStreamed: take(word: "streamed")))
      if !take(",") { break }
    }
    var sizeNames: [String] = []
    if take(";") {
      repeat {
        let (name, key) = try markedName()
        sizes[key] = sizeNames.count
        sizeNames.append(name)
      } while take(",")
    }
    try expect(")")
    var scratch: [Kernel.Scratch] = []
    if take(word: "scratch") {
      try expect("(")
      repeat {
        let buffer = try bufferName(index: parameters.count + scratch.count)
        try expect("[")
        let count = try integer()
        try expect("]")
        scratch.append(Kernel.Scratch(buffer.name, buffer.dtype, count: count))
      } while take(",")
      try expect(")")
    }
    try expect(word: "tiles")
    let tileAxis = try definedAxis()
    try expect(word: "in")
    let tiles = try expression()
    let body = try block()
    skipLineEnds()
    guard next == .end else { throw error("found \(found), expected the end of the file") }
    return Kernel(
      name: name, parameters: parameters, scratch: scratch, sizes: sizeNames, tileAxis: tileAxis, tiles: tiles,
      body: body)
  }

  /// `%x: f32`
  private mutating func bufferName(index: Int) throws -> (name: String, dtype: DType) {
    try expect("%")
    let (name, key) = try markedName()
    try expect(":")
    let dtype = try dtype()
    buffers[key] = (index, dtype)
    return (name, dtype)
  }

  // MARK: Names

  /// A name and the text that refers to it: `i` or `i#a3`.
  mutating func markedName() throws -> (name: String, key: String) {
    let name = try plainName()
    guard case .mark(let mark) = next else { return (name, name) }
    position += 1
    return (name, "\(name)#\(mark)")
  }

  private mutating func plainName() throws -> String {
    guard case .word(let name, let quoted) = next, quoted || !KernelNames.reserved.contains(name) else {
      throw error("found \(found), expected a name")
    }
    position += 1
    return name
  }

  /// An axis where it is introduced.
  mutating func definedAxis() throws -> Axis {
    let start = position
    let (name, key) = try markedName()
    if let known = axes[key] { return known }
    let axis = Axis(id: try number(of: key, name, kind: "a", at: start) ?? axisCount, name: name)
    axisCount += 1
    axes[key] = axis
    return axis
  }

  /// A local with its type where it is introduced: `m: f32`.
  mutating func definedLocal() throws -> Local {
    let start = position
    let (name, key) = try markedName()
    try expect(":")
    let dtype = try dtype()
    if let known = locals[key], known.dtype == dtype { return known }
    let local = Local(id: try number(of: key, name, kind: "v", at: start) ?? localCount, name: name, dtype: dtype)
    localCount += 1
    locals[key] = local
    return local
  }

  /// A local that was introduced before.
  mutating func usedLocal() throws -> Local {
    let start = position
    let (name, key) = try markedName()
    guard let local = locals[key] else { throw error("no variable is named '\(name)'", at: start) }
    return local
  }

  mutating func usedBuffer() throws -> (index: Int, dtype: DType) {
    try expect("%")
    let start = position
    let (name, key) = try markedName()
    guard let buffer = buffers[key] else { throw error("no buffer is named '\(name)'", at: start) }
    return buffer
  }

  /// The number in a key such as `i#a3`; nil for a plain name.
  private func number(of key: String, _ name: String, kind: String, at start: Int) throws -> Int? {
    if key == name { return nil }
    let mark = key.dropFirst(name.count + 1)
    guard mark.hasPrefix(kind), let number = Int(mark.dropFirst()) else {
      throw error("found the number '#\(mark)', expected '#\(kind)' and digits", at: start)
    }
    return number
  }

  mutating func dtype() throws -> DType {
    guard case .word(let name, _) = next, let dtype = DType(name: name) else {
      throw error("found \(found), expected an element type")
    }
    position += 1
    return dtype
  }

  mutating func integer() throws -> Int {
    let negative = take("-")
    guard case .number(let text) = next, let value = Int(negative ? "-\(text)" : text) else {
      throw error("found \(found), expected an integer")
    }
    position += 1
    return value
  }

  // MARK: Tokens

  var next: KernelToken.Kind { tokens[min(position, tokens.count - 1)].kind }

  var following: KernelToken.Kind { tokens[min(position + 1, tokens.count - 1)].kind }

  mutating func take(_ sign: String) -> Bool {
    guard next == .sign(sign) else { return false }
    position += 1
    return true
  }

  mutating func take(word: String) -> Bool {
    guard next == .word(word, quoted: false) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ sign: String) throws {
    guard take(sign) else { throw error("found \(found), expected '\(sign)'") }
  }

  mutating func expect(word: String) throws {
    guard take(word: word) else { throw error("found \(found), expected '\(word)'") }
  }

  mutating func skipLineEnds() {
    while next == .lineEnd { position += 1 }
  }

  /// What stands at the current place, for messages.
  var found: String {
    switch next {
    case .word(let text, _), .number(let text), .sign(let text): "'\(text)'"
    case .mark(let text): "'#\(text)'"
    case .lineEnd: "the end of the line"
    case .end: "the end of the file"
    }
  }

  func error(_ message: String, at token: Int? = nil) -> DiagnosticsError {
    let range = tokens[min(token ?? position, tokens.count - 1)].range
    return DiagnosticsError("kernel-syntax", message, at: SourceLocation(source, range))
  }

  /// Reads something inside brackets or a block, refusing text that nests too deeply to be a kernel.
  mutating func nested<T>(_ read: (inout KernelParser) throws -> T) throws -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth <= 200 else { throw error("this nests deeper than any kernel") }
    return try read(&self)
  }
}
