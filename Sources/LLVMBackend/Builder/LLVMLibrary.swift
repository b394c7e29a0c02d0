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
    // Addresses are simplified before LLVM sees them. Its own loop strength reduction takes two fifths of the time to
    // make code, and the kernels are no faster for it.
    let words: [StaticString] = ["lamina", "-disable-lsr"]
    let arguments = words.map { UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self) as UnsafePointer? }
    llvm.ParseCommandLineOptions(Int32(arguments.count), arguments, nil)
    return nil
  }()

  /// Gives the memory of the library's code back to the system, which reads it from its file again when it is called
  /// again. For whoever needs much memory next.
  package static func rest() {
    #if os(Linux)
      guard let maps = fopen("/proc/self/maps", "r") else { return }
      defer { fclose(maps) }
      var line = [CChar](repeating: 0, count: 4096)
      while fgets(&line, Int32(line.count), maps) != nil {
        // START-END PERMISSIONS OFFSET DEVICE INODE PATH
        let parts = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
          .split(whereSeparator: \.isWhitespace)
        guard parts.count == 6, parts[5].contains("libLLVM"), parts[1].contains("x") else { continue }
        let bounds = parts[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        guard bounds.count == 2, bounds[0] < bounds[1], let start = UnsafeMutableRawPointer(bitPattern: bounds[0]) else {
          continue
        }
        madvise(start, Int(bounds[1] - bounds[0]), MADV_DONTNEED)
      }
    #endif
  }
}
