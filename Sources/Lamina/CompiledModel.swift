// SPDX-License-Identifier: Apache-2.0
// A model compiled into this process.

import CLaminaRuntime
import GraphIR
import GraphLowering
import GraphOptimizer
import GraphSupport
import KernelIR
import LLVMBackend
import LaminaRuntime
import PlanIR
import TensorCore

/// Compiled kernels, the plan that calls them, and the weights, all in memory.
package final class CompiledModel: @unchecked Sendable {
  package let lowered: LoweredModel
  package var plan: Plan { lowered.plan }
  private let kernels: LoadedKernels
  private let weights: TensorStorage
  private let image: TensorStorage
  private let table: UnsafeMutableBufferPointer<lamina_kernel?>
  let model: Model

  /// Optimises, lowers and compiles a graph whose parameters are bound.
  package convenience init(_ graph: Graph, _ options: CompileOptions = CompileOptions()) throws {
    try self.init(try CompiledModel.parts(graph, options), options)
  }

  /// Lowers and compiles the graphs; large weights stay in the files they are mapped from.
  convenience init(_ parts: Parts, _ options: CompileOptions) throws {
    var lowering = options.lowering
    lowering.mapsConstants = true
    try self.init(try CompiledModel.lower(parts, lowering), options)
  }

  /// The graph of primitive operators that kernels are made for.
  package static func optimized(_ graph: Graph, _ options: CompileOptions) throws -> Graph {
    var context = PassContext()
    return try timed("optimize") {
      try GraphPass.run(
        GraphPass.pipeline(options.level, options.precision, winograd: options.winograd), on: graph, &context)
    }
  }

  /// The graphs that kernels are made for: for any sizes, and for each combination of fast sizes.
  package struct Parts {
    var general: Graph
    var variants: [(sizes: [String: Int], graph: Graph)]
  }

  static func parts(_ graph: Graph, _ options: CompileOptions) throws -> Parts {
    let general = try optimized(graph, options)
    return Parts(
      general: general,
      variants: try fastSizes(general, options).map { ($0, try specialized(general, $0, options)) })
  }

  /// The graph as kernels and a plan.
  package static func lower(_ graph: Graph, _ options: CompileOptions) throws -> LoweredModel {
    try lower(parts(graph, options), options.lowering)
  }

  static func lower(_ parts: Parts, _ options: LoweringOptions) throws -> LoweredModel {
    let lowered = try timed("lower") { try LoweredModel.lower(parts.general, options, variants: parts.variants) }
    PhaseTimes.count("kernel calls", lowered.plan.steps.count { $0.control == nil })
    PhaseTimes.count("kernels", lowered.kernels.count)
    return lowered
  }

  /// The graph whose values compiled code must give: itself, or with the roundings of a lower precision.
  package static func definition(_ graph: Graph, _ options: CompileOptions) throws -> Graph {
    options.precision == .f32 ? graph : try optimized(graph, options)
  }

  package init(_ lowered: LoweredModel, _ options: CompileOptions) throws {
    self.lowered = lowered
    kernels = try timed("compile") {
      try KernelCompiler(target: options.target, threads: options.jobs).load(lowered.kernels)
    }
    // The weights do not come on top of the compiler.
    if lowered.plan.weightsByteCount > 1 << 25 { LLVMLibrary.rest() }
    guard let weights = timed("pack weights", { lowered.weights() }) else { throw CompiledModel.outOfMemory }
    self.weights = weights
    let bytes = try timed("write plan") { try lowered.plan.image() }
    guard let image = TensorStorage(zeros: bytes.count) else { throw CompiledModel.outOfMemory }
    image.bytes.copyBytes(from: bytes)
    self.image = image
    table = .allocate(capacity: max(kernels.functions.count, 1))
    for (index, function) in kernels.functions.enumerated() {
      (table.baseAddress! + index).initialize(to: unsafeBitCast(function, to: lamina_kernel.self))
    }
    do {
      model = try timed("load") { [table, kernels] () throws(RuntimeError) in
        try Model(
          image: UnsafeRawBufferPointer(start: image.bytes.baseAddress, count: bytes.count),
          kernels: UnsafeBufferPointer(start: table.baseAddress, count: kernels.functions.count),
          weights: UnsafeRawBufferPointer(start: weights.bytes.baseAddress, count: lowered.plan.weightsByteCount))
      }
    } catch {
      table.deallocate()
      throw InternalError("the plan is refused: \(error.description)")
    }
  }

  deinit { table.deallocate() }

  private static let outOfMemory = DiagnosticsError("out-of-memory", "there is not enough memory for the model")

  /// Runs the model on inputs in the plan's order and returns its outputs.
  package func run(_ inputs: [Tensor], threads: Int = 1) throws -> [Tensor] {
    var session = try ModelSession(self, inputs, threads: threads)
    try session.run()
    return session.outputs
  }
}
