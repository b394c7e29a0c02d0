// SPDX-License-Identifier: Apache-2.0
// Values of the reference interpreter: floats in double precision, integers in 64 bits.

import TensorCore

/// A tensor in the interpreter. Floats of every width are Doubles and are not rounded between operators; integers
/// are kept wrapped to their type (u64 as its bit pattern), bools as 0 and 1.
package struct Reference: Sendable {
  package var dtype: DType
  package var shape: [Int]
  /// The elements of a float tensor, row-major; empty otherwise.
  package var reals: [Double]
  /// The elements of an integer or bool tensor, row-major; empty otherwise.
  package var integers: [Int64]

  package init(_ dtype: DType, _ shape: [Int], reals: [Double]) {
    self.dtype = dtype
    self.shape = shape
    self.reals = reals
    integers = []
  }

  package init(_ dtype: DType, _ shape: [Int], integers: [Int64]) {
    self.dtype = dtype
    self.shape = shape
    self.integers = integers
    reals = []
  }

  /// Zeros.
  package init(zeros dtype: DType, _ shape: [Int]) {
    let count = shape.reduce(1, *)
    if dtype.isFloat {
      self.init(dtype, shape, reals: [Double](repeating: 0, count: count))
    } else {
      self.init(dtype, shape, integers: [Int64](repeating: 0, count: count))
    }
  }

  /// A tensor's values.
  package init(_ tensor: Tensor) {
    if tensor.dtype.isFloat {
      self.init(tensor.dtype, tensor.shape, reals: tensor.doubles())
    } else {
      self.init(tensor.dtype, tensor.shape, integers: tensor.integers())
    }
  }

  package var count: Int { dtype.isFloat ? reals.count : integers.count }
  package var type: TensorType { TensorType(dtype, shape.map { Dim($0) }) }

  /// The values rounded to their type, as a tensor; nil when memory is short.
  package var tensor: Tensor? {
    dtype.isFloat ? Tensor(dtype, shape, doubles: reals) : Tensor(dtype, shape, integers: integers)
  }

  /// Element by row-major position as a Double.
  package func double(_ position: Int) -> Double {
    dtype.isFloat ? reals[position] : dtype == .u64 ? Double(UInt64(bitPattern: integers[position])) : Double(integers[position])
  }

  /// Row-major strides in elements.
  package var strides: [Int] { Reference.strides(shape) }

  package static func strides(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in stride(from: shape.count - 2, through: 0, by: -1) { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    return strides
  }

  /// Builds a tensor by taking, for each output position in row-major order, the element at a position of this one
  /// (nil: the fill value).
  package func gathering(_ shape: [Int], fill: Double = 0, _ source: (_ index: [Int]) -> Int?) -> Reference {
    var result = Reference(zeros: dtype, shape)
    forEachIndex(shape) { position, index in
      if dtype.isFloat {
        result.reals[position] = source(index).map { reals[$0] } ?? fill
      } else {
        result.integers[position] = source(index).map { integers[$0] } ?? Int64(saturating: fill)
      }
    }
    return result
  }
}

/// Calls `body` with every index of a shape in row-major order, and its position.
package func forEachIndex(_ shape: [Int], _ body: (_ position: Int, _ index: [Int]) -> Void) {
  let count = shape.reduce(1, *)
  var index = [Int](repeating: 0, count: shape.count)
  for position in 0..<count {
    body(position, index)
    var axis = shape.count - 1
    while axis >= 0 {
      index[axis] += 1
      if index[axis] < shape[axis] { break }
      index[axis] = 0
      axis -= 1
    }
  }
}

/// An integer wrapped to a type's range (u64 stays a bit pattern); bools become 0 or 1.
package func wrap(_ value: Int64, to dtype: DType) -> Int64 {
  switch dtype {
  case .i8: Int64(Int8(truncatingIfNeeded: value))
  case .i16: Int64(Int16(truncatingIfNeeded: value))
  case .i32: Int64(Int32(truncatingIfNeeded: value))
  case .u8: Int64(UInt8(truncatingIfNeeded: value))
  case .u16: Int64(UInt16(truncatingIfNeeded: value))
  case .u32: Int64(UInt32(truncatingIfNeeded: value))
  case .i4: ((value & 15) ^ 8) - 8
  case .u4: value & 15
  case .bool: value != 0 ? 1 : 0
  case .i64, .u64, .f32, .f64, .f16, .bf16: value
  }
}
