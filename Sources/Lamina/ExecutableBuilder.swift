// SPDX-License-Identifier: Apache-2.0
// Files that run without the compiler.

import ExecutableLinker
import GraphIR
import GraphLowering
import GraphSupport
import LLVMBackend
import PlanIR
import TensorCore

/// Compiles a graph and writes it as an executable, a library or an object.
package func buildFile(
  _ graph: Graph, _ options: CompileOptions, _ output: ModelLinker.Output, to path: String,
  weights place: ModelLinker.Weights = .inside
) throws -> LoweredModel {
  var lowered = try CompiledModel.lower(graph, options)
  lowered.plan.metadata.append(Plan.Metadata("target", options.target.name))
  let compiler = KernelCompiler(target: options.target, threads: options.jobs)
  let object = try timed("compile") { try compiler.object(lowered.kernels, names: lowered.plan.kernels) }
  // Packed weights are made one by one; those that stay as they are are written from where they were loaded.
  var storages: [TensorStorage] = []
  var parts: [WeightsPart] = []
  try timed("pack weights") {
    for constant in lowered.constants {
      if constant.packing == nil {
        parts.append(WeightsPart(offset: constant.offset, bytes: constant.tensor.bytes))
        continue
      }
      guard let storage = TensorStorage(zeros: constant.byteCount) else {
        throw DiagnosticsError("out-of-memory", "there is not enough memory for the weights")
      }
      let bytes = UnsafeMutableRawBufferPointer(rebasing: storage.bytes[0..<constant.byteCount])
      constant.write(to: bytes)
      storages.append(storage)
      parts.append(WeightsPart(offset: constant.offset, bytes: UnsafeRawBufferPointer(bytes)))
    }
  }
  try withExtendedLifetime((storages, lowered.constants)) {
    try timed("link") {
      try ModelLinker(plan: lowered.plan, kernels: object, weights: parts).write(output, to: path, weights: place)
    }
  }
  return lowered
}
