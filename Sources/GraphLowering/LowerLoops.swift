// SPDX-License-Identifier: Apache-2.0
// Kernels of operators that bring their own loop nest.

import GraphIR
import KernelIR
import TensorCore

func lowerLoops(_ anchor: NodeID, _ state: LoweringState) -> LoweredKernel? {
  let node = state.graph[anchor]
  guard case .loops(let body) = state.lowerings[anchor.index] else { return nil }
  let scope = KernelScope(state)
  var buffers: [Int?] = node.operands.map { operand in
    guard let operand else { return nil }
    let root = state.memoryRoot(operand)
    let argument: Argument = state.isConstant(root) ? .constant(ConstantKey(value: root, packing: nil)) : .value(root)
    return scope.buffer(argument, state.graph.type(operand).dtype, .read)
  }
  buffers += node.results.map { scope.buffer(.value($0), state.graph.type($0).dtype, .readWrite) }
  let tileAxis = scope.axis("t")
  var context = LoopContext(
    types: state.graph.types(node), tileAxis: tileAxis, firstID: scope.lastID, buffers: buffers, dim: scope.size)
  let statements = body(&context)
  for scratch in context.scratch { _ = scope.addScratch(scratch.name, scratch.dtype, count: scratch.count) }
  let kernel = scope.finish(name: type(of: node.operation).name.lowercased(), tileAxis: tileAxis, tiles: context.tiles, body: statements)
  return LoweredKernel(
    kernel: kernel, arguments: scope.arguments, sizes: scope.sizeNames.map { Dim(symbol: $0) }, tiles: context.tileCount)
}
