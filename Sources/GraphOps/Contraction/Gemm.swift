// SPDX-License-Identifier: Apache-2.0
// General matrix product.

import GraphIR
import KernelIR
import TensorCore

package struct Gemm: Operation {
  package static let name = "Gemm"
  package static let summary =
    "alpha · A' · B' + beta · C with A' and B' the matrices or their transposes; C broadcasts."
  package static let operands = [Slot("A"), Slot("B"), Slot("C", .optional)]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("alpha", \.alpha, "the product's factor"),
      Attribute("beta", \.beta, "the factor of C"),
      Attribute("transA", \.transA, "whether A is transposed"),
      Attribute("transB", \.transB, "whether B is transposed"),
    ]
  }
  package static let accuracy = Accuracy.accumulation
  package var alpha = 1.0
  package var beta = 1.0
  package var transA = false
  package var transB = false
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let a = operands[0], let b = operands[1] else { throw TypeError("'Gemm' needs two operands") }
    for (index, type) in operands.enumerated() {
      guard let type else { continue }
      guard type.dtype == a.dtype else {
        throw TypeError("'Gemm' needs operands of one element type, found \(a.dtype) and \(type.dtype)", operand: index)
      }
    }
    guard DType.numbers.contains(a.dtype) else { throw TypeError("'Gemm' does not take \(a.dtype)", operand: 0) }
    guard a.rank == 2, b.rank == 2 else {
      throw TypeError("'Gemm' takes matrices, found \(a) and \(b)", operand: a.rank == 2 ? 1 : 0, note: "use MatMul")
    }
    let (rows, depth) = transA ? (a.shape[1], a.shape[0]) : (a.shape[0], a.shape[1])
    let (other, columns) = transB ? (b.shape[1], b.shape[0]) : (b.shape[0], b.shape[1])
    guard depth == other else {
      throw TypeError("the inner sizes of 'Gemm' differ: \(depth) of \(a) and \(other) of \(b)", operand: 1)
    }
    let result = TensorType(a.dtype, [rows, columns])
    if operands.count > 2, let c = operands[2] {
      guard c.rank <= 2, try broadcast([result, c], for: Self.name) == result.shape else {
        throw TypeError("C of 'Gemm' is \(c), which does not broadcast to \(result)", operand: 2)
      }
    }
    return [result]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let a = operands[0], let b = operands[1] else { throw TypeError("'Gemm' needs two operands") }
    let shape = try inferTypes(operands.map { $0?.type })[0].shape.compactMap(\.value)
    let depth = a.shape[transA ? 0 : 1]
    var result = Reference(zeros: a.dtype, shape)
    let c = operands.count > 2 ? operands[2] : nil
    let steps = c.map { broadcastStrides($0.shape, to: shape) }
    let (aRow, aStep) = transA ? (1, a.shape[1]) : (a.shape[1], 1)
    let (bStep, bColumn) = transB ? (1, b.shape[1]) : (b.shape[1], 1)
    for m in 0..<shape[0] {
      for n in 0..<shape[1] {
        let place = m * shape[1] + n
        let other = steps.map { m * $0[0] + n * $0[1] }
        if a.dtype.isFloat {
          var sum = 0.0
          for k in 0..<depth { sum += a.reals[m * aRow + k * aStep] * b.reals[k * bStep + n * bColumn] }
          sum *= alpha
          if let c, let other { sum += beta * c.reals[other] }
          result.reals[place] = sum
        } else {
          var sum: Int64 = 0
          for k in 0..<depth { sum &+= a.integers[m * aRow + k * aStep] &* b.integers[k * bStep + n * bColumn] }
          sum = sum &* Int64(saturating: alpha)
          if let c, let other { sum &+= Int64(saturating: beta) &* c.integers[other] }
          result.integers[place] = wrap(sum, to: a.dtype)
        }
      }
    }
    return [result]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      let a = transA ? try builder.emit(Transpose(perm: [1, 0]), operands[0]) : operands[0]
      let b = transB ? try builder.emit(Transpose(perm: [1, 0]), operands[1]) : operands[1]
      var y = try builder.emit(MatMul(), a, b)
      if alpha != 1 { y = try builder.emit(Mul(), y, try builder.scalar(alpha, like: y)) }
      if operands.count > 2, var c = operands[2], beta != 0 {
        if beta != 1 { c = try builder.emit(Mul(), c, try builder.scalar(beta, like: y)) }
        y = try builder.emit(Add(), y, c)
      }
      return [y]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var gemm = Gemm()
    let (m, k, n) = (random.size(), random.size(), random.size())
    gemm.transA = random.bool()
    gemm.transB = random.bool()
    let dtype = random.dtype([.f32, .f32, .f64, .i32])
    if random.bool() { gemm.alpha = dtype.isFloat ? random.double(-2...2) : 3 }
    if random.bool() { gemm.beta = dtype.isFloat ? random.double(-2...2) : 2 }
    var types = [gemm.transA ? [k, m] : [m, k], gemm.transB ? [n, k] : [k, n]]
    if random.bool() { types.append(random.broadcastable(to: [m, n])) }
    return Sample(gemm, types.map { TensorType(dtype, $0.map { Dim($0) }) })
  }
}
