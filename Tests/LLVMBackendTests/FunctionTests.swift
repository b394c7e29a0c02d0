// SPDX-License-Identifier: Apache-2.0
// Every scalar function and conversion, in vectors and alone, on special and random values.

import KernelIR
import TensorCore
import Testing

@Suite struct FunctionTests {
  static let types: [DType] = [.f32, .f64, .i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64, .bool]

  /// Values of a type: limits, zeros, NaN, and random ones of every magnitude.
  static func values(_ dtype: DType, _ count: Int, _ random: inout Random) -> [UInt8] {
    let specials: [Double] = [
      0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 2, 3, -3, 7, 10, -10, 100, 127, 128, -128, 255, 256, 1e3, 32767.5,
      65535, 65536, 2_147_483_647, 2_147_483_648, -2_147_483_648, -2_147_483_649, 4_294_967_296, 9.3e18, -9.3e18,
      1.9e19, 1e30, 1e-30,
      .infinity, -.infinity, .nan, 1e-310, 5e-324, 1e-42, 1e-45, 3e38, 1e300, .greatestFiniteMagnitude, 0.9999999,
    ]
    var bytes: [UInt8] = []
    for index in 0..<count {
      let isSpecial = index < specials.count * 2
      let special = specials[index % specials.count]
      let word = random.next() >> (random.next() % 64)
      let real =
        isSpecial
        ? special
        : random.next() % 4 == 0
          ? Double.random(in: -8...8, using: &random) : Double.random(in: -4...4, using: &random) * 1e3
      switch dtype {
      case .f32: bytes += Harness.bytes([Float(real)])
      case .f64: bytes += Harness.bytes([real])
      case .bool: bytes.append(UInt8(word & 1))
      default:
        let integer =
          isSpecial ? Int64(saturating: special) : Int64(bitPattern: random.next() % 2 == 0 ? word : 0 &- word)
        bytes += withUnsafeBytes(of: integer.littleEndian) { Array($0.prefix(dtype.size)) }
      }
    }
    return bytes
  }

  /// `y[j] = make(x₀[j], x₁[j], …)` for 203 elements in vectors, then for the same alone.
  static func check(
    _ name: String, _ inputs: [DType], _ result: DType, ulps: Double = 0, seed: UInt64 = 7, make: ([Expr]) -> Expr
  ) throws {
    let count = 203
    let tile = Axis(id: 0, name: "t")
    let index = Axis(id: 1, name: "j")
    var random = Random(seed)
    var contents = inputs.enumerated().map { position, dtype in
      // Different operands meet in different places.
      let bytes = values(dtype, count, &random)
      let shift = position * 17 * dtype.size
      return Array(bytes[shift...] + bytes[..<shift])
    }
    contents.append(Array(repeating: 0, count: 2 * count * result.size))
    let at = Expr.axis(index)
    let value = make(inputs.enumerated().map { .load($0.offset, $0.element, at: at) })
    func loop(_ mode: LoopMode, _ start: Int) -> Statement {
      .loop(
        Loop(
          index, .int(count), mode, [.store(buffer: inputs.count, offset: at + .int(start), value: value, guard: nil)]))
    }
    let kernel = Kernel(
      name: name,
      parameters: inputs.enumerated().map { .init("x\($0.offset)", $0.element, .read) } + [.init("y", result, .write)],
      tileAxis: tile, tiles: .int(1), body: [loop(.vector(unroll: 2), 0), loop(.serial, count)])
    try Harness.check(kernel, contents, tiles: 1, ulps: ulps)
  }

  @Test(arguments: UnaryFunction.allCases) func unary(_ function: UnaryFunction) throws {
    let exact: Set<UnaryFunction> = [
      .neg, .abs, .sign, .floor, .ceil, .trunc, .round, .sqrt, .reciprocal, .isNaN, .isInf, .not, .bitNot,
    ]
    for dtype in Self.types {
      let isDefined =
        switch function {
        case .neg, .abs, .sign: dtype != .bool
        case .not: dtype == .bool
        case .bitNot: dtype.isInteger
        default: dtype.isFloat
        }
      guard isDefined else { continue }
      let result: DType = function == .isNaN || function == .isInf ? .bool : dtype
      let ulps: Double = exact.contains(function) ? 0 : dtype == .f32 ? 2.5 : function == .gelu ? 64 : 6
      try Self.check("\(function) of \(dtype)", [dtype], result, ulps: ulps) { operands in
        // The products with a factor that vanishes give their limit at -∞, where the formulas give NaN.
        let hasLimit = [.gelu, .silu, .mish].contains(function)
        return .unary(function, hasLimit ? .max(operands[0], .real(-1e30, dtype)) : operands[0])
      }
    }
  }

  @Test(arguments: BinaryFunction.allCases) func binary(_ function: BinaryFunction) throws {
    for dtype in Self.types {
      let isDefined =
        switch function {
        case .atan2: dtype.isFloat
        case .shl, .shr: dtype.isInteger
        case .and, .or, .xor: !dtype.isFloat
        case .eq, .ne: true
        default: dtype != .bool
        }
      guard isDefined else { continue }
      let ulps: Double = function == .pow || function == .atan2 ? (dtype == .f32 ? 2.5 : 6) : 0
      let result = function.isComparison ? DType.bool : dtype
      try Self.check("\(function) of \(dtype)", [dtype, dtype], result, ulps: dtype.isFloat ? ulps : 0) {
        .binary(function, $0[0], $0[1])
      }
    }
  }

  @Test func constantOperands() throws {
    for function in [BinaryFunction.max, .min] {
      for constant in [0.0, -0.0, 6, -1, .infinity, .nan] {
        try Self.check("\(function) \(constant)", [.f32], .f32) { .binary(function, $0[0], .real(constant, .f32)) }
        try Self.check("\(function) \(constant)", [.f32], .f32) { .binary(function, .real(constant, .f32), $0[0]) }
      }
    }
    for function in [BinaryFunction.div, .rem, .floorDiv, .mod, .shl, .shr, .pow] {
      for constant in [-7, -1, 0, 1, 2, 10, 40] {
        try Self.check("\(function) \(constant)", [.i32], .i32) { .binary(function, $0[0], .int(constant, .i32)) }
      }
    }
  }

  @Test(arguments: types) func conversions(from source: DType) throws {
    for target in Self.types {
      try Self.check("\(source) to \(target)", [source], target) { $0[0].cast(to: target) }
      if source.bits == target.bits, source != .bool, target != .bool, source != target {
        try Self.check("\(source) as \(target)", [source], target) { Expr(.bitcast($0[0]), target) }
      }
    }
  }

  @Test(arguments: types) func selection(of dtype: DType) throws {
    try Self.check("select \(dtype)", [.bool, dtype, dtype], dtype) { .select($0[0], $0[1], $0[2]) }
  }

  /// Every pattern of the 16-bit floats to f32, and f32 around every one of them back.
  @Test(arguments: [DType.f16, .bf16]) func halves(_ dtype: DType) throws {
    let patterns = (0...UInt16.max).map { $0 }
    let text = { (x: String, y: String, n: Int) in
      """
      kernel halves(%x: \(x) read, %y: \(y) write) tiles t in 1 {
        for j in \(n) vector(1) {
          %y[j] = %x[j]
        }
      }

      """
    }
    let zeros = [UInt8](repeating: 0, count: patterns.count * 4)
    try Harness.check(
      Harness.parse(text("\(dtype)", "f32", patterns.count)), [Harness.bytes(patterns), zeros], tiles: 1)
    var floats: [UInt32] = []
    for pattern in patterns where pattern % 8 == 0 {
      let bits =
        dtype == .bf16 ? UInt32(pattern) << 16 : Float(halfBits: pattern).bitPattern
      for delta: Int32 in [-1, 0, 1] { floats.append(bits &+ UInt32(bitPattern: delta)) }
      floats.append(bits &+ 0x1000)
      floats.append(bits &+ 0x8000)
      floats.append(bits &+ 0x7FFF)
    }
    // NaN payloads differ between processors' instructions.
    let numbers =
      floats.map { Float(bitPattern: $0) }.map { $0.isNaN ? 1 : $0 } + [65519, 65520, 65536, 1e-8, 3e-8, -2.9e-8]
    let room = [UInt8](repeating: 0, count: numbers.count * 2)
    try Harness.check(Harness.parse(text("f32", "\(dtype)", numbers.count)), [Harness.bytes(numbers), room], tiles: 1)
  }
}
