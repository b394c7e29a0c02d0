// SPDX-License-Identifier: Apache-2.0
// Kernels of operators that bring their own loop nest.

import GraphIR
import KernelIR
import TensorCore

func lowerLoops(_ region: Region, _ anchor: NodeID, _ state: LoweringState) -> LoweredKernel? {
  let node = state.graph[anchor]
  guard case .loops(let isElementwise, let body) = state.lowerings[anchor.index] else { return nil }
  let scope = KernelScope(state)
  var buffers: [Int?] = node.operands.map { operand in
    guard let operand else { return nil }
    let root = state.memoryRoot(operand)
    let argument: Argument = state.isConstant(root) ? .constant(ConstantKey(value: root, packing: nil)) : .value(root)
    return scope.buffer(argument, state.graph.type(operand).dtype, .read)
  }
  if !isElementwise {
    buffers += node.results.map { scope.buffer(.value($0), state.graph.type($0).dtype, .readWrite) }
  }
  scope.bindMembers(region.nodes.dropFirst())
  let tileAxis = scope.axis("t")
  var context = LoopContext(
    types: state.graph.types(node), tileAxis: tileAxis, firstID: scope.lastID, buffers: buffers, dim: scope.size,
    finishing: isElementwise ? { scope.finishing(region, node.results[0], at: $0, $1, where: $2) } : nil)
  let statements = body(&context)
  for scratch in context.scratch { _ = scope.addScratch(scratch.name, scratch.dtype, count: scratch.count) }
  let name = type(of: node.operation).name.lowercased()
  let kernel = scope.finish(name: name, tileAxis: tileAxis, tiles: context.tiles, body: statements)
  return LoweredKernel(
    kernel: kernel, arguments: scope.arguments, sizes: scope.sizeNames.map { Dim(symbol: $0) },
    tiles: context.tileCount)
}

extension KernelScope {
  /// Stores what a region makes of an element of its anchor's result.
  fileprivate func finishing(
    _ region: Region, _ result: ValueID, at index: [Expr], _ value: Expr, where condition: Expr?
  ) -> [Statement] {
    forgetPulled()
    bound[result] = { _ in value }
    return region.outputs.map { store($0, at: index, pull($0, at: index, where: condition), where: condition) }
  }
}
