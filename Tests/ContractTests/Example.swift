// SPDX-License-Identifier: Apache-2.0
// A contraction with random sizes, layouts and types, as a kernel and as a plain triple loop.

import KernelIR
import LLVMBackend
import TensorCore

/// A small generator whose numbers are the same everywhere.
struct Random {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next(_ range: ClosedRange<Int>) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return range.lowerBound + Int((state >> 11) % UInt64(range.count))
  }

  mutating func bool() -> Bool { next(0...1) == 1 }
}

/// `c[m, n] = max(Σ a · b + bias[n], 0)` (integers without the bias), everything around the result untouched.
struct Example: CustomStringConvertible {
  var rows: Int
  var columns: Int
  /// Extents of the depth, outermost first.
  var depth: [Int]
  var tile: Contract.Tile
  var aType: DType
  var bType: DType
  var sumType: DType
  var isPacked: Bool
  /// The innermost depth of the packed B is interleaved.
  var isInterleaved: Bool
  /// Elements of A between steps of the innermost depth.
  var aStep: Int
  /// Sizes given at run time.
  var isDynamic: (rows: Bool, columns: Bool, depth: Bool)
  /// Elements between rows beyond their own.
  var gaps: (a: Int, b: Int, c: Int)
  /// Rows of A come in groups of this many, with a gap between groups: not linear in the row.
  var rowGroup: Int?

  var description: String {
    "\(rows)x\(depth)x\(columns) tile \(tile.rows)x\(tile.columns)u\(tile.unroll) \(aType)·\(bType)→\(sumType) "
      + "packed \(isPacked) interleaved \(isInterleaved) step \(aStep) dynamic \(isDynamic) gaps \(gaps) groups \(rowGroup ?? 0)"
  }

  var steps: Int { depth.reduce(1, *) }
  /// The depth axes lie apart by one element more than they need, but for the innermost.
  private var aStrides: [Int] { strides(innermost: aStep, spare: depth.count > 2 ? 1 : 0) }
  private var bStrides: [Int] { strides(innermost: columns + gaps.b, spare: depth.count > 2 ? 2 : 0) }

  private func strides(innermost: Int, spare: Int) -> [Int] {
    var strides = Array(repeating: innermost, count: depth.count)
    for index in depth.indices.dropLast().reversed() {
      strides[index] = strides[index + 1] * depth[index + 1] + spare
    }
    return strides
  }

  private var rowStride: Int { (aStrides.first ?? 1) * (depth.first ?? 1) + gaps.a }
  private func aStart(_ row: Int) -> Int { row * rowStride + (rowGroup.map { row / $0 * 7 } ?? 0) }
  var aCount: Int { aStart(rows) + 8 }
  var bCount: Int { (bStrides.first ?? 1) * (depth.first ?? 1) + columns + 8 }
  var cStride: Int { columns + gaps.c }
  var cCount: Int { rows * cStride + 16 }

  /// Products may be added in pairs, rounded otherwise than one by one.
  var isRoundedOtherwise: Bool { aType == .bf16 && bType == .bf16 }

  /// Steps of B that are side by side.
  var together: Int { isInterleaved ? Contract.stepsTogether(aType, bType) ?? 1 : 1 }

  /// Places of B's steps in a packed panel: a step's number, or that among steps filled up to be side by side.
  func place(_ step: Int) -> Int {
    guard let run = depth.last else { return step }
    return step / run * ((run + together - 1) / together * together) + step % run
  }

  /// Offsets into A of row 0 and into B of column 0, by depth step.
  func depthOffsets() -> [(a: Int, b: Int)] {
    var offsets = [(a: 0, b: 0)]
    for (index, extent) in depth.enumerated() {
      offsets = offsets.flatMap { start in
        (0..<extent).map { (start.a + $0 * aStrides[index], start.b + $0 * bStrides[index]) }
      }
    }
    return offsets
  }

  func rowOffset(_ row: Int) -> Int { aStart(row) }

  var kernel: Kernel {
    let (row, column) = (Axis(id: 1, name: "m"), Axis(id: 2, name: "n"))
    let sum = Local(id: 0, name: "sum", dtype: sumType)
    var aOffset = Expr.axis(row) * .int(rowStride)
    if let rowGroup { aOffset = aOffset + Expr.floorDiv(.axis(row), .int(rowGroup)) * .int(7) }
    let sizes = [rows, columns] + depth
    func size(_ index: Int, _ dynamic: Bool) -> Expr { dynamic ? .size(index) : .int(sizes[index]) }
    let axes = depth.indices.map {
      DepthAxis(
        extent: size(2 + $0, isDynamic.depth), aStride: .int(aStrides[$0]), bStride: .int(bStrides[$0]))
    }
    var value = Expr.local(sum)
    if sumType.isFloat { value = .max(value + .load(3, sumType, at: .axis(column)), .constant(0, sumType)) }
    let contract = Contract(
      rows: size(0, isDynamic.rows), columns: size(1, isDynamic.columns), depth: axes, rowAxis: row,
      columnAxis: column, a: 0, aOffset: aOffset, b: 1, bOffset: .int(0), bIsPacked: isPacked,
      bIsInterleaved: isInterleaved, tile: tile,
      accumulators: [sum],
      epilogue: [
        .store(buffer: 2, offset: .axis(row) * .int(cStride) + .axis(column) + .int(8), value: value, guard: nil)
      ])
    return Kernel(
      name: "example",
      parameters: [
        .init("a", aType, .read), .init("b", bType, .read), .init("c", sumType, .write), .init("bias", sumType, .read),
      ], sizes: sizes.indices.map { "s\($0)" }, tileAxis: Axis(id: 0, name: "t"), tiles: .int(1),
      body: [.contract(contract)])
  }

  static func random(_ random: inout Random, lanes: Int, registers: Int) -> Example {
    let types: [(DType, DType, DType)] = [
      (.f32, .f32, .f32), (.f32, .f32, .f32), (.f64, .f64, .f64), (.i8, .i8, .i32), (.u8, .i8, .i32), (.u8, .u8, .i32), (.i8, .u8, .i32),
      (.f32, .bf16, .f32), (.f16, .f32, .f32), (.f32, .f16, .f32), (.bf16, .bf16, .f32), (.bf16, .bf16, .f32),
    ]
    let (aType, bType, sumType) = types[random.next(0...types.count - 1)]
    let rows = random.next(1...70)
    let columns = random.next(1...70)
    let depth: [Int] =
      switch random.next(0...3) {
      case 0: [random.next(1...5), random.next(1...5), random.next(1...7)]
      case 1: [random.next(1...9), random.next(1...9)]
      default: [random.next(1...70)]
      }
    let isDynamic = (rows: random.next(0...3) == 0, columns: random.next(0...3) == 0, depth: random.next(0...3) == 0)
    var tile = Contract.Tile.choose(
      rows: isDynamic.rows ? nil : rows, columns: isDynamic.columns ? nil : columns,
      depth: isDynamic.depth ? nil : depth.last, lanes: sumType == .f64 ? lanes / 2 : lanes, registers: registers)
    // Any other tile must do as well.
    if random.next(0...2) == 0 {
      tile = Contract.Tile(rows: random.next(1...9), columns: random.next(1...40), unroll: random.next(1...5))
    }
    let isPacked = random.bool()
    return Example(
      rows: rows, columns: columns, depth: depth, tile: tile, aType: aType, bType: bType, sumType: sumType,
      isPacked: isPacked,
      isInterleaved: isPacked && Contract.stepsTogether(aType, bType) != nil && random.bool(),
      aStep: random.next(0...3) == 0 ? 2 : 1, isDynamic: isDynamic,
      gaps: (random.next(0...3), random.next(0...3), random.next(0...3)),
      rowGroup: random.next(0...3) == 0 ? random.next(2...5) : nil)
  }
}
