// SPDX-License-Identifier: Apache-2.0
// From a graph of primitive operators to kernels and a plan.

import GraphIR
import GraphSupport
import KernelIR
import PlanIR
import TensorCore

extension LoweredModel {
  /// Lowers a decomposed graph whose parameters are bound.
  ///
  /// - Parameter variants: The same graph for some values of its named sizes, to get steps of their own. What they have
  ///   in common, kernels and constants among it, is there once.
  package static func lower(
    _ graph: Graph, _ options: LoweringOptions, variants: [(sizes: [String: Int], graph: Graph)] = []
  ) throws -> LoweredModel {
    var assembly = PlanAssembly(graph, options)
    try assembly.lowerWhole(graph)
    for variant in variants {
      assembly.beginVariant(variant.sizes)
      try assembly.lowerWhole(variant.graph)
    }
    return try timed("plan memory") { try assembly.finish() }
  }
}

extension PlanAssembly {
  /// Adds the steps of a graph between the model's inputs and outputs.
  fileprivate mutating func lowerWhole(_ graph: Graph) throws {
    let scope = LoweringScope(LoweringState(graph, options))
    for (index, input) in graph.inputs.enumerated() { scope.places[input] = Plan.Reference(.input(index)) }
    for (index, output) in graph.outputs.enumerated() {
      scope.write(output.value, to: Plan.Reference(.output(index)), label: output.name)
    }
    try lower(scope)
  }

  /// Adds the steps of a graph: the whole, or a region.
  mutating func lower(_ scope: LoweringScope) throws {
    let state = scope.state
    try checkIsPrimitive(state)
    guard let regions = timed("fuse", { Fusion.regions(state) }) else { throw InternalError("kernels wait for each other") }
    scope.settle()
    for region in regions {
      if case .control(let anchor) = region.kind {
        guard case .control(let control) = state.lowerings[anchor.index] else { continue }
        try lower(control, of: state.graph[anchor], scope)
        continue
      }
      guard let kernels = timed("make kernels", { kernels(region, state) }) else {
        throw InternalError("no kernel for \(region.nodes.map { type(of: state.graph[$0].operation).name })")
      }
      for kernel in kernels { try add(kernel, label: label(region, state.graph), scope) }
    }
    for copy in scope.copies { try add(copy, scope) }
  }

  /// Throws for operators that no kernel can be made of: those whose code depends on sizes that are only named.
  private func checkIsPrimitive(_ state: LoweringState) throws {
    var findings: [Diagnostic] = []
    for (index, lowering) in state.lowerings.enumerated() {
      let node = state.graph.nodes[index]
      let name = type(of: node.operation).name
      switch lowering {
      case .decompose: throw InternalError("'\(name)' reached lowering undecomposed")
      case .leaf where !(node.operation is Constant):
        let types = node.operands.map { $0.map(state.graph.type) }
        guard let open = types.compactMap({ $0 }).first(where: { $0.staticShape == nil }) else {
          throw InternalError("'\(name)' reached lowering unbound")
        }
        findings.append(
          Diagnostic(
            .error, "size-not-known",
            "'\(name)' is not compiled for \(open), expected numbers for the sizes it depends on",
            at: node.origin.location, fixIt: "give the sizes as numbers, or '--dim NAME=NUMBER'"))
      default: break
      }
    }
    if !findings.isEmpty { throw DiagnosticsError(findings) }
  }

  private func kernels(_ region: Region, _ state: LoweringState) -> [LoweredKernel]? {
    if let remains = region.remains { return lowerRemains(region, remains, state) }
    return kernel(region, state).map { [$0] }
  }

  /// The kernel of a region that is no control.
  private func kernel(_ region: Region, _ state: LoweringState) -> LoweredKernel? {
    switch region.kind {
    case .pointwise: return lowerPointwise(region, state)
    case .rows(let rows): return lowerRows(region, rows, state)
    case .reduction(let anchor): return lowerReduction(region, anchor: anchor, state)
    case .attention(let attention): return lowerAttention(region, attention, state)
    case .loops(let anchor): return lowerLoops(region, anchor, state)
    case .contraction(let anchor):
      guard case .contraction(let contraction) = state.lowerings[anchor.index] else { return nil }
      return lowerContraction(region, anchor: anchor, contraction, state)
    case .control: return nil
    }
  }

  private func label(_ region: Region, _ graph: Graph) -> String {
    let paths = region.nodes.map { graph[$0].origin.path }.filter { !$0.isEmpty }
    let first = paths.first ?? region.nodes.first.map { type(of: graph[$0].operation).name } ?? ""
    return paths.last.map { $0 == first ? first : "\(first) … \($0)" } ?? first
  }
}
