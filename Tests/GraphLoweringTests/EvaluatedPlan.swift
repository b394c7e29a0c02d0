// SPDX-License-Identifier: Apache-2.0
// Runs a lowered model with the kernel evaluator: no code generation, bounds of every access checked.

import GraphIR
import GraphLowering
import KernelIR
import PlanIR
import TensorCore

struct PlanError: Error, CustomStringConvertible {
  var description: String
}

/// The outputs of a lowered model for inputs in order.
func evaluate(_ model: LoweredModel, _ inputs: [Tensor], _ dims: [String: Int] = [:]) throws -> [Tensor] {
  var run = try PlanRun(model, inputs, dims)
  try run.steps(model.plan.steps(for: dims))
  return try run.outputs()
}

private struct PlanRun {
  let model: LoweredModel
  let inputs: [Tensor]
  /// Sizes that steps set join those of the caller.
  var dims: [String: Int]
  let layout: (places: [(offset: Int, byteCount: Int)], byteCount: Int)
  let weights: TensorStorage
  let arena: TensorStorage
  let memory: [Tensor]

  init(_ model: LoweredModel, _ inputs: [Tensor], _ dims: [String: Int]) throws {
    guard let layout = model.plan.layout(dims), let weights = model.weights(),
      let arena = TensorStorage(zeros: layout.byteCount)
    else { throw PlanError(description: "no layout") }
    // Garbage where nothing was written shows what is read too early.
    arena.bytes.initializeMemory(as: UInt8.self, repeating: 0xA5)
    (self.model, self.inputs, self.dims) = (model, inputs, dims)
    (self.layout, self.weights, self.arena) = (layout, weights, arena)
    memory = try model.plan.outputs.map { port -> Tensor in
      let shape = port.capacity.map { [$0] } ?? port.type.shape
      guard let tensor = Tensor(zeros: port.type.dtype, shape.compactMap { $0.evaluate(dims) }) else {
        throw PlanError(description: "output \(port.name)")
      }
      return tensor
    }
  }

  func outputs() throws -> [Tensor] {
    try zip(model.plan.outputs, memory).map { port, tensor in
      let shape = port.type.shape.compactMap { $0.evaluate(dims) }
      guard shape.count == port.type.rank, let output = Tensor(port.type.dtype, shape, storage: tensor.storage) else {
        throw PlanError(description: "output \(port.name) has no sizes")
      }
      return output
    }
  }

  private func bytes(_ reference: Plan.Reference) throws -> UnsafeMutableRawBufferPointer {
    let whole: UnsafeMutableRawBufferPointer
    switch reference.space {
    case .arena(let index):
      let place = layout.places[index]
      whole = UnsafeMutableRawBufferPointer(rebasing: arena.bytes[place.offset..<place.offset + place.byteCount])
    case .constant(let index):
      let constant = model.plan.constants[index]
      whole = UnsafeMutableRawBufferPointer(
        rebasing: weights.bytes[constant.offset..<constant.offset + constant.byteCount])
    case .input(let index): whole = inputs[index].mutableBytes
    case .output(let index): whole = memory[index].mutableBytes
    }
    guard let offset = reference.byteOffset.evaluate(dims), offset >= 0, offset <= whole.count else {
      throw PlanError(description: "\(reference) at \(dims)")
    }
    return UnsafeMutableRawBufferPointer(rebasing: whole[offset...])
  }

  mutating func steps(_ range: Range<Int>) throws {
    var index = range.lowerBound
    while index < range.upperBound {
      let step = model.plan.steps[index]
      switch step.control {
      case nil: try call(step)
      case .size(let symbol): dims[symbol] = Int(try bytes(step.buffers[0]).load(as: Int64.self))
      case .branch(let then, let otherwise):
        let isTaken = try bytes(step.buffers[0])[0] != 0
        let first = index + 1 + (isTaken ? 0 : then)
        try steps(first..<first + (isTaken ? then : otherwise))
      case .loop(let body, let counter, let count, let limit, let condition, let next):
        var buffers = step.buffers[...]
        var most = step.tiles.evaluate(dims) ?? 0
        if limit, let reference = buffers.popFirst() { most = min(most, Int(try bytes(reference).load(as: Int64.self))) }
        var goesOn = true
        if condition, let reference = buffers.popFirst() { goesOn = try bytes(reference)[0] != 0 }
        var iteration = 0
        while iteration < most && goesOn {
          dims[counter] = iteration
          try steps(index + 1..<index + 1 + body)
          if next, let reference = buffers.first { goesOn = try bytes(reference)[0] != 0 }
          iteration += 1
        }
        if let count { dims[count] = iteration }
      }
      index += 1 + (step.control?.stepCount ?? 0)
    }
  }

  private func call(_ step: Plan.Step) throws {
    let kernel = model.kernels[step.kernel]
    let findings = KernelVerifier.verify(kernel)
    if !findings.isEmpty { throw PlanError(description: "\(findings)\n\(KernelPrinter.print(kernel))") }
    let buffers = try step.buffers.map { try bytes($0) }
    do {
      try KernelEvaluator.evaluate(kernel, buffers: buffers, sizes: step.sizes.compactMap { $0.evaluate(dims) })
    } catch {
      throw PlanError(description: "\(error)\n\(KernelPrinter.print(kernel))")
    }
  }
}
