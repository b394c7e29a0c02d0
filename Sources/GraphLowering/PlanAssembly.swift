// SPDX-License-Identifier: Apache-2.0
// Building the plan: where every value lives, which kernels are the same, what each step is called with.

import GraphIR
import KernelIR
import PlanIR
import TensorCore

struct PlanAssembly {
  private let state: LoweringState
  private var graph: Graph { state.graph }
  private var kernels: [Kernel] = []
  private var kernelNumbers: [Kernel: Int] = [:]
  private var calls: [(lowered: LoweredKernel, kernel: Int, label: String, outputs: [ValueID])] = []
  /// The output a value is written to directly.
  private var outputPlace: [ValueID: Int] = [:]
  /// Outputs that are copies of a value kept elsewhere.
  private var copies: [(output: Int, from: ValueID)] = []
  private var constants: [ConstantKey: Int] = [:]
  private var constantList: [(plan: Plan.Constant, source: ConstantSource)] = []
  private var weightsByteCount = 0

  init(_ state: LoweringState) {
    self.state = state
    for (index, output) in state.graph.outputs.enumerated() {
      let root = state.memoryRoot(output.value)
      let isPlain = state.graph[root].producer != nil && !state.isConstant(root) && outputPlace[root] == nil
      if isPlain { outputPlace[root] = index } else { copies.append((index, root)) }
    }
  }

  mutating func add(_ lowered: LoweredKernel, _ region: Region) {
    let number = kernelNumber(lowered.kernel)
    let paths = region.nodes.map { graph[$0].origin.path }.filter { !$0.isEmpty }
    let first = paths.first ?? region.nodes.first.map { type(of: graph[$0].operation).name } ?? ""
    let label = paths.last.map { $0 == first ? first : "\(first) … \($0)" } ?? first
    calls.append((lowered, number, label, region.outputs))
  }

  /// Equal kernels are one.
  private mutating func kernelNumber(_ kernel: Kernel) -> Int {
    var anonymous = kernel
    anonymous.name = ""
    if let known = kernelNumbers[anonymous] { return known }
    kernelNumbers[anonymous] = kernels.count
    var named = kernel
    named.name = "\(kernel.name)_\(kernels.count)"
    kernels.append(named)
    return kernels.count - 1
  }

  // MARK: Finishing

  mutating func finish() -> LoweredModel {
    for copy in copies { addCopy(copy.output, copy.from) }
    let names = graph.symbols
    var plan = Plan(
      name: graph.name,
      symbols: names.map { Plan.Symbol($0.name, $0.range) },
      inputs: graph.inputs.map { Plan.Port(graph[$0].name ?? "", graph.type($0)) },
      outputs: graph.outputs.map { Plan.Port($0.name, graph.type($0.value)) },
      kernels: kernels.map(\.name))
    var bufferNumber: [ValueID: Int] = [:]
    let lastRead = lastReads()
    for (step, call) in calls.enumerated() {
      for output in call.outputs where outputPlace[output] == nil && bufferNumber[output] == nil {
        let type = graph.type(output)
        let bytes = type.elementCount * Dim(type.dtype.size)
        let last = max(lastRead[output] ?? step, step)
        if let reused = reusable(by: output, in: call.lowered, step: step, lastRead, bufferNumber, bytes: bytes, plan: plan) {
          plan.buffers[reused].lastStep = max(plan.buffers[reused].lastStep, last)
          bufferNumber[output] = reused
        } else {
          plan.buffers.append(Plan.Buffer(graph.displayName(output), byteCount: bytes, firstStep: step, lastStep: last))
          bufferNumber[output] = plan.buffers.count - 1
        }
      }
      let references = call.lowered.arguments.map { reference($0, bufferNumber) }
      let scratch = call.lowered.kernel.scratch.reduce(0) { $0 + ($1.count * $1.dtype.size + 63) / 64 * 64 }
      plan.steps.append(
        Plan.Step(
          kernel: call.kernel, buffers: references, sizes: call.lowered.sizes, tiles: call.lowered.tiles,
          nanosecondsPerTile: nanosecondsPerTile(call.lowered), scratchBytes: Dim(scratch), label: call.label))
    }
    plan.constants = constantList.map(\.plan)
    plan.weightsByteCount = weightsByteCount
    plan.placeBuffers()
    return LoweredModel(
      plan: plan, kernels: kernels, constants: constantList.map(\.source), outputs: calls.map(\.outputs))
  }

  private func nanosecondsPerTile(_ lowered: LoweredKernel) -> Double {
    // Named sizes are taken as small: an estimate too low only keeps work on one thread.
    let sizes = lowered.sizes.map { dim in dim.bounds(graph.ranges).high.map { min($0, 64) } ?? 64 }
    return KernelCost.estimate(lowered.kernel, sizes: sizes).nanoseconds
  }

  /// The last step that reads each value from memory.
  private func lastReads() -> [ValueID: Int] {
    var last: [ValueID: Int] = [:]
    for (step, call) in calls.enumerated() {
      for argument in call.lowered.arguments { if case .value(let value) = argument { last[value] = step } }
    }
    return last
  }

  /// A buffer that a step reads for the last time and may write its result to: every element is read only just
  /// before the one at the same place is written.
  private func reusable(
    by output: ValueID, in lowered: LoweredKernel, step: Int, _ lastRead: [ValueID: Int], _ numbers: [ValueID: Int],
    bytes: Dim, plan: Plan
  ) -> Int? {
    // With several results, one written early could still be an operand of the next.
    guard lowered.kernel.parameters.filter({ $0.access != .read }).count == 1,
      let target = lowered.arguments.firstIndex(of: .value(output))
    else { return nil }
    for (number, argument) in lowered.arguments.enumerated() where number != target {
      guard case .value(let value) = argument, let buffer = numbers[value], plan.buffers[buffer].lastStep == step,
        lastRead[value] == step, plan.buffers[buffer].byteCount == bytes,
        lowered.kernel.parameters[number].dtype == lowered.kernel.parameters[target].dtype,
        lowered.kernel.parameters[number].access == .read, lowered.kernel.mayShare(read: number, write: target),
        // Another argument may live in the same buffer already.
        !lowered.arguments.enumerated().contains(where: { place, other in
          guard place != number, place != target, case .value(let value) = other else { return false }
          return numbers[value] == buffer
        })
      else { continue }
      return buffer
    }
    return nil
  }

  private mutating func reference(_ argument: Argument, _ buffers: [ValueID: Int]) -> Plan.Reference {
    switch argument {
    case .constant(let key): return Plan.Reference(.constant(constantNumber(key)))
    case .value(let value):
      if let output = outputPlace[value] { return Plan.Reference(.output(output)) }
      if let input = graph.inputs.firstIndex(of: value) { return Plan.Reference(.input(input)) }
      return Plan.Reference(.arena(buffers[value] ?? 0))
    }
  }

  private mutating func constantNumber(_ key: ConstantKey) -> Int {
    if let known = constants[key] { return known }
    guard let tensor = state.constant(key.value) else { return 0 }
    let count = key.packing?.elementCount ?? tensor.count
    let bytes = tensor.dtype.byteCount(count) ?? 0
    let offset = weightsByteCount
    weightsByteCount += (bytes + Plan.alignment - 1) / Plan.alignment * Plan.alignment
    constantList.append(
      (
        Plan.Constant(
          graph.displayName(key.value), tensor.type, offset: offset, byteCount: bytes, packing: key.packing?.description),
        ConstantSource(tensor: tensor, packing: key.packing, offset: offset, byteCount: bytes)
      ))
    constants[key] = constantList.count - 1
    return constantList.count - 1
  }

  // MARK: Copies

  /// An output that is an input, a constant, or the same value as another output.
  private mutating func addCopy(_ output: Int, _ from: ValueID) {
    let type = graph.type(from)
    let scope = KernelScope(state)
    let axis = scope.axis("i")
    let source: Argument = state.isConstant(from) ? .constant(ConstantKey(value: from, packing: nil)) : .value(from)
    let input = scope.buffer(source, type.dtype, .read)
    // The copy's target is named by the output's own value where that differs, else by a value of its own.
    let copy = ValueID(graph.values.count + output)
    outputPlace[copy] = output
    let result = scope.buffer(.value(copy), type.dtype, .write)
    let body = Statement.store(
      buffer: result, offset: .axis(axis), value: .load(input, type.dtype, at: .axis(axis)), guard: nil)
    let lowered = tiled(IndexSpace(axes: [(axis, type.elementCount)]), [body], scope, name: "copy")
    calls.append((lowered, kernelNumber(lowered.kernel), graph.outputs[output].name, [copy]))
  }
}
