// SPDX-License-Identifier: Apache-2.0
// Reads the text that `printGraph` writes. Every finding is reported; what depends on a broken line is passed over.

import GraphSupport
import TensorCore

/// The graph of a text. Types are inferred again and must be those that the text gives.
///
/// - Parameters:
///   - tensors: what `tensor … @"name"` refers to.
///   - operation: an operator by name.
/// - Throws: `DiagnosticsError` with everything that is wrong.
package func parseGraph(
  _ source: SourceText, tensors: [String: Tensor] = [:], operation: @escaping (String) -> (any Operation.Type)?
) throws(DiagnosticsError) -> Graph {
  var findings: [Diagnostic] = []
  do throws(GraphTextError) {
    var parser = GraphParser(lexer: try GraphLexer(source), tensors: tensors, operation: operation)
    let graph = try parser.graph(depth: 0)
    findings = parser.findings
    if parser.lexer.token != .end { throw parser.lexer.unexpected("the end of the text") }
    if findings.isEmpty { return graph }
  } catch {
    findings.append(Diagnostic(.error, "graph-text", error.message, at: SourceLocation(source, error.range)))
  }
  throw DiagnosticsError(findings)
}

struct GraphParser {
  var lexer: GraphLexer
  let tensors: [String: Tensor]
  let operation: (String) -> (any Operation.Type)?
  private(set) var findings: [Diagnostic] = []

  init(lexer: GraphLexer, tensors: [String: Tensor], operation: @escaping (String) -> (any Operation.Type)?) {
    self.lexer = lexer
    self.tensors = tensors
    self.operation = operation
  }

  /// A graph under construction, and what its numbers mean.
  private struct Scope {
    var builder: GraphBuilder
    /// Nil for a value whose line is broken: what reads it is passed over.
    var values: [Int: ValueID?] = [:]
  }

  /// A value's place in the text: `%5 "hidden": f32[N, 128]`.
  private struct Header {
    var number: Int
    var name: String?
    var type: TensorType
    var range: SourceRange
  }

  /// Stands for "an operand's line is broken, and that has been said".
  private static let poisoned = ""

  private static let depthLimit = 32

  mutating func graph(depth: Int) throws(GraphTextError) -> Graph {
    guard depth < Self.depthLimit else { throw lexer.error("graphs are nested more than \(Self.depthLimit) deep") }
    try lexer.expect("graph")
    var scope = Scope(builder: GraphBuilder(name: try lexer.string("the graph's name")))
    scope.builder.mergesEqualNodes = false
    try lexer.expect("{")
    while lexer.token != .symbol("}") {
      if lexer.token == .end { throw lexer.unexpected("'}' after the graph's last line") }
      let start = lexer.range.start
      do throws(GraphTextError) {
        try statement(&scope, depth)
      } catch {
        if error.message != Self.poisoned { report(error) }
        lexer.recover(from: error, inStatementAt: start)
      }
    }
    try lexer.advance()
    return scope.builder.graph
  }

  private mutating func report(_ error: GraphTextError) {
    findings.append(
      Diagnostic(.error, "graph-text", error.message, at: SourceLocation(lexer.source, error.range)))
  }

  private mutating func statement(_ scope: inout Scope, _ depth: Int) throws(GraphTextError) {
    if case .value = lexer.token { return try definition(&scope, depth) }
    if try lexer.take("symbol") { return try symbol(&scope) }
    guard try lexer.take("output") else { throw lexer.unexpected("'symbol', 'output', '}' or a value") }
    let range = lexer.range
    let name = try lexer.string("the output's name")
    try lexer.expect("=")
    let value = try operand(scope)
    if scope.builder.graph.outputs.contains(where: { $0.name == name }) {
      throw GraphTextError(message: "two outputs are named \(quoted(name))", range: range)
    }
    scope.builder.output(name, value)
  }

  /// `symbol N in 1...64`, or `symbol _n in 0...64 up to <N>` for a run-time size.
  private mutating func symbol(_ scope: inout Scope) throws(GraphTextError) {
    let range = lexer.range
    let name = try lexer.name("a size's name")
    try lexer.expect("in")
    let low = try lexer.integer()
    try lexer.expect("...")
    let high = try lexer.integer()
    guard low >= 0, low <= high else {
      throw GraphTextError(
        message: "the range of '\(name)' is \(low)...\(high), expected 0 or more, ascending", range: range)
    }
    if scope.builder.graph.symbols.contains(where: { $0.name == name }) {
      throw GraphTextError(message: "'\(name)' is declared twice", range: range)
    }
    var bound: Dim?
    if try lexer.take("up") {
      try lexer.expect("to")
      bound = try size()
    }
    scope.builder.declare(Symbol(name, low...high, bound: bound))
  }

  /// An input or a node.
  private mutating func definition(_ scope: inout Scope, _ depth: Int) throws(GraphTextError) {
    var headers: [Header] = []
    repeat {
      let header = try header(scope)
      scope.values[header.number] = .some(nil)
      headers.append(header)
    } while try lexer.take(",")
    try lexer.expect("=")
    let place = lexer.range
    let name = try lexer.name("an operator or 'input'")
    if name == "input" && lexer.token != .symbol("(") {
      guard headers.count == 1 else { throw GraphTextError(message: "an input is one value", range: place) }
      scope.values[headers[0].number] = scope.builder.input(headers[0].name ?? "", headers[0].type)
      return
    }
    guard let type = operation(name) else {
      throw GraphTextError(message: "there is no operator '\(name)'", range: place)
    }
    let operands = try operands(scope)
    var node = type.init()
    if try lexer.take("{") { try attributes(&node, depth) }
    var origin = Origin(location: SourceLocation(lexer.source, SourceRange(headers[0].range.start, place.end)))
    if try lexer.take("@") { origin.path = try lexer.string("the path of the node's box") }
    scope.builder.origin = origin
    let results: [ValueID]
    do throws(TypeError) {
      results = try scope.builder.emitAny(node, operands)
    } catch {
      throw GraphTextError(message: error.message, range: place)
    }
    guard results.count == headers.count else {
      throw GraphTextError(message: "'\(name)' has \(results.count) results, found \(headers.count)", range: place)
    }
    for (header, result) in zip(headers, results) {
      guard scope.builder.type(result) == header.type else {
        throw GraphTextError(
          message: "'%\(header.number)' is \(scope.builder.type(result)), the text says \(header.type)",
          range: header.range)
      }
      if let name = header.name { scope.builder.setName(name, of: result) }
      scope.values[header.number] = result
    }
  }

  private mutating func header(_ scope: Scope) throws(GraphTextError) -> Header {
    let range = lexer.range
    let number = try lexer.value()
    guard scope.values[number] == nil else {
      throw GraphTextError(message: "'%\(number)' is defined twice", range: range)
    }
    var name: String?
    if case .string(let text) = lexer.token {
      name = text
      try lexer.advance()
    }
    try lexer.expect(":")
    let type = try lexer.type()
    if let negative = type.shape.first(where: { ($0.value ?? 0) < 0 }) {
      throw GraphTextError(message: "'%\(number)' has a size of \(negative)", range: range)
    }
    return Header(number: number, name: name, type: type, range: range)
  }

  private mutating func operands(_ scope: Scope) throws(GraphTextError) -> [ValueID?] {
    try lexer.expect("(")
    var operands: [ValueID?] = []
    while lexer.token != .symbol(")") {
      if !operands.isEmpty { try lexer.expect(",") }
      operands.append(try lexer.take("_") ? nil : try operand(scope))
    }
    try lexer.advance()
    return operands
  }

  private mutating func operand(_ scope: Scope) throws(GraphTextError) -> ValueID {
    let range = lexer.range
    let number = try lexer.value()
    guard let known = scope.values[number] else {
      throw GraphTextError(message: "'%\(number)' is not defined here", range: range)
    }
    guard let value = known else { throw GraphTextError(message: Self.poisoned, range: range) }
    return value
  }

  private mutating func attributes(_ node: inout any Operation, _ depth: Int) throws(GraphTextError) {
    repeat {
      let range = lexer.range
      let name = try lexer.name("an attribute")
      try lexer.expect("=")
      let value = try attribute(depth)
      do throws(TypeError) {
        try node.setAttribute(name, value)
      } catch {
        throw GraphTextError(message: error.message, range: range)
      }
    } while try lexer.take(",")
    try lexer.expect("}")
  }

  // MARK: Attribute values

  private mutating func attribute(_ depth: Int) throws(GraphTextError) -> AttributeValue {
    switch lexer.token {
    case .string(let text):
      try lexer.advance()
      return .string(text)
    case .name("true"), .name("false"):
      return .bool(try lexer.name("true or false") == "true")
    case .name("none"):
      try lexer.advance()
      return .none
    case .name("graph"):
      return .graph(SharedGraph(try graph(depth: depth + 1)))
    case .name("tensor"):
      try lexer.advance()
      return .tensor(SharedTensor(try tensor()))
    case .name(let name):
      guard let dtype = DType(name: name) else { return try number() }
      try lexer.advance()
      return .dtype(dtype)
    case .symbol("<"):
      return .dim(try size())
    case .symbol("["):
      return try list()
    default:
      return try number()
    }
  }

  private mutating func size() throws(GraphTextError) -> Dim {
    try lexer.expect("<")
    let dim = try lexer.dim()
    try lexer.expect(">")
    return dim
  }

  /// An integer, or a float when the text has a point, an exponent or a name.
  private mutating func number() throws(GraphTextError) -> AttributeValue {
    let range = lexer.range
    let text = try lexer.numberText()
    if let integer = Int(text) { return .int(integer) }
    guard text.contains(where: { !$0.isNumber && $0 != "-" }), let number = Double(text) else {
      throw GraphTextError(message: "'\(text)' is out of range", range: range)
    }
    return .float(number)
  }

  private mutating func list() throws(GraphTextError) -> AttributeValue {
    let range = lexer.range
    try lexer.expect("[")
    var values: [AttributeValue] = []
    while lexer.token != .symbol("]") {
      if !values.isEmpty { try lexer.expect(",") }
      switch lexer.token {
      case .string(let text):
        try lexer.advance()
        values.append(.string(text))
      case .symbol("<"): values.append(.dim(try size()))
      default: values.append(try number())
      }
    }
    try lexer.advance()
    let strings = values.compactMap { if case .string(let text) = $0 { text } else { nil } }
    if strings.count == values.count, !strings.isEmpty { return .strings(strings) }
    let dims = values.compactMap { value -> Dim? in
      switch value {
      case .int(let number): Dim(number)
      case .dim(let dim): dim
      default: nil
      }
    }
    if dims.count == values.count { return Dim.listValue(dims) }
    let floats = values.compactMap(Double.init)
    guard floats.count == values.count else { throw GraphTextError(message: "the list mixes kinds", range: range) }
    return .floats(floats)
  }

  /// `f32[2] (1.0, 2.0)`, or `f32[1000] @"name"` from the tensors beside the text.
  private mutating func tensor() throws(GraphTextError) -> Tensor {
    let range = lexer.range
    let type = try lexer.type()
    guard let shape = type.staticShape, let count = Tensor.count(of: shape) else {
      throw GraphTextError(message: "a tensor's sizes must be numbers, found \(type)", range: range)
    }
    if try lexer.take("@") {
      let name = try lexer.string("the tensor's name")
      guard let tensor = tensors[name] else {
        throw GraphTextError(message: "there is no tensor \(quoted(name)) beside the text", range: range)
      }
      guard tensor.type == type else {
        throw GraphTextError(
          message: "the tensor \(quoted(name)) is \(tensor.type), the text says \(type)", range: range)
      }
      return tensor
    }
    try lexer.expect("(")
    var elements: [String] = []
    while lexer.token != .symbol(")") {
      if !elements.isEmpty { try lexer.expect(",") }
      elements.append(try lexer.numberText())
    }
    try lexer.advance()
    guard elements.count == count else {
      throw GraphTextError(message: "\(type) has \(count) elements, found \(elements.count)", range: range)
    }
    guard let tensor = try filled(type.dtype, shape, elements, range) else {
      throw GraphTextError(message: "no memory for \(type)", range: range)
    }
    return tensor
  }

  private func filled(
    _ dtype: DType, _ shape: [Int], _ elements: [String], _ range: SourceRange
  ) throws(GraphTextError) -> Tensor? {
    func bad(_ text: String) -> GraphTextError { GraphTextError(message: "'\(text)' is no \(dtype)", range: range) }
    if dtype.isFloat {
      var numbers: [Double] = []
      for text in elements {
        guard let number = Double(text) else { throw bad(text) }
        numbers.append(number)
      }
      return Tensor(dtype, shape, doubles: numbers)
    }
    var integers: [Int64] = []
    for text in elements {
      if dtype == .u64, let number = UInt64(text) {
        integers.append(Int64(bitPattern: number))
      } else if dtype != .u64, let number = Int64(text), let limits = dtype.integerRange, number >= limits.low,
        number <= limits.high
      {
        integers.append(number)
      } else {
        throw bad(text)
      }
    }
    return Tensor(dtype, shape, integers: integers)
  }
}
