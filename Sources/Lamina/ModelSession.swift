// SPDX-License-Identifier: Apache-2.0
// A model compiled into this process, bound to inputs.

import CLaminaRuntime
import GraphIR
import GraphSupport
import LaminaRuntime
import PlanIR
import TensorCore

/// A compiled model bound to inputs, for one run or many.
package struct ModelSession: ~Copyable {
  private let model: CompiledModel
  private let inputs: [Tensor]
  /// Room for the outputs; more than they need where a run finds a size.
  private var memory: [Tensor]
  /// The named sizes, from the inputs' shapes; room for sizes without a bound grows with the runs.
  package private(set) var dims: [String: Int]
  private let threads: Int
  private var context: Context

  package init(_ model: CompiledModel, _ inputs: [Tensor], threads: Int = 1) throws {
    let ports = model.plan.inputs.map { (name: $0.name, type: $0.type) }
    let dims = try bindSizes(
      ports, inputs,
      ranges: Dictionary(model.plan.callerSymbols.map { ($0.name, $0.range) }, uniquingKeysWith: { first, _ in first }))
    let outputs = try ModelSession.memory(for: model.plan, dims)
    self.init(
      model: model, inputs: inputs, memory: outputs, dims: dims, threads: threads,
      context: try ModelSession.bind(model, dims, inputs, outputs, threads))
  }

  private init(
    model: CompiledModel, inputs: [Tensor], memory: [Tensor], dims: [String: Int], threads: Int,
    context: consuming Context
  ) {
    self.model = model
    self.inputs = inputs
    self.memory = memory
    self.dims = dims
    self.threads = threads
    self.context = context
  }

  /// Memory for the outputs.
  private static func memory(for plan: Plan, _ dims: [String: Int]) throws -> [Tensor] {
    try plan.outputs.map { port in
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

  /// Runs once more, into the same outputs unless they have to grow.
  package mutating func run() throws {
    while true {
      do throws(RuntimeError) {
        try context.run()
        break
      } catch {
        try grow(after: error)
      }
    }
    withExtendedLifetime((model, inputs, memory)) {}
  }

  /// Runs once and gives the time of each step, in nanoseconds.
  package mutating func profile() throws -> [UInt64] {
    while true {
      do throws(RuntimeError) { return try context.profile() } catch { try grow(after: error) }
    }
  }

  /// Gives a size that the run found twice the room, or as much as it needs; another error is thrown on.
  private mutating func grow(after error: RuntimeError) throws {
    let symbols = model.plan.callerSymbols
    guard error.status == LAMINA_NEEDS_ROOM, let needed = context.neededRoom, symbols.indices.contains(needed.symbol)
    else {
      // A size that values decide may be one that cannot be.
      if error.status == LAMINA_BAD_SIZE {
        throw DiagnosticsError("run-size", "a size that was found while the model ran is below 0 or beyond its bound")
      }
      throw InternalError("the run failed: \(error.description)")
    }
    let symbol = symbols[needed.symbol]
    dims[symbol.name] = min(max(Int(needed.size), 2 * (dims[symbol.name] ?? 1)), symbol.range.upperBound)
    memory = try ModelSession.memory(for: model.plan, dims)
    context = try ModelSession.bind(model, dims, inputs, memory, threads)
  }
}
