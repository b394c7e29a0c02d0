// SPDX-License-Identifier: Apache-2.0
// Nested JSON arrays as one list of elements with a shape.

import TensorCore

/// Numbers or booleans and the sizes of the arrays around them; every array of one depth must have the same size.
struct JSONElements {
  private var sizes: [Int?] = []
  private var rank: Int?
  /// Bit patterns while every number is an integer.
  private var integers: [Int64] = []
  private var reals: [Double] = []
  private var isReal = false
  private var hasNegative = false
  private var hasUnsigned = false
  /// The first element decides.
  private var isBoolean: Bool?

  /// Reads a value at the given depth, with everything inside.
  mutating func read(_ scanner: inout JSONScanner, depth: Int) throws(TextFault) {
    guard scanner.peek() == UInt8(ascii: "[") else { return try element(&scanner, depth) }
    let start = scanner.offset
    guard depth < JSONScanner.depthLimit else {
      throw TextFault(offset: start, message: "arrays nested more than \(JSONScanner.depthLimit) deep")
    }
    if let rank, depth >= rank {
      throw TextFault(
        offset: start, message: "an array where a number stands elsewhere, expected \(rank) axes everywhere")
    }
    if sizes.count == depth { sizes.append(nil) }
    _ = scanner.take("[")
    var count = 0
    if !scanner.take("]") {
      repeat {
        try read(&scanner, depth: depth + 1)
        count += 1
      } while scanner.take(",")
      try scanner.expect("]", "or ',' in an array")
    } else if rank == nil {
      rank = depth + 1
    }
    if let size = sizes[depth], size != count {
      throw TextFault(
        offset: start, message: "an array of \(count) elements, expected \(size) as in the one before it")
    }
    sizes[depth] = count
  }

  private mutating func element(_ scanner: inout JSONScanner, _ depth: Int) throws(TextFault) {
    let start = scanner.offset
    let boolean = scanner.boolean()
    if boolean == nil, !Self.startsNumber(scanner.peek()) {
      throw scanner.unexpected(depth == 0 ? "an array, a number or an object" : "a number, 'true', 'false' or an array")
    }
    guard rank ?? depth == depth, sizes.count == depth else {
      throw TextFault(
        offset: start,
        message: "a number where an array stands elsewhere, expected \(max(rank ?? 0, sizes.count)) axes everywhere")
    }
    rank = depth
    if isBoolean ?? (boolean != nil) != (boolean != nil) {
      throw TextFault(offset: start, message: "numbers and booleans in one tensor")
    }
    isBoolean = boolean != nil
    if let boolean {
      integers.append(boolean ? 1 : 0)
      return
    }
    switch try scanner.number() {
    case .integer(let value) where !isReal:
      integers.append(value)
      if value < 0 { hasNegative = true }
    case .unsigned(let value) where !isReal && !hasNegative:
      integers.append(Int64(bitPattern: value))
      hasUnsigned = true
    case let number:
      becomeReal()
      reals.append(number.double)
    }
    if hasNegative && hasUnsigned { becomeReal() }
  }

  /// Whether a number, right or wrong, may start so; the number's own reader judges it.
  private static func startsNumber(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    return switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
      UInt8(ascii: "N"), UInt8(ascii: "I"):
      true
    default: false
    }
  }

  private mutating func becomeReal() {
    guard !isReal else { return }
    isReal = true
    // With a negative number among them, the one just appended is the only one that is not a bit pattern of UInt64.
    reals = integers.enumerated().map { index, value in
      hasUnsigned && !(hasNegative && index == integers.count - 1) ? Double(UInt64(bitPattern: value)) : Double(value)
    }
    integers = []
  }

  /// The tensor: `bool`, `i64`, `u64` or `f64` as the elements need, or their conversion to `dtype`.
  func tensor(_ dtype: DType?, _ start: Int) throws(TextFault) -> Tensor {
    let own: DType = isBoolean == true ? .bool : isReal ? .f64 : hasUnsigned ? .u64 : .i64
    let shape = sizes.compactMap { $0 }
    let made = isReal ? Tensor(own, shape, doubles: reals) : Tensor(own, shape, integers: integers)
    guard let made else { throw TextFault(offset: start, message: "not enough memory") }
    do throws(Tensor.ConversionFailure) {
      return try dtype.map { dtype throws(Tensor.ConversionFailure) in try made.converted(to: dtype) } ?? made
    } catch {
      guard case .value(let index, let text) = error else {
        throw TextFault(offset: start, message: "not enough memory")
      }
      throw TextFault(offset: start, message: "element \(index) is \(text), which \(dtype?.name ?? "") does not have")
    }
  }
}
