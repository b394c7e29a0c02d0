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
  let plan = model.plan
  guard let layout = plan.layout(dims), let weights = model.weights(), let arena = TensorStorage(zeros: layout.byteCount)
  else { throw PlanError(description: "no layout") }
  // Garbage where nothing was written shows what is read too early.
  arena.bytes.initializeMemory(as: UInt8.self, repeating: 0xA5)
  let outputs = try plan.outputs.map { port -> Tensor in
    guard let tensor = Tensor(zeros: port.type.dtype, port.type.shape.compactMap { $0.evaluate(dims) }) else {
      throw PlanError(description: "output \(port.name)")
    }
    return tensor
  }
  for step in plan.steps {
    let kernel = model.kernels[step.kernel]
    let findings = KernelVerifier.verify(kernel)
    if !findings.isEmpty { throw PlanError(description: "\(findings)\n\(KernelPrinter.print(kernel))") }
    let buffers = step.buffers.map { reference -> UnsafeMutableRawBufferPointer in
      let bytes: UnsafeMutableRawBufferPointer
      switch reference.space {
      case .arena(let index):
        let place = layout.places[index]
        bytes = UnsafeMutableRawBufferPointer(rebasing: arena.bytes[place.offset..<place.offset + place.byteCount])
      case .constant(let index):
        let constant = plan.constants[index]
        bytes = UnsafeMutableRawBufferPointer(
          rebasing: weights.bytes[constant.offset..<constant.offset + constant.byteCount])
      case .input(let index): bytes = inputs[index].mutableBytes
      case .output(let index): bytes = outputs[index].mutableBytes
      }
      return bytes
    }
    do {
      try KernelEvaluator.evaluate(kernel, buffers: buffers, sizes: step.sizes.compactMap { $0.evaluate(dims) })
    } catch {
      throw PlanError(description: "\(error)\n\(KernelPrinter.print(kernel))")
    }
  }
  return outputs
}
