// SPDX-License-Identifier: Apache-2.0
// The rules of contractions.

import TensorCore

extension KernelVerifier {
  mutating func verify(_ c: Contract, _ scope: inout Scope, _ statement: Statement) {
    if scope.vector > 0 {
      report("kernel-vector", "a contraction stands inside a vector loop or an epilogue", statement)
    }
    let strides = c.depth.flatMap { [$0.extent, $0.aStride, $0.bStride] }
    verify([c.rows, c.columns, c.bOffset] + strides, scope, statement)
    for e in [c.rows, c.columns, c.aOffset, c.bOffset] + strides {
      expect(e, .i64, "an extent, offset or stride of the contraction", statement)
    }
    var rowScope = scope
    introduce(c.rowAxis, &rowScope, statement)
    verify([c.aOffset], rowScope, statement)

    if !(1...8).contains(c.depth.count) {
      report("kernel-contract", "\(c.depth.count) depth axes, expected 1 to 8", statement)
    }
    let tile = c.tile
    if !(1...32).contains(tile.rows) || !(1...512).contains(tile.columns) || !(1...32).contains(tile.unroll) {
      report("kernel-contract", "the tile \(tile.rows) x \(tile.columns) x \(tile.unroll) is out of range", statement)
    }
    if !(1...Contract.mostGroups).contains(c.accumulators.count) {
      report(
        "kernel-contract", "\(c.accumulators.count) accumulators, expected 1 to \(Contract.mostGroups)", statement)
    }
    if c.accumulators.count > 1 && !c.bIsPacked {
      report("kernel-contract", "groups of columns without a packed B", statement)
    }
    let types = (kernel.dtype(ofBuffer: c.a), kernel.dtype(ofBuffer: c.b))
    if c.bIsInterleaved && !(c.bIsPacked && Contract.stepsTogether(types.0, types.1) != nil) {
      report(
        "kernel-contract", "interleaved depth steps, but B is not packed or the operands are neither bf16 nor bytes",
        statement)
    }
    if Set(c.accumulators.map(\.dtype)).count > 1 {
      report("kernel-contract", "accumulators of several types", statement)
    }
    verifyOperand(c.a, "A", c.sumType, statement)
    verifyOperand(c.b, "B", c.sumType, statement)

    var inner = rowScope
    introduce(c.columnAxis, &inner, statement)
    vectorCount += 1
    inner.vector = vectorCount
    inner.isEpilogue = true
    for sum in c.accumulators {
      if inner.locals[sum.id] != nil {
        report("kernel-scope", "the number of '\(sum.name)' is already that of a variable in scope", statement)
      }
      inner.locals[sum.id] = LocalState(local: sum, isVariable: false, vector: vectorCount, dependsOnTile: true)
    }
    verify(c.epilogue, &inner)
  }

  private mutating func verifyOperand(_ buffer: Int, _ name: String, _ sumType: DType, _ statement: Statement) {
    guard let dtype = kernel.dtype(ofBuffer: buffer) else {
      report("kernel-buffer", "there is no buffer \(buffer)", statement)
      return
    }
    if buffer < kernel.parameters.count && kernel.parameters[buffer].access == .write {
      report("kernel-access", "the buffer '\(kernel.parameters[buffer].name)' is read but only writable", statement)
    }
    let fits =
      switch sumType {
      case .f32, .f64: dtype.computeType == sumType
      case .i32: dtype.isInteger && dtype.bits <= 8
      default: false
      }
    if !fits {
      report("kernel-contract", "the operand \(name) of \(dtype) does not sum to \(sumType)", statement)
    }
  }
}
