// SPDX-License-Identifier: Apache-2.0
// Formulas over the names of incoming boxes: `gelu(x * scale + bias)`.

import GraphIR
import GraphLanguage
import GraphOps
import GraphSupport
import TensorCore

/// Functions of formulas and what they build; their operands broadcast.
enum FormulaFunctions {
  typealias Build = @Sendable (inout GraphBuilder, [ValueID]) throws(TypeError) -> ValueID

  private static func unary(_ make: @escaping @Sendable () -> any Operation) -> (count: Int, build: Build) {
    (1, { (b, x) throws(TypeError) in try b.emitAny(make(), [x[0]])[0] })
  }

  private static func binary(_ make: @escaping @Sendable () -> any Operation) -> (count: Int, build: Build) {
    (2, { (b, x) throws(TypeError) in try b.emitAny(make(), [x[0], x[1]])[0] })
  }

  static let table: [String: (count: Int, build: Build)] = {
    var table: [String: (count: Int, build: Build)] = [
      "abs": unary { Abs() }, "neg": unary { Neg() }, "exp": unary { Exp() }, "log": unary { Log() },
      "sqrt": unary { Sqrt() }, "sin": unary { Sin() }, "cos": unary { Cos() }, "tan": unary { Tan() },
      "asin": unary { Asin() }, "acos": unary { Acos() }, "atan": unary { Atan() }, "sinh": unary { Sinh() },
      "cosh": unary { Cosh() }, "erf": unary { Erf() }, "floor": unary { Floor() }, "ceil": unary { Ceil() },
      "round": unary { Round() }, "sign": unary { Sign() }, "reciprocal": unary { Reciprocal() },
      "max": binary { Max() }, "min": binary { Min() }, "pow": binary { Pow() }, "matmul": binary { MatMul() },
      "where": (3, { (b, x) throws(TypeError) in try b.emitAny(Where(), [x[0], x[1], x[2]])[0] }),
    ]
    for name in Activation.names {
      table[name] = (1, { (b, x) throws(TypeError) in try Activation.apply(name, to: x[0], &b) })
    }
    return table
  }()
}

/// Whether an expression can only be a formula, or is one by the names it uses.
func isFormula(_ expression: Expression, operands: Set<String>) -> Bool {
  switch expression.kind {
  case .binary, .unary: return true
  case .name(let name): return operands.contains(name)
  case .call(let call): return FormulaFunctions.table[call.name] != nil
  default: return false
  }
}

/// Builds a formula.
struct FormulaBuilder {
  let file: GraphFile
  let environment: Environment
  let operands: [String: ValueID]
  var builder: GraphBuilder

  private indirect enum Term {
    case tensor(ValueID)
    case number(Double)
  }

  /// The value of a whole formula.
  mutating func build(_ expression: Expression) throws(ResolveError) -> ValueID {
    switch try term(expression) {
    case .tensor(let value): return value
    case .number(let number): return try located(expression) { (b) throws(TypeError) in try b.scalar(number, .f32) }
    }
  }

  private mutating func located(
    _ expression: Expression, _ body: (inout GraphBuilder) throws(TypeError) -> ValueID
  ) throws(ResolveError) -> ValueID {
    do throws(TypeError) {
      return try body(&builder)
    } catch {
      throw ResolveError(error.message, id: "formula-type", at: expression.range, notes: error.note.map { [$0] } ?? [])
    }
  }

  private mutating func term(_ expression: Expression) throws(ResolveError) -> Term {
    switch expression.kind {
    case .integer(let number): return .number(Double(number))
    case .number(let number): return .number(number)
    case .name(let name):
      if let value = operands[name] { return .tensor(value) }
      if let number = Double(try environment.value(expression, in: file)) { return .number(number) }
      let known = operands.keys.sorted()
      throw ResolveError(
        "'\(name)' is no box that leads here", id: "unknown-name", at: expression.range,
        notes: [known.isEmpty ? "nothing leads here" : "the formula can use \(known.joined(separator: ", "))"],
        fixIt: nearest(name, among: known))
    case .unary(.minus, let operand):
      switch try term(operand) {
      case .number(let number): return .number(-number)
      case .tensor(let value):
        return .tensor(try located(expression) { (b) throws(TypeError) in try b.emit(Neg(), value) })
      }
    case .unary(.not, let operand):
      guard case .tensor(let value) = try term(operand) else {
        throw ResolveError("'not' needs a tensor of bools", at: expression.range)
      }
      return .tensor(try located(expression) { (b) throws(TypeError) in try b.emit(Not(), value) })
    case .binary(let op, let left, let right):
      return try binary(op, try term(left), try term(right), expression)
    case .call(let call):
      return .tensor(try function(call, expression))
    default:
      throw ResolveError(
        "'\(file.source.text(expression.range))' has no meaning in a formula", id: "bad-formula", at: expression.range)
    }
  }

  private mutating func function(_ call: Call, _ expression: Expression) throws(ResolveError) -> ValueID {
    guard let entry = FormulaFunctions.table[call.name] else {
      throw ResolveError(
        "there is no function '\(call.name)'", id: "unknown-function", at: call.nameRange,
        fixIt: nearest(call.name, among: Array(FormulaFunctions.table.keys)))
    }
    if let named = call.arguments.first(where: { $0.name != nil }) {
      throw ResolveError("functions of a formula take no named arguments", at: named.nameRange ?? named.value.range)
    }
    guard call.arguments.count == entry.count else {
      throw ResolveError(
        "'\(call.name)' takes \(entry.count) operand\(entry.count == 1 ? "" : "s"), found \(call.arguments.count)",
        at: expression.range)
    }
    var terms: [Term] = []
    for argument in call.arguments { terms.append(try term(argument.value)) }
    let dtype = firstType(terms)
    var values: [ValueID] = []
    for (term, argument) in zip(terms, call.arguments) { values.append(try tensor(term, dtype, argument.value)) }
    let operands = values
    return try located(expression) { (b) throws(TypeError) in try entry.build(&b, operands) }
  }

  private func firstType(_ terms: [Term]) -> DType {
    for term in terms {
      if case .tensor(let value) = term, builder.type(value).dtype != .bool { return builder.type(value).dtype }
    }
    return .f32
  }

  private mutating func tensor(_ term: Term, _ dtype: DType, _ expression: Expression) throws(ResolveError) -> ValueID {
    switch term {
    case .tensor(let value): return value
    case .number(let number): return try located(expression) { (b) throws(TypeError) in try b.scalar(number, dtype) }
    }
  }

  private mutating func binary(
    _ op: BinaryOperator, _ a: Term, _ b: Term, _ expression: Expression
  ) throws(ResolveError) -> Term {
    if case .number(let x) = a, case .number(let y) = b {
      switch op {
      case .add: return .number(x + y)
      case .subtract: return .number(x - y)
      case .multiply: return .number(x * y)
      case .divide: return .number(x / y)
      default: break
      }
    }
    let dtype = firstType([a, b])
    let x = try tensor(a, dtype, expression)
    let y = try tensor(b, dtype, expression)
    let operation: any Operation
    switch op {
    case .add: operation = Add()
    case .subtract: operation = Sub()
    case .multiply: operation = Mul()
    case .divide: operation = Div()
    case .power: operation = Pow()
    case .remainder: operation = Mod()
    case .less: operation = Less()
    case .lessOrEqual: operation = LessOrEqual()
    case .greater: operation = Greater()
    case .greaterOrEqual: operation = GreaterOrEqual()
    case .equal, .notEqual: operation = Equal()
    case .and: operation = And()
    case .or: operation = Or()
    case .floorDivide: operation = Div()
    }
    return .tensor(
      try located(expression) { (builder) throws(TypeError) in
        let value = try builder.emitAny(operation, [x, y])[0]
        if op == .notEqual { return try builder.emit(Not(), value) }
        return op == .floorDivide && dtype.isFloat ? try builder.emit(Floor(), value) : value
      })
  }
}
