// SPDX-License-Identifier: Apache-2.0
// Random contractions: packed and plain B, groups of columns, one to three depth axes, edges in both directions.

import KernelIR
import TensorCore

extension RandomKernelBuilder {
  mutating func contraction() -> [Statement] {
    let accumulators: [(DType, [DType])] = [
      (.f32, [.f32]), (.f32, [.f32]), (.f32, [.f16, .bf16, .f32]), (.f32, [.bf16]), (.f64, [.f64]), (.i32, [.u8, .i8]),
    ]
    let (type, operands) = random.pick(accumulators)
    let (rowAxis, columnAxis) = (newAxis("r"), newAxis("c"))
    let (rows, columns) = (extent(maximum: 13), extent(maximum: 40))
    let tile = Contract.Tile(
      rows: Int.random(in: 1...8, using: &random), columns: random.pick([4, 8, 16, 24, 32]),
      unroll: random.pick([1, 2, 4]), prefetches: random.oneIn(2))
    var depth: [DepthAxis] = []
    var (steps, inner) = (1, 1)
    // Overlapping windows of A, as a convolution reads them.
    var aCount = 1
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let extent = extent(maximum: 5)
      let stride = Int.random(in: 1...4, using: &random)
      depth.append(DepthAxis(extent: extent.expr, aStride: .int(stride), bStride: .int(0)))
      aCount += (extent.value - 1) * stride
      steps *= extent.value
      inner = max(extent.value, 1)
    }
    let rowStride = Int.random(in: 1...9, using: &random)
    aCount += (rows.value - 1) * rowStride
    let perTile = random.oneIn(2) ? aCount : 0
    let tiles = axes[0].extent.value
    let a = parameters.count
    let aType = random.pick(operands)
    parameters.append(Kernel.Parameter("b\(a)", aType, .read))
    contents.append(finiteContents(aType, count: aCount + perTile * (tiles - 1)))

    let isPacked = random.oneIn(2)
    let bType = random.pick(operands)
    let together = Contract.stepsTogether(aType, bType) ?? 1
    let isInterleaved = isPacked && together > 1 && random.oneIn(2)
    let groups = isPacked && random.oneIn(2) ? Int.random(in: 2...5, using: &random) : 1
    let panels = (columns.value + tile.columns - 1) / tile.columns
    let bRow = columns.value + Int.random(in: 0...3, using: &random)
    if !isPacked {
      // Row-major over the depth: the last axis moves one row of B.
      var rowsBelow = Expr.int(1)
      for index in depth.indices.reversed() {
        depth[index].bStride = rowsBelow * .int(bRow)
        rowsBelow = rowsBelow * depth[index].extent
      }
    }
    let places = isInterleaved ? steps / inner * ((inner + together - 1) / together * together) : steps
    let bCount = isPacked ? panels * places * groups * tile.columns : steps * bRow
    let b = parameters.count
    parameters.append(Kernel.Parameter("b\(b)", bType, .read))
    contents.append(finiteContents(bType, count: bCount))

    let sums = (0..<groups).map { newLocal("acc\($0)", type) }
    let outer = (axes, readable)
    axes += [(rowAxis, rows), (columnAxis, columns)]
    readable = sums
    isInVectorLoop = true
    let epilogue = [random.oneIn(2) ? store(.local(random.pick(sums))) : store()]
    isInVectorLoop = false
    (axes, readable) = outer
    return [
      .contract(
        Contract(
          rows: rows.expr, columns: columns.expr, depth: depth, rowAxis: rowAxis, columnAxis: columnAxis, a: a,
          aOffset: .axis(axes[0].axis) * .int(perTile) + .axis(rowAxis) * .int(rowStride), b: b, bOffset: .int(0),
          bIsPacked: isPacked, bIsInterleaved: isInterleaved, tile: tile, accumulators: sums, epilogue: epilogue))
    ]
  }

  private mutating func finiteContents(_ dtype: DType, count: Int) -> [UInt8] {
    guard let tensor = Tensor(zeros: dtype, [count]) else { return [] }
    for index in 0..<count {
      let value = Double.random(in: -4...4, using: &random)
      // Quarters have exact products and sums, so that a processor without fused multiply-adds gives the same bits.
      tensor.set(index, options.isExact ? (value * 4).rounded() / 4 : value)
    }
    return Array(tensor.bytes)
  }
}
