// SPDX-License-Identifier: Apache-2.0
// Stand-ins for kernel analyses that land with KernelIR.
import KernelIR
import TensorCore

extension Expr {
  func substituting(_ known: [Axis: Expr]) -> Expr {
    var memo: [Expr: Expr] = [:]
    return substituting(known, &memo)
  }
  private func substituting(_ known: [Axis: Expr], _ memo: inout [Expr: Expr]) -> Expr {
    if case .axis(let axis) = kind { return known[axis] ?? self }
    if let done = memo[self] { return done }
    let result = mapChildren { $0.substituting(known, &memo) }
    memo[self] = result
    return result
  }
  func renumberingBuffers(_ map: (Int) -> Int) -> Expr {
    if case .load(let buffer, let offset, let condition) = kind {
      return Expr(.load(buffer: map(buffer), offset: offset.renumberingBuffers(map), guard: condition?.renumberingBuffers(map)), dtype)
    }
    return mapChildren { $0.renumberingBuffers(map) }
  }
}
extension Statement {
  func substituting(_ known: [Axis: Expr]) -> Statement {
    map(expressions: { $0.substituting(known) }, bodies: { $0.map { $0.substituting(known) } })
  }
  func renumberingBuffers(_ number: (Int) -> Int) -> Statement {
    var new = map(expressions: { $0.renumberingBuffers(number) }, bodies: { $0.map { $0.renumberingBuffers(number) } })
    if case .store(let buffer, let offset, let value, let condition) = new {
      new = .store(buffer: number(buffer), offset: offset, value: value, guard: condition)
    }
    if case .contract(var contract) = new {
      contract.a = number(contract.a)
      contract.b = number(contract.b)
      new = .contract(contract)
    }
    return new
  }
  func visitExpressions(_ body: (Expr) -> Void) { [self].visitAll { $0.expressions.forEach(body) } }
  func visitAll(_ body: (Statement) -> Void) { [self].visitAll(body) }
}
func simplifyIndex(_ expr: Expr, ranges: [Axis: Expr]) -> Expr { expr }
func simplifyIndices(_ kernel: Kernel) -> Kernel { kernel }
struct KernelCost { var nanosecondsPerTile = 100.0; init(_ kernel: Kernel, sizes: [Int]) {} }
