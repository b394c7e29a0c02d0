// SPDX-License-Identifier: Apache-2.0
// Integers sorted into bins by a hash of their decimal digits, as Keras hashes integers.
// Source: FarmHash's Fingerprint64 (github.com/google/farmhash) for texts of up to 32 bytes, and SipHash-2-4 (Aumasson
// and Bernstein, 2012) where a salt is given.

import GraphIR
import GraphOps
import TensorCore

package struct Hashing: Layer {
  package static let name = "Hashing"
  package static let summary = "A bin for each integer, by a hash of its decimal digits: the same everywhere."
  package static let required = ["num_bins"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("num_bins", \.binCount, "the number of bins, that of the mask included"),
      Attribute("mask_value", \.maskValue, "an integer that is bin 0, which no other one is then"),
      Attribute("salt", \.salt, "one or two numbers that choose another hash"),
      Attribute("output_mode", \.outputMode, "'int', 'one_hot', 'multi_hot' or 'count'"),
    ]
  }
  package var binCount = 0
  package var maskValue: Int?
  package var salt: [Int]?
  package var outputMode = "int"
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try operand(inputs)
    try atLeastOne(binCount, "num_bins", of: Self.name)
    guard context.type(x).dtype.isInteger, context.type(x).dtype != .u64 else {
      throw TypeError(
        "'Hashing' needs integers, found \(context.type(x))", operand: 0,
        note: "tensors hold no strings: hash those while the data is read")
    }
    guard salt.map({ (1...2).contains($0.count) }) ?? true else {
      throw TypeError("'salt' of 'Hashing' must be one or two numbers, found \(salt?.count ?? 0)")
    }
    let wide = try context.emit(Cast(to: .i64), x)
    let text = try DecimalText(wide, &context)
    let key = salt.map { (UInt64(bitPattern: Int64($0[0])), UInt64(bitPattern: Int64($0[$0.count - 1]))) }
    let hash: ValueID
    if let key { hash = try text.sipHash(key, &context) } else { hash = try text.farmHash(&context) }
    // The mask's bin is one of them.
    let isMasked = maskValue != nil && binCount > 1
    let bins = try context.word(UInt64(isMasked ? binCount - 1 : binCount))
    var bin = try context.emit(Cast(to: .i64), try context.emit(Mod(), hash, bins))
    if isMasked, let maskValue {
      let isMask = try context.emit(Equal(), wide, try context.integer(maskValue))
      bin = try context.emit(
        Where(), isMask, try context.integer(0), try context.emit(Add(), bin, try context.integer(1)))
    }
    return result(
      try context.encoded(bin, depth: binCount, outputMode, allowsInt: true, for: Self.name))
  }
}

/// The decimal digits of an i64 tensor, which is read byte by byte.
private struct DecimalText {
  /// Whether there is a sign before the digits.
  private let isNegative: ValueID
  private let magnitude: ValueID
  /// 1, 10, 100 … as u64.
  private let powers: ValueID
  /// Bytes, i64, and the same as u64.
  private let count: ValueID
  private let length: ValueID

  /// As many bytes as the longest has.
  private static let longest = 20

  init(_ x: ValueID, _ context: inout LayerContext) throws(TypeError) {
    isNegative = try context.emit(Less(), x, try context.integer(0))
    var toBits = BitCast()
    toBits.to = .u64
    // The smallest integer is its own opposite, and its bits are those of its magnitude.
    let opposite = try context.emit(Neg(), x)
    magnitude = try context.emit(toBits, try context.emit(Where(), isNegative, opposite, x))
    var table: [UInt64] = [1]
    for _ in 1..<Self.longest { table.append(table[table.count - 1] &* 10) }
    powers = try context.words(table)
    let reached = try context.emit(
      GreaterOrEqual(), try context.emit(Unsqueeze(axes: [-1]), magnitude), try context.words(Array(table.dropFirst())))
    let others = try context.emit(
      ReduceSum(axes: [-1], keepDims: false), try context.emit(Cast(to: .i64), reached))
    let digits = try context.emit(Add(), others, try context.integer(1))
    count = try context.emit(Add(), digits, try context.emit(Cast(to: .i64), isNegative))
    length = try context.emit(Cast(to: .u64), count)
  }

  /// The byte at a place counted from the front; 0 behind the end.
  private func byte(_ place: ValueID, _ context: inout LayerContext) throws(TypeError) -> ValueID {
    let zero = try context.integer(0)
    let behind = try context.emit(Sub(), try context.emit(Sub(), count, try context.integer(1)), place)
    let power = try context.emit(Gather(axis: 0), powers, try context.emit(Max(), behind, zero))
    let digit = try context.emit(Mod(), try context.emit(Div(), magnitude, power), try context.word(10))
    let isSign = try context.emit(And(), isNegative, try context.emit(Equal(), place, zero))
    let written = try context.emit(
      Where(), isSign, try context.word(0x2D), try context.emit(Add(), digit, try context.word(0x30)))
    return try context.emit(Where(), try context.emit(Less(), behind, zero), try context.word(0), written)
  }

  /// Bytes from a place on as one number, the first one lowest. Places before the front are the front.
  private func fetch(_ from: ValueID, bytes: Int, _ context: inout LayerContext) throws(TypeError) -> ValueID {
    let start = try context.emit(Max(), from, try context.integer(0))
    var sum: ValueID?
    for number in 0..<bytes {
      let place = try context.emit(Add(), start, try context.integer(number))
      let part = try context.shifted(try byte(place, &context), left: 8 * number)
      sum = try sum.map { sum throws(TypeError) in try context.emit(BitwiseOr(), sum, part) } ?? part
    }
    guard let sum else { throw TypeError("there is nothing to read") }
    return sum
  }

  private func fromEnd(_ bytes: Int, _ context: inout LayerContext) throws(TypeError) -> ValueID {
    try context.emit(Sub(), count, try context.integer(bytes))
  }

  // MARK: FarmHash

  private static let k0: UInt64 = 0xC3A5_C85C_97CB_3127
  private static let k1: UInt64 = 0xB492_B66F_BE98_F273
  private static let k2: UInt64 = 0x9AE1_6A3B_2F90_404F

  func farmHash(_ context: inout LayerContext) throws(TypeError) -> ValueID {
    let (zero, k1, k2) = (try context.integer(0), try context.word(Self.k1), try context.word(Self.k2))
    let factor = try context.emit(Add(), k2, try context.shifted(length, left: 1))
    func mix(_ u: ValueID, _ v: ValueID) throws(TypeError) -> ValueID {
      let a = try context.folded(try context.product(try context.xor(u, v), factor))
      return try context.product(try context.folded(try context.product(try context.xor(v, a), factor)), factor)
    }
    // One to three bytes.
    let first = try byte(zero, &context)
    let middle = try byte(try context.emit(Div(), count, try context.integer(2)), &context)
    let last = try byte(try fromEnd(1, &context), &context)
    let y = try context.sum(first, try context.shifted(middle, left: 8))
    let z = try context.sum(length, try context.shifted(last, left: 2))
    let k0 = try context.word(Self.k0)
    let short = try context.product(
      try context.folded(try context.xor(try context.product(y, k2), try context.product(z, k0))), k2)
    // Four to seven.
    let front = try context.shifted(try fetch(zero, bytes: 4, &context), left: 3)
    let medium = try mix(
      try context.sum(length, front), try fetch(try fromEnd(4, &context), bytes: 4, &context))
    // Eight to sixteen.
    let head = try fetch(zero, bytes: 8, &context)
    let tail = try fetch(try fromEnd(8, &context), bytes: 8, &context)
    let a = try context.sum(head, k2)
    let c = try context.sum(try context.product(try context.rotated(tail, right: 37), factor), a)
    let d = try context.product(try context.sum(try context.rotated(a, right: 25), tail), factor)
    let long = try mix(c, d)
    // Seventeen to twenty.
    let e = try context.product(head, k1)
    let f = try fetch(try context.integer(8), bytes: 8, &context)
    let g = try context.product(tail, factor)
    let h = try context.product(try fetch(try fromEnd(16, &context), bytes: 8, &context), k2)
    let turned = try context.sum(
      try context.rotated(try context.sum(e, f), right: 43), try context.rotated(g, right: 30))
    let other = try context.sum(e, try context.rotated(try context.sum(f, k2), right: 18))
    let longest = try mix(try context.sum(turned, h), try context.sum(other, g))
    var hash = longest
    for (limit, value) in [(16, long), (7, medium), (3, short)] {
      hash = try context.emit(
        Where(), try context.emit(LessOrEqual(), count, try context.integer(limit)), value, hash)
    }
    return hash
  }

  // MARK: SipHash

  func sipHash(_ key: (UInt64, UInt64), _ context: inout LayerContext) throws(TypeError) -> ValueID {
    // "somepseudorandomlygeneratedbytes"
    let starts: [UInt64] = [0x736F_6D65_7073_6575, 0x646F_7261_6E64_6F6D, 0x6C79_6765_6E65_7261, 0x7465_6462_7974_6573]
    var state: [ValueID] = []
    for (place, start) in starts.enumerated() { state.append(try context.word(start ^ (place % 2 == 0 ? key.0 : key.1))) }
    func round(_ v: inout [ValueID]) throws(TypeError) {
      /// a += b; b = rotated b ^ a
      func half(_ a: Int, _ b: Int, _ turn: Int) throws(TypeError) {
        v[a] = try context.sum(v[a], v[b])
        v[b] = try context.xor(try context.rotated(v[b], right: 64 - turn), v[a])
      }
      try half(0, 1, 13)
      v[0] = try context.rotated(v[0], right: 32)
      try half(2, 3, 16)
      try half(0, 3, 21)
      try half(2, 1, 17)
      v[2] = try context.rotated(v[2], right: 32)
    }
    // The last block holds what is left, and the length in its highest byte.
    let last = try context.emit(Div(), count, try context.integer(8))
    for block in 0...DecimalText.longest / 8 {
      let number = try context.integer(block)
      let isLast = try context.emit(Equal(), last, number)
      let ending = try context.emit(Where(), isLast, try context.shifted(length, left: 56), try context.word(0))
      let bytes = try fetch(try context.integer(8 * block), bytes: 8, &context)
      let message = try context.emit(BitwiseOr(), bytes, ending)
      var next = state
      next[3] = try context.xor(next[3], message)
      try round(&next)
      try round(&next)
      next[0] = try context.xor(next[0], message)
      let isPart = try context.emit(GreaterOrEqual(), last, number)
      for place in state.indices { state[place] = try context.emit(Where(), isPart, next[place], state[place]) }
    }
    state[2] = try context.xor(state[2], try context.word(0xFF))
    for _ in 0..<4 { try round(&state) }
    return try context.xor(try context.xor(state[0], state[1]), try context.xor(state[2], state[3]))
  }
}

/// Arithmetic on u64 tensors, which wraps.
extension LayerContext {
  fileprivate mutating func integer(_ value: Int) throws(TypeError) -> ValueID {
    guard let tensor = Tensor(.i64, [], integers: [Int64(value)]) else { throw TypeError("out of memory") }
    return try builder.constant(tensor)
  }

  fileprivate mutating func word(_ value: UInt64) throws(TypeError) -> ValueID {
    guard let tensor = Tensor(.u64, [], integers: [Int64(bitPattern: value)]) else { throw TypeError("out of memory") }
    return try builder.constant(tensor)
  }

  fileprivate mutating func words(_ values: [UInt64]) throws(TypeError) -> ValueID {
    guard let tensor = Tensor(.u64, [values.count], integers: values.map { Int64(bitPattern: $0) }) else {
      throw TypeError("out of memory")
    }
    return try builder.constant(tensor)
  }

  fileprivate mutating func sum(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID { try emit(Add(), a, b) }
  fileprivate mutating func product(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID { try emit(Mul(), a, b) }
  fileprivate mutating func xor(_ a: ValueID, _ b: ValueID) throws(TypeError) -> ValueID {
    try emit(BitwiseXor(), a, b)
  }

  fileprivate mutating func shifted(_ value: ValueID, left count: Int) throws(TypeError) -> ValueID {
    if count == 0 { return value }
    var shift = BitShift()
    shift.direction = "LEFT"
    return try emit(shift, value, try word(UInt64(count)))
  }

  fileprivate mutating func rotated(_ value: ValueID, right count: Int) throws(TypeError) -> ValueID {
    try emit(BitwiseOr(), try moved(value, right: count), try shifted(value, left: 64 - count))
  }

  /// value ^ value >> 47
  fileprivate mutating func folded(_ value: ValueID) throws(TypeError) -> ValueID {
    try xor(value, try moved(value, right: 47))
  }

  private mutating func moved(_ value: ValueID, right count: Int) throws(TypeError) -> ValueID {
    var shift = BitShift()
    shift.direction = "RIGHT"
    return try emit(shift, value, try word(UInt64(count)))
  }
}
