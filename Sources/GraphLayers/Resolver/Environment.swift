// SPDX-License-Identifier: Apache-2.0
// What names mean while boxes are resolved, and the values of arguments.

import GraphIR
import GraphLanguage
import GraphSupport
import TensorCore

/// Names with values: a block's parameters and the model's sizes.
struct Environment {
  /// Parameters of the block being resolved.
  var parameters: [String: AttributeValue] = [:]
  /// Sizes: named ones, or what a block's names are bound to.
  var dims: [String: Dim] = [:]

  /// The value of an argument. Names without a value are taken as strings (`relu`, `same`), element types and sizes
  /// where they read as such.
  func value(_ expression: Expression, in file: GraphFile) throws(ResolveError) -> AttributeValue {
    switch expression.kind {
    case .integer(let number): return .int(number)
    case .number(let number): return .float(number)
    case .quantity(let number, let unit): return .float(number * unit.scale)
    case .boolean(let flag): return .bool(flag)
    case .none: return .none
    case .string(let text): return .string(text)
    case .name(let name):
      if let value = parameters[name] { return value }
      if let dim = dims[name] { return dim.attributeValue }
      if let dtype = DType(name: name) { return .dtype(dtype) }
      return .string(name)
    case .tuple(let items), .list(let items):
      var values: [AttributeValue] = []
      for item in items { values.append(try value(item, in: file)) }
      return try list(values, at: expression, in: file)
    case .call(let call) where call.arguments.count == 2 && (call.name == "min" || call.name == "max"):
      guard let a = Dim(try value(call.arguments[0].value, in: file)),
        let b = Dim(try value(call.arguments[1].value, in: file))
      else { fallthrough }
      return (call.name == "min" ? Dim.min(a, b) : Dim.max(a, b)).attributeValue
    case .call:
      // Objects such as RandomNormal(stddev = 0.1) are kept as written.
      return .string(file.source.text(expression.range))
    case .unary(let op, let operand):
      switch (op, try value(operand, in: file)) {
      case (.minus, .int(let x)):
        guard x != .min else { break }
        return .int(-x)
      case (.minus, .float(let x)): return .float(-x)
      case (.minus, .dim(let x)): return (-x).attributeValue
      case (.not, .bool(let x)): return .bool(!x)
      default: break
      }
      throw ResolveError(
        "'\(op.rawValue)' does not apply to '\(file.source.text(operand.range))'", at: expression.range)
    case .binary(let op, let left, let right):
      return try arithmetic(op, try value(left, in: file), try value(right, in: file), at: expression, in: file)
    }
  }

  private func list(_ values: [AttributeValue], at expression: Expression, in file: GraphFile) throws(ResolveError)
    -> AttributeValue
  {
    // Pairs of numbers, such as ((1, 2), (3, 4)), are one list.
    let lists = values.compactMap { value in if case .ints(let list) = value { list } else { nil } }
    if !lists.isEmpty, lists.count == values.count { return .ints(lists.flatMap { $0 }) }
    let rows = values.compactMap { value in if case .floats(let list) = value { list } else { nil } }
    if !rows.isEmpty, rows.count == values.count { return .floats(rows.flatMap { $0 }) }
    // In a list of sizes none is an open one, as in Keras.
    let open = values.map { value in if case .none = value { AttributeValue.int(-1) } else { value } }
    let dims = open.compactMap { Dim($0) }
    if dims.count == values.count { return dims.attributeValue }
    let numbers = values.compactMap { Double($0) }
    if numbers.count == values.count { return .floats(numbers) }
    // A name in a list of sizes is a size that nothing declares yet.
    if values.contains(where: { Dim($0) != nil }) {
      let mixed = values.compactMap { value -> Dim? in
        if case .string(let name) = value { return Dim(symbol: name) }
        return Dim(value)
      }
      if mixed.count == values.count { return .dims(mixed) }
    }
    let texts = values.compactMap { String($0) }
    if texts.count == values.count { return .strings(texts) }
    throw ResolveError(
      "the elements of '\(file.source.text(expression.range))' are of different kinds", at: expression.range)
  }

  private func arithmetic(
    _ op: BinaryOperator, _ a: AttributeValue, _ b: AttributeValue, at expression: Expression, in file: GraphFile
  ) throws(ResolveError) -> AttributeValue {
    func wrong(_ why: String) -> ResolveError {
      ResolveError("'\(file.source.text(expression.range))': \(why)", at: expression.range)
    }
    if let x = Dim(a), let y = Dim(b) {
      let result: Dim
      switch op {
      case .add: result = x + y
      case .subtract: result = x - y
      case .multiply: result = x * y
      case .floorDivide: result = Dim.floorDiv(x, y)
      case .remainder: result = Dim.mod(x, y)
      case .divide:
        if let exact = y == 0 ? nil : x.dividedExactly(by: y) {
          result = exact
        } else if let p = x.value, let q = y.value, q != 0 {
          return .float(Double(p) / Double(q))
        } else {
          throw wrong(y == 0 ? "division by zero" : "sizes divide with '//'")
        }
      case .power:
        guard let exponent = y.value, exponent >= 0, exponent <= 64 else { throw wrong("the power must be in 0...64") }
        result = (0..<exponent).reduce(Dim(1)) { product, _ in product * x }
      default: throw wrong("comparisons have no meaning in an argument")
      }
      guard result.isValid else { throw wrong(y == 0 ? "division by zero" : "the number is too large") }
      return result.attributeValue
    }
    guard let x = Double(a), let y = Double(b) else { throw wrong("arithmetic needs numbers or declared sizes") }
    switch op {
    case .add: return .float(x + y)
    case .subtract: return .float(x - y)
    case .multiply: return .float(x * y)
    case .divide: return .float(x / y)
    case .floorDivide: return .float((x / y).rounded(.down))
    case .remainder: return .float(x - (x / y).rounded(.down) * y)
    case .power: return .float(power(x, y))
    default: throw wrong("comparisons have no meaning in an argument")
    }
  }

  private func power(_ x: Double, _ y: Double) -> Double {
    if y == 0.5 { return x.squareRoot() }
    guard y == y.rounded(), y.magnitude <= 1024 else { return .nan }
    let product = (0..<Int(y.magnitude)).reduce(1.0) { result, _ in result * x }
    return y < 0 ? 1 / product : product
  }
}

/// What is wrong with a box, where in its file.
struct ResolveError: Error {
  var id: String
  var message: String
  var range: SourceRange
  var notes: [String]
  var fixIt: String?

  init(
    _ message: String, id: String = "bad-argument", at range: SourceRange, notes: [String] = [], fixIt: String? = nil
  ) {
    self.id = id
    self.message = message
    self.range = range
    self.notes = notes
    self.fixIt = fixIt
  }

  func diagnostic(in file: GraphFile) -> Diagnostic {
    Diagnostic(
      .error, id, message, at: file.location(range), notes: notes.map { Diagnostic.Note($0) }, fixIt: fixIt)
  }
}
