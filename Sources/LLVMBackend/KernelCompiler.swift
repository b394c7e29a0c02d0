// SPDX-License-Identifier: Apache-2.0
// Kernels to machine code: in memory, as an object file, or as text to read.

import GraphSupport
import KernelIR
import Synchronization

/// Compiles kernels for one processor. Kernels found in the cache never touch LLVM, which is not even loaded then.
/// Errors are `DiagnosticsError` when LLVM is missing and `InternalError` for faults of kernels.
package final class KernelCompiler: Sendable {
  package let target: TargetDescription
  private let cache: KernelCache
  private let threads: Int

  /// `threads`: how many kernels may be compiled at the same time.
  package init(target: TargetDescription = .native, cache: KernelCache = .user, threads: Int = 2) {
    self.target = target
    self.cache = cache
    self.threads = max(threads, 1)
  }

  /// The kernels as functions in this process, in order; equal kernels share their code.
  package func load(_ kernels: [Kernel]) throws -> LoadedKernels {
    let codes = try compile(kernels)
    return try timed("place code") { try LoadedKernels(codes) }
  }

  /// An ELF relocatable object that defines a global function per kernel and needs no other symbol.
  package func object(_ kernels: [Kernel], names: [String]) throws -> [UInt8] {
    precondition(kernels.count == names.count, "as many names as kernels")
    return ObjectWriter.write(try compile(kernels), names: names)
  }

  /// LLVM's text of a kernel, before or after optimisation.
  package func llvmText(_ kernel: Kernel, optimized: Bool = true) throws -> String {
    let module = try Self.module(kernel, target)
    if optimized { try CodeGenerator(target).optimize(module) }
    return module.text
  }

  /// The kernel as assembly text.
  package func assembly(_ kernel: Kernel) throws -> String {
    let module = try Self.module(kernel, target)
    let generator = try CodeGenerator(target)
    try generator.optimize(module)
    return String(decoding: try generator.emit(module, .assembly), as: UTF8.self)
  }

  /// The kernels' machine code, in order.
  package func compile(_ kernels: [Kernel]) throws -> [MachineCode] {
    let keys = timed("hash kernels") { kernels.map { KernelKey($0, target) } }
    var found: [KernelKey: MachineCode] = [:]
    var missing: [(key: KernelKey, kernel: Kernel)] = []
    var wanted: Set<KernelKey> = []
    timed("look in cache") {
      for (key, kernel) in zip(keys, kernels) where wanted.insert(key).inserted {
        if let code = cache.find(key) { found[key] = code } else { missing.append((key, kernel)) }
      }
    }
    PhaseTimes.count("distinct kernels", wanted.count)
    PhaseTimes.count("cache hits", found.count)
    PhaseTimes.count("cache misses", missing.count)
    if !missing.isEmpty {
      try timed("load LLVM") { () throws(DiagnosticsError) in try LLVMLibrary.load() }
      let results = Mutex<[Int: Result<MachineCode, any Error>]>([:])
      let jobs = missing
      let next = Atomic<Int>(0)
      PhaseTimes.count("compile jobs", min(threads, jobs.count))
      timed("generate code") {
        let times = PhaseTimes.workerScope
        @Sendable func work() {
          // One code generator a thread: LLVM's objects are not shared.
          let generator = Result { try timed("prepare") { try CodeGenerator(self.target) } }
          while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < jobs.count else { return }
            let result = Result { try Self.compile(jobs[index].kernel, self.target, try generator.get()) }
            results.withLock { $0[index] = result }
          }
        }
        WorkerThreads.run(min(threads, jobs.count)) { if let times { times.run(work) } else { work() } }
      }
      for (index, job) in missing.enumerated() {
        guard let result = results.withLock({ $0[index] }) else {
          throw InternalError("kernel '\(job.kernel.name)' was not compiled")
        }
        let code = try result.get()
        timed("write cache") { cache.insert(code, job.key) }
        found[job.key] = code
      }
    }
    return keys.compactMap { found[$0] }
  }

  private static let functionName = "kernel"

  private static func compile(_ kernel: Kernel, _ target: TargetDescription, _ generator: CodeGenerator) throws
    -> MachineCode
  {
    let module = try module(kernel, target)
    try generator.optimize(module)
    let object = try timed("LLVM code generation") { try generator.emit(module, .object) }
    do {
      return try timed("resolve references") { () throws(InternalError) in
        try MachineCode(object: object, function: functionName)
      }
    } catch {
      throw InternalError("kernel '\(kernel.name)': \(error.message)")
    }
  }

  private static func module(_ kernel: Kernel, _ target: TargetDescription) throws -> Module {
    let faults = timed("verify kernel") { KernelVerifier.verify(kernel).filter { $0.severity == .error } }
    if let fault = faults.first { throw InternalError("kernel '\(kernel.name)' is malformed: \(fault.message)") }
    let module = try Module(name: kernel.name)
    try timed("emit LLVM IR") { try KernelEmitter.emit(kernel, as: functionName, into: module, target) }
    return module
  }
}
