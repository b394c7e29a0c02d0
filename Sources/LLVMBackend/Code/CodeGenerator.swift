// SPDX-License-Identifier: Apache-2.0
// Optimises a module and turns it into an object file or assembly text.

internal import CLLVM
import GraphSupport

/// LLVM's code generator for one target; used by one thread.
final class CodeGenerator {
  enum Output { case object, assembly }

  private let machine: LLVMTargetMachineRef
  private let triple: String

  /// Fails with an `InternalError` when LLVM does not know this machine.
  init(_ target: TargetDescription) throws {
    try LLVMLibrary.load()
    guard let raw = llvm.GetDefaultTargetTriple() else { throw InternalError("LLVM has no default target") }
    triple = String(cString: raw)
    llvm.DisposeMessage(raw)
    var found: LLVMTargetRef?
    var message: UnsafeMutablePointer<CChar>?
    guard llvm.GetTargetFromTriple(triple, &found, &message) == 0, let found else {
      throw InternalError("LLVM does not know the target '\(triple)': \(Self.taken(message))")
    }
    let (cpu, features) = target.processor
    guard
      let machine = llvm.CreateTargetMachine(
        found, triple, cpu, features, LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault)
    else { throw InternalError("LLVM cannot make code for '\(triple)' with the processor '\(cpu)'") }
    self.machine = machine
  }

  deinit { llvm.DisposeTargetMachine(machine) }

  /// Variables become registers, equal computations one, loop invariants leave their loops.
  func optimize(_ module: Module) throws {
    llvm.SetTarget(module.ref, triple)
    let layout = llvm.CreateTargetDataLayout(machine)
    llvm.SetModuleDataLayout(module.ref, layout)
    llvm.DisposeTargetData(layout)
    if let problem = timed("LLVM verifier", { module.verifierMessage }) {
      throw InternalError("LLVM refuses the code of a kernel: \(problem)\n\(module.text)")
    }
    let options = llvm.CreatePassBuilderOptions()
    defer { llvm.DisposePassBuilderOptions(options) }
    // One by one they give the same code, a little slower.
    let passes = ["mem2reg", "early-cse<memssa>", "loop-mssa(licm)", "early-cse"]
    for passes in PhaseTimes.isMeasuring ? passes : [passes.joined(separator: ",")] {
      try timed("LLVM \(passes)") {
        if let error = llvm.RunPasses(module.ref, "function(\(passes))", machine, options) {
          let message = llvm.GetErrorMessage(error)
          defer { llvm.DisposeErrorMessage(message) }
          throw InternalError("LLVM's passes failed: \(message.map { String(cString: $0) } ?? "no reason given")")
        }
      }
    }
  }

  func emit(_ module: Module, _ output: Output) throws -> [UInt8] {
    var buffer: LLVMMemoryBufferRef?
    var message: UnsafeMutablePointer<CChar>?
    let kind = output == .object ? LLVMObjectFile : LLVMAssemblyFile
    guard llvm.TargetMachineEmitToMemoryBuffer(machine, module.ref, kind, &message, &buffer) == 0, let buffer else {
      throw InternalError("LLVM cannot make code: \(Self.taken(message))")
    }
    defer { llvm.DisposeMemoryBuffer(buffer) }
    return Array(UnsafeRawBufferPointer(start: llvm.GetBufferStart(buffer), count: llvm.GetBufferSize(buffer)))
  }

  private static func taken(_ message: UnsafeMutablePointer<CChar>?) -> String {
    guard let message else { return "no reason given" }
    defer { llvm.DisposeMessage(message) }
    return String(cString: message)
  }
}
