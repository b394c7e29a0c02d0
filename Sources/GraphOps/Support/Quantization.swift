// SPDX-License-Identifier: Apache-2.0
// Scales and zero points: which element they belong to, and the rounding that ONNX's quantised operators share.

import GraphIR
import KernelIR
import TensorCore

/// Where the scales (and zero points) of a quantised tensor lie.
struct QuantizedLayout: Sendable {
  enum Kind: Sendable {
    case tensor
    /// One for each index of an axis.
    case axis(Int)
    /// One for each `size` neighbours along an axis.
    case blocks(axis: Int, size: Int)
  }
  let kind: Kind

  init(_ x: TensorType, scale: TensorType, axis: Int, blockSize: Int, for name: String) throws(TypeError) {
    if blockSize == 0 && scale.elementCount == 1 && scale.rank <= 1 {
      kind = .tensor
      return
    }
    let place = try normalized(axis, rank: x.rank, for: name)
    if blockSize == 0 {
      guard scale.rank == 1, scale.shape[0] == x.shape[place] else {
        throw TypeError(
          "the scale of '\(name)' is \(scale), expected a scalar or [\(x.shape[place])] for axis \(place) of \(x)",
          operand: 1)
      }
      kind = .axis(place)
      return
    }
    guard blockSize > 0 else { throw TypeError("'block_size' of '\(name)' is \(blockSize), expected 0 or more") }
    var wanted = x.shape
    wanted[place] = Dim.ceilDiv(x.shape[place], Dim(blockSize))
    guard scale.shape == wanted else {
      throw TypeError(
        "the scale of '\(name)' is \(scale), expected \(TensorType(scale.dtype, wanted)) for blocks of \(blockSize) "
          + "along axis \(place) of \(x)", operand: 1)
    }
    kind = .blocks(axis: place, size: blockSize)
  }

  /// The scale's index for an element's.
  func index(_ element: [Expr], rank: Int) -> [Expr] {
    switch kind {
    case .tensor: return [Expr](repeating: .int(0), count: rank)
    case .axis(let axis): return [element[axis]]
    case .blocks(let axis, let size):
      var place = element
      place[axis] = .floorDiv(place[axis], .int(size))
      return place
    }
  }

  /// The scale's row-major position for an element's index.
  func position(_ element: [Int], strides: [Int]) -> Int {
    switch kind {
    case .tensor: 0
    case .axis(let axis): element[axis]
    case .blocks(let axis, let size):
      element.indices.reduce(0) { $0 + ($1 == axis ? element[$1] / size : element[$1]) * strides[$1] }
    }
  }

  /// Scales or zero points in a shape that broadcasts to the tensor's.
  func spread(_ value: ValueID, over x: TensorType, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    switch kind {
    case .tensor: return try builder.reshaped(value, [])
    case .axis(let axis): return try builder.along(axis, rank: x.rank, value)
    case .blocks(let axis, let size):
      let count = try builder.emit(NumberRange(count: x.shape[axis], .i64))
      let block = try builder.div(count, try builder.scalar(Double(size), .i64))
      return try builder.emit(Gather(axis: axis), value, block)
    }
  }
}

/// The axis of a scale that is not for blocks when the axes of its tensor are moved; nil where it has none.
func scaleAxis(_ axis: Int, _ scale: TensorType, movedBy order: [Int]) -> Int? {
  if scale.elementCount == 1 && scale.rank <= 1 { return axis }
  guard let place = try? normalized(axis, rank: order.count, for: DequantizeLinear.name) else { return nil }
  return order[place]
}

extension DType {
  /// What QuantizeLinear makes.
  static let quantized: Set<DType> = [.i8, .u8, .i16, .u16]
  /// What DequantizeLinear reads.
  static let dequantizable: Set<DType> = quantized.union([.i32, .i4, .u4])

  /// A number rounded to this float type.
  func rounded(_ value: Double) -> Double {
    switch self {
    case .f32: Double(Float(value))
    case .f16: Double(Float(halfBits: halfBits(value)))
    case .bf16: Double(Float(bfloatBits: bfloatBits(value)))
    default: value
    }
  }

  /// round(value) + zero, saturated to this integer type.
  func quantized(_ value: Double, zero: Int64) -> Int64 {
    integer(saturating: value.rounded(.toNearestOrEven) + Double(zero))
  }
}

/// A zero point has the element type of the quantised tensor and the shape of its scale.
func checkZeroPoint(
  _ zero: TensorType?, scale: TensorType, _ dtype: DType, operand: Int, for name: String
) throws(TypeError) {
  guard let zero else { return }
  guard zero.dtype == dtype else {
    throw TypeError("the zero point of '\(name)' is \(zero), expected element type \(dtype)", operand: operand)
  }
  guard zero.shape == scale.shape || (zero.elementCount == 1 && scale.elementCount == 1) else {
    throw TypeError("the zero point of '\(name)' is \(zero), the scale is \(scale)", operand: operand)
  }
}

extension GraphBuilder {
  /// round(x) + zero, saturated to an integer type: what ends every quantised operator. `zero` (of that type) has been
  /// spread over x.
  mutating func saturated(_ x: ValueID, zero: ValueID?, _ dtype: DType) throws(TypeError) -> ValueID {
    var value = try emit(Round(), x)
    if let zero { value = try add(value, try emit(Cast(to: type(value).dtype), zero)) }
    return try emit(Cast(to: dtype), value)
  }

  /// A zero point that changes something: nil for one that is missing or known to be 0.
  func offset(_ zero: ValueID?) -> ValueID? {
    guard let zero else { return nil }
    var source = zero
    while let node = graph.producer(source), node.operation is Reshape, let operand = node.operands[0] {
      source = operand
    }
    guard let tensor = (graph.producer(source)?.operation as? Constant)?.value.tensor, tensor.count <= 1 << 16,
      (0..<tensor.count).allSatisfy({ tensor.double($0) == 0 })
    else { return zero }
    return nil
  }

  /// The integers x - zero, i32. `zero` has been spread over x.
  mutating func centred(_ x: ValueID, zero: ValueID?) throws(TypeError) -> ValueID {
    let wide = try narrowed(x, to: .i32)
    guard let zero else { return wide }
    return try sub(wide, try narrowed(zero, to: .i32))
  }
}
