// SPDX-License-Identifier: Apache-2.0
// From a graph of primitive operators to kernels and a plan.

import GraphIR
import GraphSupport
import KernelIR
import PlanIR
import TensorCore

extension LoweredModel {
  /// Lowers a decomposed graph whose parameters are bound.
  package static func lower(_ graph: Graph, _ options: LoweringOptions) throws -> LoweredModel {
    let state = LoweringState(graph, options)
    for (index, lowering) in state.lowerings.enumerated() {
      let node = graph.nodes[index]
      let name = type(of: node.operation).name
      switch lowering {
      case .decompose: throw InternalError("'\(name)' reached lowering undecomposed")
      case .control:
        throw DiagnosticsError([
          Diagnostic(
            .error, "not-compiled", "'\(name)' runs in the interpreter only", at: node.origin.location)
        ])
      case .leaf where !(node.operation is Constant): throw InternalError("'\(name)' reached lowering unbound")
      default: break
      }
    }
    let regions = Fusion.regions(state)
    var assembly = PlanAssembly(state)
    for region in regions {
      let lowered: LoweredKernel?
      switch region.kind {
      case .pointwise: lowered = lowerPointwise(region, state)
      case .rows(let rows): lowered = lowerRows(region, rows, state)
      case .reduction(let anchor): lowered = lowerReduction(region, anchor: anchor, state)
      case .loops(let anchor): lowered = lowerLoops(anchor, state)
      case .contraction(let anchor):
        guard case .contraction(let contraction) = state.lowerings[anchor.index] else { continue }
        lowered = lowerContraction(region, anchor: anchor, contraction, state)
      }
      guard let lowered else {
        throw InternalError("no kernel for \(region.nodes.map { type(of: graph[$0].operation).name })")
      }
      assembly.add(lowered, region)
    }
    return assembly.finish()
  }
}
