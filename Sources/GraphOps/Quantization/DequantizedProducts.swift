// SPDX-License-Identifier: Apache-2.0
// Products of dequantised tensors as products of their bytes: what tools write that quantise models.
//
//     MatMul(DequantizeLinear(a, s, z), DequantizeLinear(b, t, w))  →  MatMulIntegerToFloat(a, b, s, t, z, w)
//
// The integers' sum is exact, so that the result is nearer to the exact one than a sum of rounded products.

import GraphIR
import TensorCore

/// An operand that DequantizeLinear makes of bytes, with one scale or one for each index of an axis.
private struct DequantizedOperand {
  let bytes: ValueID
  let scale: ValueID
  let zero: ValueID?

  /// - Parameter axis: The axis that a scale for each index must be along; nil where there is one scale only.
  init?(_ index: Int, along axis: Int?, _ context: RuleContext) {
    guard let (operation, node) = context.producer(of: index, as: DequantizeLinear.self), operation.blockSize == 0,
      let bytes = node.operands[0], let scale = node.operands[1], context.type(index)?.dtype == .f32
    else { return nil }
    let (type, scaleType) = (context.builder.type(bytes), context.builder.type(scale))
    guard [.i8, .u8].contains(type.dtype), scaleType.dtype == .f32 else { return nil }
    if scaleType.elementCount != 1 {
      guard let axis, scaleType.rank == 1, let place = try? normalized(operation.axis, rank: type.rank, for: "scale"),
        place == axis
      else { return nil }
    }
    (self.bytes, self.scale, zero) = (bytes, scale, optional(node.operands, 2))
  }
}

/// Sums of so many products of bytes fit in 32 bits.
private let mostProducts = (1 << 31) / (255 * 255)

extension RuleContext {
  fileprivate func fits(_ depth: Dim?) -> Bool { depth?.value.map { $0 <= mostProducts } ?? false }

  /// `a · b`, where both are dequantised and `b` has its columns along its last axis.
  fileprivate mutating func dequantizedProduct() throws(TypeError) -> ValueID? {
    guard let a = type(0), let b = type(1), a.rank > 1, b.rank > 1, fits(a.shape.last),
      let left = DequantizedOperand(0, along: nil, self),
      let right = DequantizedOperand(1, along: b.rank - 1, self)
    else { return nil }
    return try builder.emitAny(
      MatMulIntegerToFloat(), [left.bytes, right.bytes, left.scale, right.scale, left.zero, right.zero])[0]
  }
}

extension MatMul {
  static let ofDequantized = Rule("dequantized-matmul", on: MatMul.self) { _, context throws(TypeError) in
    try context.dequantizedProduct().map { [$0] }
  }
}

extension Gemm {
  package static var rules: [Rule] {
    [
      Rule("dequantized-gemm", on: Gemm.self) { gemm, context throws(TypeError) in
        guard !gemm.transA, gemm.alpha == 1, gemm.beta == 1, let b = context.type(1), b.rank == 2,
          context.fits(b.shape[gemm.transB ? 1 : 0]), let left = DequantizedOperand(0, along: nil, context),
          let right = DequantizedOperand(1, along: gemm.transB ? 0 : 1, context)
        else { return nil }
        var bytes = right.bytes
        if gemm.transB { bytes = try context.builder.emit(Transpose(perm: [1, 0]), bytes) }
        let product = try context.builder.emitAny(
          MatMulIntegerToFloat(), [left.bytes, bytes, left.scale, right.scale, left.zero, right.zero])[0]
        guard let bias = optional(context.operands, 2) else { return [product] }
        return [try context.builder.add(product, bias)]
      }
    ]
  }
}

extension Conv {
  package static var rules: [Rule] {
    [
      Rule("dequantized-conv", on: Conv.self) { conv, context throws(TypeError) in
        guard let x = context.type(0), let w = context.type(1), let geometry = try? conv.geometry(x, w) else {
          return nil
        }
        var sums = ConvInteger()
        sums.windowOptions = conv.windowOptions
        sums.group = conv.group
        let window = geometry.window.reduce(geometry.groupChannels) { $0 * Dim($1.kernel) }
        guard context.fits(window), let input = DequantizedOperand(0, along: nil, context),
          let weights = DequantizedOperand(1, along: sums.filterAxis(rank: w.rank), context),
          context.builder.offset(weights.zero) == nil
        else { return nil }
        let products = try context.builder.emitAny(sums, [input.bytes, weights.bytes, input.zero])[0]
        let axis = geometry.format.channel(rank: x.rank)
        func spread(_ value: ValueID) throws(TypeError) -> ValueID {
          context.builder.type(value).elementCount == 1
            ? try context.builder.reshaped(value, []) : try context.builder.along(axis, rank: x.rank, value)
        }
        let factor = try context.builder.mul(try context.builder.reshaped(input.scale, []), try spread(weights.scale))
        let scaled = try context.builder.mul(try context.builder.narrowed(products, to: .f32), factor)
        guard let bias = optional(context.operands, 2) else { return [scaled] }
        return [try context.builder.add(scaled, try context.builder.along(axis, rank: x.rank, bias))]
      }
    ]
  }
}
