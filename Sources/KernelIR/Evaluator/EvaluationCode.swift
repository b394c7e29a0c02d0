// SPDX-License-Identifier: Apache-2.0
// A kernel's statements with their expressions flattened to instructions, so that shared parts are computed once.

import TensorCore

/// One node of an expression: where its operands are and where its value goes.
struct EvaluationInstruction {
  enum Operation {
    case constant(Int64)
    case load(buffer: Int, offset: Int, guard: Int?)
    case unary(UnaryFunction, Int)
    case binary(BinaryFunction, Int, Int)
    case select(Int, Int, Int)
    case cast(Int)
    case bitcast(Int)
  }

  var operation: Operation
  /// The operands' type.
  var source: DType
  var dtype: DType
  var result: Int
}

/// A statement ready to run.
final class EvaluationStep {
  let statement: Statement
  var code: [EvaluationInstruction] = []
  /// Where the values of `statement.expressions` are.
  var operands: [Int] = []
  /// A contraction's A offset, which is computed for every row; elsewhere empty.
  var rowCode: [EvaluationInstruction] = []
  var rowOperand = 0
  /// Slots of the axes and locals that the statement introduces or updates, in the order it names them.
  var slots: [Int] = []
  var bodies: [[EvaluationStep]] = []

  init(_ statement: Statement) { self.statement = statement }
}

/// Gives every axis, local and size a slot, and temporaries after them.
struct EvaluationCompiler {
  private var axes: [Int: Int] = [:]
  private var locals: [Int: Int] = [:]
  private(set) var slotCount: Int
  private var firstTemporary = 0
  private(set) var total = 0
  /// Slots of expressions of the statement being compiled.
  private var known: [Expr: Int] = [:]
  private var nextTemporary = 0

  /// Slots 0… hold the sizes, then the tile axis.
  init(_ kernel: Kernel) {
    slotCount = kernel.sizes.count + 1
    axes[kernel.tileAxis.id] = kernel.sizes.count
    kernel.body.visitAll { statement in
      for axis in statement.definedAxes where axes[axis.id] == nil {
        axes[axis.id] = slotCount
        slotCount += 1
      }
      for local in statement.definedLocals where locals[local.id] == nil {
        locals[local.id] = slotCount
        slotCount += 1
      }
    }
    firstTemporary = slotCount
    nextTemporary = slotCount
    total = slotCount
  }

  mutating func steps(_ statements: [Statement]) -> [EvaluationStep] { statements.map { step($0) } }

  private mutating func step(_ statement: Statement) -> EvaluationStep {
    let step = EvaluationStep(statement)
    known = [:]
    nextTemporary = firstTemporary
    if case .contract(let contract) = statement {
      var uniform = statement.expressions
      uniform.remove(at: uniform.count - 2)
      step.operands = uniform.map { slot($0, &step.code) }
      // The epilogue's temporaries take the places of the code above; this one runs again for every row.
      known = [:]
      step.rowOperand = slot(contract.aOffset, &step.rowCode)
    } else {
      step.operands = statement.expressions.map { slot($0, &step.code) }
    }
    step.slots =
      statement.definedAxes.map { axes[$0.id] ?? 0 }
      + (statement.definedLocals + statement.updatedLocals).map { locals[$0.id] ?? 0 }
    total = max(total, nextTemporary)
    step.bodies = statement.bodies.map { steps($0) }
    return step
  }

  /// Where an expression's value is once the code has run.
  mutating func slot(_ e: Expr, _ code: inout [EvaluationInstruction]) -> Int {
    switch e.kind {
    case .axis(let axis): return axes[axis.id] ?? 0
    case .size(let index): return index
    case .local(let local): return locals[local.id] ?? 0
    default: break
    }
    if let slot = known[e] { return slot }
    let operation: EvaluationInstruction.Operation
    switch e.kind {
    case .axis, .size, .local: return 0
    case .integer(let value): operation = .constant(value)
    case .real(let value): operation = .constant(ScalarBits.constant(value, e.dtype))
    case .load(let buffer, let offset, let condition):
      let condition = condition.map { slot($0, &code) }
      operation = .load(buffer: buffer, offset: slot(offset, &code), guard: condition)
    case .unary(let function, let x): operation = .unary(function, slot(x, &code))
    case .binary(let function, let a, let b): operation = .binary(function, slot(a, &code), slot(b, &code))
    case .select(let c, let a, let b): operation = .select(slot(c, &code), slot(a, &code), slot(b, &code))
    case .cast(let x): operation = .cast(slot(x, &code))
    case .bitcast(let x): operation = .bitcast(slot(x, &code))
    }
    let result = nextTemporary
    nextTemporary += 1
    total = max(total, nextTemporary)
    let source = e.children.first?.dtype ?? e.dtype
    code.append(EvaluationInstruction(operation: operation, source: source, dtype: e.dtype, result: result))
    known[e] = result
    return result
  }
}
