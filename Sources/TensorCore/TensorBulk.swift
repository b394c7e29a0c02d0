// SPDX-License-Identifier: Apache-2.0
// Reading and writing all elements of a tensor at once: one loop per element type, without a switch inside.

extension Tensor {
  /// Every element in row-major order as a Double (u64 and i64 beyond 2^53 are rounded).
  package func doubles() -> [Double] {
    [Double](unsafeUninitializedCapacity: count) { buffer, filled in
      if let start = buffer.baseAddress { copyDoubles(0..<count, to: start) }
      filled = count
    }
  }

  /// Writes the elements of a range, which must be inside the tensor, as Doubles: for passes over a large tensor that
  /// need no copy of all of it.
  package func copyDoubles(_ range: Range<Int>, to target: UnsafeMutablePointer<Double>) {
    switch dtype {
    case .f32: copy(Float.self, range, target) { Double($0) }
    case .f64: copy(Double.self, range, target) { $0 }
    case .f16: copy(UInt16.self, range, target) { Double(Float(halfBits: $0)) }
    case .bf16: copy(UInt16.self, range, target) { Double(Float(bfloatBits: $0)) }
    case .i8: copy(Int8.self, range, target) { Double($0) }
    case .i16: copy(Int16.self, range, target) { Double($0) }
    case .i32: copy(Int32.self, range, target) { Double($0) }
    case .i64: copy(Int64.self, range, target) { Double($0) }
    case .u8: copy(UInt8.self, range, target) { Double($0) }
    case .u16: copy(UInt16.self, range, target) { Double($0) }
    case .u32: copy(UInt32.self, range, target) { Double($0) }
    case .u64: copy(UInt64.self, range, target) { Double($0) }
    case .bool: copy(UInt8.self, range, target) { $0 == 0 ? 0 : 1 }
    case .i4, .u4: for index in range { target[index - range.lowerBound] = Double(integer(index)) }
    }
  }

  /// Calls `body` with every element, in row-major order.
  package func forEachDouble(_ body: (Double) -> Void) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.blockSize) { block in
      guard let start = block.baseAddress else { return }
      for first in stride(from: 0, to: count, by: Self.blockSize) {
        let range = first..<Swift.min(count, first + Self.blockSize)
        copyDoubles(range, to: start)
        for index in 0..<range.count { body(start[index]) }
      }
    }
  }

  /// Elements that passes over large tensors convert at a time: half of a first-level cache.
  static let blockSize = 2048

  /// Every element in row-major order as `integer(_:)` gives it: u64 as bit patterns, floats toward zero, saturating.
  package func integers() -> [Int64] {
    switch dtype {
    case .i8: mapped(Int8.self) { Int64($0) }
    case .i16: mapped(Int16.self) { Int64($0) }
    case .i32: mapped(Int32.self) { Int64($0) }
    case .i64: mapped(Int64.self) { $0 }
    case .u8: mapped(UInt8.self) { Int64($0) }
    case .u16: mapped(UInt16.self) { Int64($0) }
    case .u32: mapped(UInt32.self) { Int64($0) }
    case .u64: mapped(UInt64.self) { Int64(bitPattern: $0) }
    case .bool: mapped(UInt8.self) { $0 == 0 ? 0 : 1 }
    case .f32: mapped(Float.self) { Int64(saturating: Double($0)) }
    case .f64: mapped(Double.self) { Int64(saturating: $0) }
    case .f16, .bf16, .i4, .u4: (0..<count).map { integer($0) }
    }
  }

  /// Calls `body` with the tensor's bytes, which are there during the call.
  package func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(storage) {} }
    return try body(bytes)
  }

  /// Whether both have the same type and the same bytes.
  package func isIdentical(to other: Tensor) -> Bool {
    dtype == other.dtype && shape == other.shape && withBytes { a in other.withBytes { a.elementsEqual($0) } }
  }

  /// Fills a new tensor with `count` values, as `set(_:_:)` does one.
  package func fill(_ values: [Double]) {
    switch dtype {
    case .f32: store(values) { Float($0) }
    case .f64: store(values) { $0 }
    case .f16: store(values) { halfBits($0) }
    case .bf16: store(values) { bfloatBits($0) }
    case .i8: store(values) { Int8(clamping: Int64(saturating: $0)) }
    case .i16: store(values) { Int16(clamping: Int64(saturating: $0)) }
    case .i32: store(values) { Int32(clamping: Int64(saturating: $0)) }
    case .i64: store(values) { Int64(saturating: $0) }
    case .u8: store(values) { UInt8(clamping: Int64(saturating: $0)) }
    case .u16: store(values) { UInt16(clamping: Int64(saturating: $0)) }
    case .u32: store(values) { UInt32(clamping: Int64(saturating: $0)) }
    case .u64: store(values) { UInt64(saturating: $0) }
    default: for (index, value) in values.prefix(count).enumerated() { set(index, value) }
    }
  }

  /// Fills a new tensor with `count` integers, as `set(_:integer:)` does one.
  package func fill(integers values: [Int64]) {
    switch dtype {
    case .i8, .u8: store(values) { UInt8(truncatingIfNeeded: $0) }
    case .i16, .u16: store(values) { UInt16(truncatingIfNeeded: $0) }
    case .i32, .u32: store(values) { UInt32(truncatingIfNeeded: $0) }
    case .i64, .u64: store(values) { $0 }
    case .f32: store(values) { Float($0) }
    case .f64: store(values) { Double($0) }
    default: for (index, value) in values.prefix(count).enumerated() { set(index, integer: value) }
    }
  }

  @inline(__always)
  private func mapped<Element: BitwiseCopyable, Out: BitwiseCopyable>(
    _ type: Element.Type, _ convert: (Element) -> Out
  ) -> [Out] {
    [Out](unsafeUninitializedCapacity: count) { buffer, filled in
      if let start = buffer.baseAddress { copy(type, 0..<count, start, convert) }
      filled = count
    }
  }

  @inline(__always)
  private func copy<Element: BitwiseCopyable, Out: BitwiseCopyable>(
    _ type: Element.Type, _ range: Range<Int>, _ target: UnsafeMutablePointer<Out>, _ convert: (Element) -> Out
  ) {
    guard let base = bytes.baseAddress else { return }
    let start = base + range.lowerBound &* MemoryLayout<Element>.size
    for index in 0..<range.count {
      let element = start.loadUnaligned(fromByteOffset: index &* MemoryLayout<Element>.size, as: Element.self)
      (target + index).initialize(to: convert(element))
    }
    withExtendedLifetime(storage) {}
  }

  @inline(__always)
  private func store<Value, Element: BitwiseCopyable>(_ values: [Value], _ convert: (Value) -> Element) {
    guard let base = mutableBytes.baseAddress else { return }
    for index in 0..<Swift.min(count, values.count) {
      base.storeBytes(of: convert(values[index]), toByteOffset: index &* MemoryLayout<Element>.size, as: Element.self)
    }
    withExtendedLifetime(storage) {}
  }
}
