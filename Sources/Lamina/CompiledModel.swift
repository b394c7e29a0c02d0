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
    try self.init(try CompiledModel.lower(graph, options), options)
  }

  /// The graph as kernels and a plan.
  package static func lower(_ graph: Graph, _ options: CompileOptions) throws -> LoweredModel {
    var context = PassContext()
    let optimized = try GraphPass.run(GraphPass.pipeline(options.level), on: graph, &context)
    return try LoweredModel.lower(optimized, options.lowering)
  }

  package init(_ lowered: LoweredModel, _ options: CompileOptions) throws {
    self.lowered = lowered
    kernels = try KernelCompiler(target: options.target, threads: options.jobs).load(lowered.kernels)
    guard let weights = lowered.weights() else { throw CompiledModel.outOfMemory }
    self.weights = weights
    let bytes = try lowered.plan.image()
    guard let image = TensorStorage(zeros: bytes.count) else { throw CompiledModel.outOfMemory }
    image.bytes.copyBytes(from: bytes)
    self.image = image
    table = .allocate(capacity: max(kernels.functions.count, 1))
    for (index, function) in kernels.functions.enumerated() {
      (table.baseAddress! + index).initialize(to: unsafeBitCast(function, to: lamina_kernel.self))
    }
    do {
      model = try Model(
        image: UnsafeRawBufferPointer(start: image.bytes.baseAddress, count: bytes.count),
        kernels: UnsafeBufferPointer(start: table.baseAddress, count: kernels.functions.count),
        weights: UnsafeRawBufferPointer(start: weights.bytes.baseAddress, count: lowered.plan.weightsByteCount))
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

/// A compiled model bound to inputs, for one run or many.
package struct ModelSession: ~Copyable {
  private let model: CompiledModel
  private let inputs: [Tensor]
  /// Room for the outputs; more than they need where a run finds a size.
  private let memory: [Tensor]
  /// The named sizes, from the inputs' shapes.
  package let dims: [String: Int]
  private var context: Context

  package init(_ model: CompiledModel, _ inputs: [Tensor], threads: Int = 1) throws {
    let ports = model.plan.inputs.map { (name: $0.name, type: $0.type) }
    let dims = try bindSizes(
      ports, inputs,
      ranges: Dictionary(model.plan.callerSymbols.map { ($0.name, $0.range) }, uniquingKeysWith: { first, _ in first }))
    let outputs = try model.plan.outputs.map { port in
      let shape = port.capacity.map { [$0] } ?? port.type.shape
      let sizes = shape.compactMap { $0.evaluate(dims) }
      guard sizes.count == shape.count, sizes.allSatisfy({ $0 >= 0 }) else {
        throw DiagnosticsError([
          Diagnostic(
            .error, "input-size", "output '\(port.name)' \(port.type) would have a size below 0",
            notes: [Diagnostic.Note("the inputs' sizes are \(sizeList(dims)): larger ones are needed")])
        ])
      }
      guard let tensor = Tensor(zeros: port.type.dtype, sizes) else {
        throw DiagnosticsError(
          "out-of-memory",
          "there is not enough memory for output '\(port.name)', \(TensorType(port.type.dtype, sizes.map { Dim($0) }))")
      }
      return tensor
    }
    self.init(
      model: model, inputs: inputs, memory: outputs, dims: dims,
      context: try ModelSession.bind(model, dims, inputs, outputs, threads))
  }

  private init(
    model: CompiledModel, inputs: [Tensor], memory: [Tensor], dims: [String: Int], context: consuming Context
  ) {
    self.model = model
    self.inputs = inputs
    self.memory = memory
    self.dims = dims
    self.context = context
  }

  /// A context with its sizes, inputs and outputs bound.
  private static func bind(
    _ model: CompiledModel, _ dims: [String: Int], _ inputs: [Tensor], _ outputs: [Tensor], _ threads: Int
  ) throws -> Context {
    do throws(RuntimeError) {
      var context = try Context.bound(
        model.model, dims: model.plan.callerSymbols.map { dims[$0.name] ?? $0.range.lowerBound }, threads: threads)
      for (index, tensor) in inputs.enumerated() { try context.setInput(index, tensor.bytes.baseAddress) }
      for (index, tensor) in outputs.enumerated() { try context.setOutput(index, tensor.mutableBytes.baseAddress) }
      return context
    } catch {
      throw DiagnosticsError("cannot-run", "the model cannot run with these sizes: \(error.description)")
    }
  }

  /// The outputs, with the sizes that the last run found.
  package var outputs: [Tensor] {
    zip(model.plan.outputs, memory).enumerated().map { index, output in
      let (port, tensor) = output
      if port.capacity == nil { return tensor }
      let shape = (0..<port.type.rank).map { context.outputSize(index, axis: $0) }
      return Tensor(port.type.dtype, shape, storage: tensor.storage) ?? tensor
    }
  }

  package var arenaByteCount: Int { context.arenaByteCount }

  /// Runs once more into the same outputs.
  package mutating func run() throws {
    do { try context.run() } catch { throw InternalError("the run failed: \(error.description)") }
    withExtendedLifetime((model, inputs, memory)) {}
  }

  /// Runs once and gives the time of each step, in nanoseconds.
  package mutating func profile() throws -> [UInt64] {
    do { return try context.profile() } catch { throw InternalError("the run failed: \(error.description)") }
  }
}
