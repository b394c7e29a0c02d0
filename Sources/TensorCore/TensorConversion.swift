// SPDX-License-Identifier: Apache-2.0
// Converting a tensor to another element type only when its values survive: for tensors that come from outside.

extension Tensor {
  /// Why a tensor cannot be converted.
  package enum ConversionFailure: Error, Sendable {
    /// Element `index` does not exist in the other type.
    case value(index: Int, text: String)
    /// Memory is short.
    case memory
  }

  /// The same values in another type: integers exactly, floats rounded to nearest. A fraction or NaN to an integer,
  /// a value out of range (a float that would become infinite included), or anything but 0 and 1 to `bool` fails.
  package func converted(to type: DType) throws(ConversionFailure) -> Tensor {
    if type == dtype { return self }
    guard let result = Tensor(zeros: type, shape) else { throw .memory }
    if type.isFloat {
      let values = doubles()
      if type != .f64 {
        let limit = type.largestFinite
        for (index, value) in values.enumerated() where value.isFinite && value.magnitude >= limit {
          throw .value(index: index, text: "\(value)")
        }
      }
      result.fill(values)
      return result
    }
    let values = integers()
    if dtype.isFloat {
      for (index, value) in doubles().enumerated() {
        // Both ends of the range are powers of two, so the comparison is exact.
        guard value >= type.lowEnd, value < type.highEnd, value == value.rounded(.towardZero) else {
          throw .value(index: index, text: "\(value)")
        }
      }
      if type == .u64 {
        result.fill(doubles())
        return result
      }
    } else {
      for (index, value) in values.enumerated() where !type.holds(value, unsigned: dtype == .u64) {
        throw .value(index: index, text: dtype == .u64 ? "\(UInt64(bitPattern: value))" : "\(value)")
      }
    }
    result.fill(integers: values)
    return result
  }
}

extension DType {
  /// Magnitudes from here on round to infinity.
  fileprivate var largestFinite: Double {
    switch self {
    case .f16: 65520
    case .bf16: 0x1.FFp127
    case .f32: 0x1.FFFFFFp127
    default: .infinity
    }
  }

  /// The smallest value of an integer type.
  fileprivate var lowEnd: Double { self == .u64 ? 0 : Double(integerRange?.low ?? 0) }

  /// The first whole number above an integer type.
  fileprivate var highEnd: Double {
    switch self {
    case .u64: 0x1p64
    case .i64: 0x1p63
    default: Double(integerRange?.high ?? 0) + 1
    }
  }

  fileprivate func holds(_ value: Int64, unsigned: Bool) -> Bool {
    guard let range = integerRange else { return true }
    if unsigned && value < 0 { return self == .u64 }
    return self == .u64 ? value >= 0 : value >= range.low && value <= range.high
  }
}
