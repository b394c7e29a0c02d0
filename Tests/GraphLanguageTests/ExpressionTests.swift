// SPDX-License-Identifier: Apache-2.0
// Operations in boxes: what they read as, and where their parts are.

import GraphLanguage
import GraphSupport
import Testing

@Suite struct ExpressionTests {
  @Test(arguments: [
    ("Conv2D(32, 3x3, relu)", "Conv2D(32, (3, 3), relu)"),
    ("onnx.LSTM(hidden_size = 4, layout = none)", "onnx.LSTM(4 as hidden_size, none as layout)"),
    ("gelu(x * scale + bias)", "gelu(((x * scale) + bias))"),
    ("a + b * c ** 2 ** 3", "(a + (b * (c ** (2 ** 3))))"),
    ("-x ** 2 - -1", "((-(x ** 2)) - -1)"),
    ("T // 2 % 3 / 4", "(((T // 2) % 3) / 4)"),
    ("accuracy > 0.9 and size < 1MB or not done", "(((accuracy > 0.9) and (size < 1.0MB)) or (not(done)))"),
    ("Pad([[1, 2], [], (3,), (4)])", "Pad([[1, 2], [], (3), 4])"),
    ("f(2x2x2, 1e-3, 1_000, .5, true, False, 'it\\'s')", "f((2, 2, 2), 0.001, 1000, 0.5, true, false, 'it's')"),
    ("Einsum('bhqd,bhkd->bhqk')", "Einsum('bhqd,bhkd->bhqk')"),
    ("Repeat(block(768, 12), 12)", "Repeat(block(768, 12), 12)"),
    ("loss < 5% or t <= 20ms", "((loss < 5.0%) or (t <= 20.0ms))"),
    ("a % b", "(a % b)"),
    ("数据(核 = 3×3)", "数据((3, 3) as 核)"),
  ])
  func reads(_ text: String, _ expected: String) throws {
    let file = try read("graph TD\nA[\"\(text)\"]")
    let operation = try #require(file.diagram.boxes.first?.operations.first)
    #expect(describe(operation) == expected)
    #expect(file.source.text(operation.range) == text)
  }

  @Test(arguments: [
    ("Dense(10", "the bracket is not closed, expected ',' or ')'", "("),
    ("Dense(10,, 3)", "found ',', expected a value", ","),
    ("Dense(units = 1, 2)", "a positional argument after a named one", "2"),
    ("Dense(units = 1, units = 2)", "the argument 'units' is given twice", "units"),
    ("Dense(3x3y)", "found 'y' after a size; a size is numbers joined by 'x', such as 3x3", "y"),
    ("Dense(99999999999999999999)", "the number 99999999999999999999 is too large", "99999999999999999999"),
    ("Dense('x)", "the string is not closed by '", "'x)"),
    ("Dense(3 $ 4)", "found '$', which is not part of an operation", "$"),
    ("Dense(1qb)", "unknown unit 'qb' after a number", "qb"),
    ("Dense(a < b < c)", "comparisons do not chain, write 'a < b and b < c'", "< b <"),
  ])
  func explains(_ text: String, _ message: String, _ place: String) throws {
    let file = try read("graph TD\nA[\"\(text)\"]")
    let label = try #require(file.diagram.boxes.first?.label)
    #expect(label.operations.isEmpty)
    let problem = try #require(label.problem)
    #expect(problem.message == message)
    #expect(file.source.text(problem.range) == place)
  }

  @Test func linesBeforeTheOperationAreTheTitle() throws {
    let file = try read(
      "graph TD\nA[\"数据采集<br/>second line<br>ReadCSV('a.csv')<BR />Clean\"]\nB[\"a title (x)\"]\nC[42]")
    let box = try #require(file.diagram.box("A"))
    #expect(box.label?.title == "数据采集\nsecond line")
    #expect(box.operations.map(describe) == ["ReadCSV('a.csv')", "Clean"])
    #expect(file.diagram.box("B")?.operations.isEmpty == true)
    #expect(file.diagram.box("B")?.label?.problem == nil)
    #expect(file.diagram.box("C")?.operations.isEmpty == true)
  }

  @Test func aCallMayGoOverSeveralLines() throws {
    let file = try read("graph TD\nA[\"a title<br/>Conv2D(32,<br/>  3x3)<br/>Flatten\"]")
    #expect(file.diagram.boxes[0].operations.map(describe) == ["Conv2D(32, (3, 3))", "Flatten"])
  }

  @Test func placesComeThroughEntitiesAndQuotes() throws {
    let file = try read("graph TD\nA[\"f(#quot;a#quot;, g(&lt;br, b#35;))\"]\nB[\"f(#quot;a#quot;, 1)\"]")
    let problem = try #require(file.diagram.box("A")?.label?.problem)
    #expect(file.source.text(problem.range) == "&lt;")
    let call = try #require(file.diagram.box("B")?.operations.first?.asCall)
    #expect(describe(call.arguments[0].value) == "'a'")
    #expect(file.source.text(call.arguments[0].value.range) == "#quot;a#quot;")
  }

  @Test func placesComeThroughYAML() throws {
    let text = """
      ---
      ops:
        A: 'f(''x'', 1 $ 2)'
      ---
      graph TD
      A
      """
    let error = try #require(parseGraph(text, path: "t.graph").1.first)
    #expect(error.location?.description == "t.graph:3:18")
  }

  @Test func depthIsLimited() {
    for text in [
      String(repeating: "f(", count: 500) + String(repeating: ")", count: 500),
      Array(repeating: "x", count: 500).joined(separator: "+"), "f(" + String(repeating: "-", count: 5000) + "x)",
    ] {
      let (file, _) = parseGraph("graph TD\nA[\"\(text)\"]")
      #expect(file?.diagram.boxes.first?.operations.isEmpty == true)
    }
  }
}

/// An expression with all its brackets.
func describe(_ expression: Expression) -> String {
  switch expression.kind {
  case .integer(let value): return "\(value)"
  case .number(let value): return "\(value)"
  case .quantity(let value, let unit): return "\(value)\(unit.rawValue)"
  case .boolean(let value): return "\(value)"
  case .none: return "none"
  case .string(let value): return "'\(value)'"
  case .name(let name): return name
  case .tuple(let items): return "(\(items.map(describe).joined(separator: ", ")))"
  case .list(let items): return "[\(items.map(describe).joined(separator: ", "))]"
  case .call(let call):
    let arguments = call.arguments.map { describe($0.value) + ($0.name.map { " as \($0)" } ?? "") }
    return "\(call.name)(\(arguments.joined(separator: ", ")))"
  case .unary(.minus, let operand): return "(-\(describe(operand)))"
  case .unary(.not, let operand): return "(not(\(describe(operand))))"
  case .binary(let sign, let left, let right): return "(\(describe(left)) \(sign.rawValue) \(describe(right)))"
  }
}
