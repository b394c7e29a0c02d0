// SPDX-License-Identifier: Apache-2.0
// A tensor on one line: its type, its range, and how it starts.

/// What `run` and `inspect` show of a tensor.
package struct TensorSummary: Hashable, Sendable, CustomStringConvertible {
  package var type: TensorType
  /// Over the elements that are no NaN; nil when there are none.
  package var minimum: Double?
  package var maximum: Double?
  /// The mean of the finite elements; nil when there are none.
  package var mean: Double?
  package var nanCount = 0
  package var infinityCount = 0
  /// The first elements as text: floats with up to four digits, integers and booleans in full.
  package var first: [String]
  private let count: Int

  /// Summarises a tensor with its first `limit` elements.
  package init(_ tensor: Tensor, first limit: Int = 6) {
    type = tensor.type
    count = tensor.count
    let shown = 0..<min(max(limit, 0), tensor.count)
    first = shown.map { tensor.elementText($0) }
    var sum = 0.0
    var correction = 0.0
    var finiteCount = 0
    tensor.forEachDouble { value in
      if value.isNaN {
        nanCount += 1
        return
      }
      minimum = min(minimum ?? value, value)
      maximum = max(maximum ?? value, value)
      guard value.isFinite else {
        infinityCount += 1
        return
      }
      // Neumaier's sum, so that the mean of many elements is that of the values.
      let next = sum + value
      correction += sum.magnitude >= value.magnitude ? (sum - next) + value : (value - next) + sum
      sum = next
      finiteCount += 1
    }
    if finiteCount > 0 { mean = (sum + correction) / Double(finiteCount) }
  }

  /// "f32[1, 10]  min 0.001  mean 0.1  max 0.93  [0.001, 0.02, …]"
  package var description: String {
    var parts = [type.description]
    let digits = type.dtype.isFloat ? 4 : 17
    if type.dtype != .bool, count > 1, let minimum, let maximum {
      parts.append("min \(NumberText.short(minimum, digits: digits))")
      if let mean { parts.append("mean \(NumberText.short(mean, digits: 4))") }
      parts.append("max \(NumberText.short(maximum, digits: digits))")
    }
    if nanCount > 0 { parts.append("\(nanCount) NaN") }
    if infinityCount > 0 { parts.append("\(infinityCount) infinite") }
    if count == 0 {
      parts.append("empty")
    } else if type.rank == 0 {
      parts.append(first.first ?? "")
    } else if !first.isEmpty {
      parts.append("[\(first.joined(separator: ", "))\(first.count < count ? ", …" : "")]")
    }
    return parts.joined(separator: "  ")
  }
}

extension Tensor {
  /// An element for people: a float with up to four digits, an integer or boolean in full.
  package func elementText(_ index: Int) -> String {
    switch dtype {
    case .f32, .f64, .f16, .bf16: NumberText.short(double(index), digits: 4)
    case .bool: integer(index) == 0 ? "false" : "true"
    case .u64: "\(UInt64(bitPattern: integer(index)))"
    default: "\(integer(index))"
    }
  }
}
