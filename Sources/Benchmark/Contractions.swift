// SPDX-License-Identifier: Apache-2.0
// Kernels with one contraction: products, convolutions, single rows.

import KernelIR
import LLVMBackend
import TensorCore

/// A matrix product or convolution to measure.
struct ContractionCase {
  var name: String
  var group: String
  var kernel: Kernel
  var arrays: [Int]
  var flops: Double
  /// Bytes of weights, for cases bound by reading them.
  var weightBytes: Int
  /// One call, in tiles of the kernel.
  var tiles: Int
  /// What the kernel learns at run time only.
  var sizes: [Int] = []
  var products = Products.single
  /// Bound by reading the weights.
  var isOneRow = false

  enum Epilogue { case store, biasRelu, gelu }

  /// C[m, n] = A[m, k] · packed W[k, n].
  static func dense(
    _ m: Int, _ k: Int, _ n: Int, _ target: TargetDescription, epilogue: Epilogue = .store, group: String = "dense",
    products: Products = .single
  ) -> ContractionCase {
    let tile = Contract.Tile.choose(
      rows: m, columns: n, depth: k, lanes: target.lanes(bits: 32), registers: target.registers)
    let row = Axis(id: 1, name: "m")
    let kernel = kernel(
      "dense", rows: m, columns: n, depth: [DepthAxis(extent: .int(k), aStride: .int(1), bStride: .int(n))], row: row,
      aOffset: .axis(row) * .int(k), tile: tile, epilogue: epilogue, tiles: 1, tileAxis: Axis(id: 0, name: "t"),
      cOffset: .int(0), products: products)
    return ContractionCase(
      name: "\(m)x\(k)x\(n)\(epilogue == .store ? "" : epilogue == .gelu ? " gelu" : " bias+relu")", group: group,
      kernel: kernel, arrays: [m * k, padded(n, tile.columns) * k, m * n, n], flops: 2 * Double(m * k * n),
      weightBytes: k * n * products.operands.b.size, tiles: 1, products: products, isOneRow: m == 1)
  }

  /// C[m, n] = A[m, k] · W[k, n] where the kernel learns m, k and n when it runs, so that W cannot be packed before.
  static func runTime(_ m: Int, _ k: Int, _ n: Int, _ target: TargetDescription) -> ContractionCase {
    let (rows, depth, columns) = (Expr.size(0), Expr.size(1), Expr.size(2))
    let tile = Contract.Tile.choose(
      rows: nil, columns: nil, depth: nil, lanes: target.lanes(bits: 32), registers: target.registers)
    let (panel, row, column) = (Axis(id: 0, name: "t"), Axis(id: 1, name: "m"), Axis(id: 2, name: "n"))
    let sum = Local(id: 0, name: "sum", dtype: .f32)
    let first = .axis(panel) * Expr.int(tile.columns)
    let contract = Contract(
      rows: rows, columns: .min(.int(tile.columns), columns - first),
      depth: [DepthAxis(extent: depth, aStride: .int(1), bStride: columns)], rowAxis: row, columnAxis: column, a: 0,
      aOffset: .axis(row) * depth, b: 1, bOffset: first, bIsPacked: false, tile: tile, accumulators: [sum],
      epilogue: [
        .store(buffer: 2, offset: .axis(row) * columns + first + .axis(column), value: .local(sum), guard: nil)
      ])
    let kernel = Kernel(
      name: "product",
      parameters: [.init("a", .f32, .read), .init("w", .f32, .read), .init("c", .f32, .write)], sizes: ["m", "k", "n"],
      tileAxis: panel, tiles: .floorDiv(columns + .int(tile.columns - 1), .int(tile.columns)), body: [.contract(contract)])
    return ContractionCase(
      name: "\(m)x\(k)x\(n)", group: "run-time shape", kernel: kernel, arrays: [m * k, k * n, m * n],
      flops: 2 * Double(m * k * n), weightBytes: k * n * 4, tiles: (n + tile.columns - 1) / tile.columns,
      sizes: [m, k, n])
  }

  /// A convolution of an image with channels last, already padded; bias and relu in the epilogue.
  static func convolution(
    _ name: String, output: Int, channels: Int, filters: Int, size: Int, stride: Int, _ target: TargetDescription
  ) -> ContractionCase {
    let width = (output - 1) * stride + size
    let (row, line) = (Axis(id: 1, name: "x"), Axis(id: 0, name: "y"))
    let tile = Contract.Tile.choose(
      rows: output, columns: filters, depth: size * size * channels, lanes: target.lanes(bits: 32),
      registers: target.registers)
    let depth = [
      DepthAxis(extent: .int(size), aStride: .int(width * channels), bStride: .int(0)),
      DepthAxis(extent: .int(size), aStride: .int(channels), bStride: .int(0)),
      DepthAxis(extent: .int(channels), aStride: .int(1), bStride: .int(0)),
    ]
    let kernel = kernel(
      "convolution", rows: output, columns: filters, depth: depth, row: row,
      aOffset: .axis(line) * .int(stride * width * channels) + .axis(row) * .int(stride * channels), tile: tile,
      epilogue: .biasRelu, tiles: output, tileAxis: line, cOffset: .axis(line) * .int(output * filters))
    let steps = size * size * channels
    return ContractionCase(
      name: name, group: "conv", kernel: kernel,
      arrays: [width * width * channels, padded(filters, tile.columns) * steps, output * output * filters, filters],
      flops: 2 * Double(output * output * filters * steps), weightBytes: steps * filters * 4, tiles: output)
  }

  private static func padded(_ count: Int, _ width: Int) -> Int { (count + width - 1) / width * width }

  private static func kernel(
    _ name: String, rows: Int, columns: Int, depth: [DepthAxis], row: Axis, aOffset: Expr, tile: Contract.Tile,
    epilogue: Epilogue, tiles: Int, tileAxis: Axis, cOffset: Expr, products: Products = .single
  ) -> Kernel {
    let column = Axis(id: 2, name: "n")
    let sum = Local(id: 0, name: "sum", dtype: products.sum)
    let bias = Expr.load(3, .f32, at: .axis(column))
    let value: Expr =
      switch epilogue {
      case .store: Expr.local(sum).cast(to: .f32)
      case .biasRelu: .max(Expr.local(sum).cast(to: .f32) + bias, .constant(0, .f32))
      case .gelu: .unary(.gelu, Expr.local(sum).cast(to: .f32) + bias)
      }
    let contract = Contract(
      rows: .int(rows), columns: .int(columns), depth: depth, rowAxis: row, columnAxis: column, a: 0,
      aOffset: aOffset, b: 1, bOffset: .int(0), bIsPacked: true, bIsInterleaved: products != .single, tile: tile,
      accumulators: [sum],
      epilogue: [
        .store(buffer: 2, offset: cOffset + .axis(row) * .int(columns) + .axis(column), value: value, guard: nil)
      ])
    return Kernel(
      name: name,
      parameters: [
        .init("a", products.operands.a, .read), .init("w", products.operands.b, .read), .init("c", .f32, .write),
        .init("bias", .f32, .read),
      ], tileAxis: tileAxis, tiles: .int(tiles), body: [.contract(contract)])
  }

  /// The shapes that goals are set for.
  static func all(_ target: TargetDescription) -> [ContractionCase] {
    let dense = [
      (64, 64, 64), (128, 128, 128), (256, 256, 256), (8, 784, 128), (32, 784, 128), (128, 784, 128), (128, 768, 768),
      (8, 768, 3072), (32, 768, 3072), (128, 768, 3072), (128, 3072, 768),
    ].map { ContractionCase.dense($0.0, $0.1, $0.2, target) }
    let epilogues = [Epilogue.biasRelu, .gelu].map {
      ContractionCase.dense(128, 768, 768, target, epilogue: $0, group: "epilogue")
    }
    let convolutions = [
      convolution("56x56x64->64", output: 56, channels: 64, filters: 64, size: 3, stride: 1, target),
      convolution("28x28x128->128", output: 28, channels: 128, filters: 128, size: 3, stride: 1, target),
      convolution("14x14x256->256", output: 14, channels: 256, filters: 256, size: 3, stride: 1, target),
      convolution("28x28x64->128 /2", output: 28, channels: 64, filters: 128, size: 3, stride: 2, target),
      convolution("32x32x3->32", output: 32, channels: 3, filters: 32, size: 3, stride: 1, target),
      convolution("28x28x1->32", output: 28, channels: 1, filters: 32, size: 3, stride: 1, target),
    ]
    let single = [(784, 128), (768, 768), (768, 3072), (3072, 768), (4096, 8192)].map {
      ContractionCase.dense(1, $0.0, $0.1, target, group: "one row")
    }
    let runTime = [
      (64, 64, 64), (128, 128, 128), (256, 256, 256), (128, 784, 128), (128, 768, 768), (1024, 1024, 1024),
    ].map { ContractionCase.runTime($0.0, $0.1, $0.2, target) }
    let few = [2, 4].map { ContractionCase.dense($0, 768, 3072, target) }
    let half = [
      (64, 64, 64), (128, 128, 128), (256, 256, 256), (32, 784, 128), (128, 768, 768), (128, 768, 3072), (1, 784, 128),
      (1, 768, 3072), (1, 4096, 8192),
    ].map { ContractionCase.dense($0.0, $0.1, $0.2, target, group: "bf16", products: .pairs) }
    let bytes = [(64, 64, 64), (128, 128, 128), (256, 256, 256), (32, 784, 128), (128, 768, 768), (1, 768, 3072)].map {
      ContractionCase.dense($0.0, $0.1, $0.2, target, group: "int8", products: .quads)
    }
    return dense + few + epilogues + convolutions + single + runTime + half + bytes
  }
}
