// SPDX-License-Identifier: Apache-2.0
// libLLVM, loaded when the first kernel has to be compiled and kept for the rest of the process.

internal import CLLVM
import GraphSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// LLVM's functions. Filled by `LLVMLibrary.load()`, which everything that owns an LLVM object calls first; never
/// written again.
nonisolated(unsafe) var llvm = lamina_llvm_functions()

/// The shared library behind `llvm`.
package enum LLVMLibrary {
  /// The major version this program was built for; the library must be of the same.
  package static let majorVersion = Int(lamina_llvm_major)

  /// Loads the library once. Fails with `llvm-missing` when this machine has none of the right version.
  package static func load() throws(DiagnosticsError) {
    if let problem = problem { throw DiagnosticsError("llvm-missing", problem) }
  }

  private static let problem: String? = {
    let major = majorVersion
    let names =
      major < 18
      ? ["libLLVM-\(major).so.1", "libLLVM-\(major).so"]
      : ["libLLVM.so.\(major).1", "libLLVM.so.\(major).0", "libLLVM-\(major).so"]
    let paths = names + names.map { "/usr/lib/llvm-\(major)/lib/\($0)" }
    var opened: UnsafeMutableRawPointer?
    for path in paths where opened == nil { opened = dlopen(path, RTLD_LAZY | RTLD_LOCAL) }
    guard let library = opened else {
      let reason = dlerror().map { String(cString: $0) } ?? "not found"
      return "cannot load LLVM \(major): \(reason); on Debian 'apt-get install libllvm\(major)' installs it"
    }
    if let missing = lamina_llvm_fill(&llvm, library) {
      return "the LLVM \(major) library found lacks '\(String(cString: missing))'"
    }
    #if arch(x86_64)
      llvm.InitializeX86TargetInfo()
      llvm.InitializeX86Target()
      llvm.InitializeX86TargetMC()
      llvm.InitializeX86AsmPrinter()
    #elseif arch(arm64)
      llvm.InitializeAArch64TargetInfo()
      llvm.InitializeAArch64Target()
      llvm.InitializeAArch64TargetMC()
      llvm.InitializeAArch64AsmPrinter()
    #endif
    return nil
  }()
}
