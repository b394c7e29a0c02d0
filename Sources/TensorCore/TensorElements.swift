// SPDX-License-Identifier: Apache-2.0
// Reading and writing single elements of a tensor as Double or Int64, with the conversions every part shares.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension TensorStorage {
  /// From here on zeroed bytes are pages of their own, which cost nothing until they are written.
  private static let mappedByteCount = 1 << 20

  /// Zeroed bytes, 64-byte aligned; nil when memory is short.
  package convenience init?(zeros byteCount: Int) {
    if byteCount >= Self.mappedByteCount {
      let pages = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let pages, pages != MAP_FAILED else { return nil }
      #if os(Linux)
        // Weights are read from end to end: large pages spare address translation. Where there are none, nothing changes.
        madvise(pages, byteCount, MADV_HUGEPAGE)
      #endif
      self.init(adopting: UnsafeMutableRawBufferPointer(start: pages, count: byteCount)) { munmap($0.baseAddress, $0.count) }
      return
    }
    var pointer: UnsafeMutableRawPointer?
    guard posix_memalign(&pointer, 64, Swift.max(byteCount, 64)) == 0, let pointer else { return nil }
    memset(pointer, 0, Swift.max(byteCount, 64))
    self.init(adopting: UnsafeMutableRawBufferPointer(start: pointer, count: byteCount)) { free($0.baseAddress) }
  }

  /// The unit of mappings, in bytes.
  package static let pageSize = Swift.max(sysconf(Int32(_SC_PAGESIZE)), 1)

  /// Puts a mapped file's bytes of a range at `target` without a copy: the pages that hold them, whole, replace what is
  /// there. False when `target` lies otherwise in its page, or the system refuses.
  package func map(_ range: Range<Int>, at target: UnsafeMutableRawPointer) -> Bool {
    let shift = range.lowerBound % Self.pageSize
    guard let file, Int(bitPattern: target) % Self.pageSize == shift else { return false }
    let start = mmap(
      target - shift, range.count + shift, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, off_t(range.lowerBound - shift))
    return start == target - shift
  }

  /// Gives the memory of a mapped file's whole pages in a range back; reading them again reads the file.
  package func dropPages(_ range: Range<Int>) {
    guard file != nil, let base = bytes.baseAddress else { return }
    let page = Self.pageSize
    let first = (UInt(bitPattern: base) + UInt(range.lowerBound) + UInt(page) - 1) / UInt(page) * UInt(page)
    let end = (UInt(bitPattern: base) + UInt(min(range.upperBound, bytes.count))) / UInt(page) * UInt(page)
    if first < end, let start = UnsafeMutableRawPointer(bitPattern: first) { madvise(start, Int(end - first), MADV_DONTNEED) }
  }
}

extension Tensor {
  /// A tensor of Doubles rounded to `dtype` (integers: toward zero, saturating; NaN is 0).
  package init?(_ dtype: DType, _ shape: [Int], doubles values: [Double]) {
    guard let new = Tensor(zeros: dtype, shape), new.count == values.count else { return nil }
    new.fill(values)
    self = new
  }

  /// A tensor of integers; they wrap to `dtype`.
  package init?(_ dtype: DType, _ shape: [Int], integers values: [Int64]) {
    guard let new = Tensor(zeros: dtype, shape), new.count == values.count else { return nil }
    new.fill(integers: values)
    self = new
  }

  /// Element `index` in row-major order as a Double (u64 and i64 beyond 2^53 are rounded).
  package func double(_ index: Int) -> Double {
    let base = bytes.baseAddress!
    switch dtype {
    case .f32: return Double(base.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
    case .f64: return base.loadUnaligned(fromByteOffset: index * 8, as: Double.self)
    case .f16: return Double(Float(halfBits: base.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)))
    case .bf16: return Double(Float(bfloatBits: base.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)))
    case .u64: return Double(UInt64(bitPattern: integer(index)))
    default: return Double(integer(index))
    }
  }

  /// Element `index` as an integer; u64 as its bit pattern; floats are rounded toward zero, saturating.
  package func integer(_ index: Int) -> Int64 {
    let base = bytes.baseAddress!
    switch dtype {
    case .i8: return Int64(base.load(fromByteOffset: index, as: Int8.self))
    case .u8: return Int64(base.load(fromByteOffset: index, as: UInt8.self))
    case .bool: return base.load(fromByteOffset: index, as: UInt8.self) == 0 ? 0 : 1
    case .i16: return Int64(base.loadUnaligned(fromByteOffset: index * 2, as: Int16.self))
    case .u16: return Int64(base.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
    case .i32: return Int64(base.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
    case .u32: return Int64(base.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
    case .i64: return base.loadUnaligned(fromByteOffset: index * 8, as: Int64.self)
    case .u64: return Int64(bitPattern: base.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    case .u4, .i4:
      let byte = base.load(fromByteOffset: index / 2, as: UInt8.self)
      let nibble = Int64(index % 2 == 0 ? byte & 15 : byte >> 4)
      return dtype == .i4 && nibble > 7 ? nibble - 16 : nibble
    case .f32, .f64, .f16, .bf16: return Int64(saturating: double(index))
    }
  }

  /// Writes a new tensor's element, rounded to its type (integers: toward zero, saturating; NaN is 0).
  package func set(_ index: Int, _ value: Double) {
    let base = mutableBytes.baseAddress!
    switch dtype {
    case .f32: base.storeBytes(of: Float(value), toByteOffset: index * 4, as: Float.self)
    case .f64: base.storeBytes(of: value, toByteOffset: index * 8, as: Double.self)
    case .f16: base.storeBytes(of: halfBits(value), toByteOffset: index * 2, as: UInt16.self)
    case .bf16: base.storeBytes(of: bfloatBits(value), toByteOffset: index * 2, as: UInt16.self)
    case .bool: base.storeBytes(of: value != 0 ? 1 : 0, toByteOffset: index, as: UInt8.self)
    case .u64: base.storeBytes(of: UInt64(saturating: value), toByteOffset: index * 8, as: UInt64.self)
    default:
      let range = dtype.integerRange!
      set(index, integer: Swift.min(Swift.max(Int64(saturating: value), range.low), range.high))
    }
  }

  /// Writes a new tensor's element from an integer, wrapping to its type.
  package func set(_ index: Int, integer value: Int64) {
    let base = mutableBytes.baseAddress!
    switch dtype {
    case .f32, .f64, .f16, .bf16: set(index, Double(value))
    case .bool: base.storeBytes(of: value != 0 ? 1 : 0, toByteOffset: index, as: UInt8.self)
    case .i8, .u8: base.storeBytes(of: UInt8(truncatingIfNeeded: value), toByteOffset: index, as: UInt8.self)
    case .i16, .u16: base.storeBytes(of: UInt16(truncatingIfNeeded: value), toByteOffset: index * 2, as: UInt16.self)
    case .i32, .u32: base.storeBytes(of: UInt32(truncatingIfNeeded: value), toByteOffset: index * 4, as: UInt32.self)
    case .i64, .u64: base.storeBytes(of: value, toByteOffset: index * 8, as: Int64.self)
    case .i4, .u4:
      let old = base.load(fromByteOffset: index / 2, as: UInt8.self)
      let nibble = UInt8(truncatingIfNeeded: value) & 15
      base.storeBytes(
        of: index % 2 == 0 ? old & 0xF0 | nibble : old & 0x0F | nibble << 4, toByteOffset: index / 2, as: UInt8.self)
    }
  }
}

extension Int64 {
  /// The nearest integer toward zero; NaN is 0, beyond the range is the nearest end.
  package init(saturating value: Double) {
    if value.isNaN {
      self = 0
    } else if value >= 0x1p63 {
      self = .max
    } else if value < -0x1p63 {
      self = .min
    } else {
      self = Int64(value)
    }
  }
}

extension UInt64 {
  /// The nearest integer toward zero; NaN is 0, beyond the range is the nearest end.
  package init(saturating value: Double) {
    self = value.isNaN || value <= 0 ? 0 : value >= 0x1p64 ? .max : UInt64(value)
  }
}

extension Float {
  /// The value of an IEEE half-precision bit pattern.
  package init(halfBits bits: UInt16) {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10) & 31
    let fraction = UInt32(bits & 0x3FF)
    switch (exponent, fraction) {
    case (0, _): self = (sign == 0 ? 1 : -1) * Float(fraction) * 0x1p-24
    case (31, _): self = Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: self = Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }

  /// The value of a bfloat16 bit pattern.
  package init(bfloatBits bits: UInt16) { self.init(bitPattern: UInt32(bits) << 16) }
}

/// The half-precision bit pattern nearest to a value, ties to even.
package func halfBits(_ value: Double) -> UInt16 {
  let sign: UInt16 = value.sign == .minus ? 0x8000 : 0
  if value.isNaN { return sign | 0x7E00 }
  let magnitude = value.magnitude
  if magnitude >= 65520 { return sign | 0x7C00 }
  if magnitude < 0x1p-14 { return sign | UInt16((magnitude * 0x1p24).rounded(.toNearestOrEven)) }
  let exponent = Int(magnitude.exponent)
  let scaled = (magnitude.significand * 1024).rounded(.toNearestOrEven)
  return sign | UInt16((exponent + 14) * 1024 + Int(scaled))
}

/// The bfloat16 bit pattern nearest to a value, ties to even, rounded once from Double.
package func bfloatBits(_ value: Double) -> UInt16 {
  if value.isNaN { return 0x7FC0 | (value.sign == .minus ? 0x8000 : 0) }
  // Round to odd at float precision first, so that the second rounding sees what the first dropped.
  var single = Float(value)
  if Double(single) != value && single.isFinite {
    if single.magnitude > Float(0), Double(single.magnitude) > value.magnitude {
      single = single.sign == .minus ? single.nextUp : single.nextDown
    }
    single = Float(bitPattern: single.bitPattern | 1)
  }
  let bits = single.bitPattern
  let rounded = bits.addingReportingOverflow(0x7FFF + ((bits >> 16) & 1)).partialValue
  return UInt16(truncatingIfNeeded: rounded >> 16)
}
