// SPDX-License-Identifier: Apache-2.0
// What a kernel's code depends on, as a name.

import KernelIR

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The identity of a kernel's machine code: equal keys mean equal code.
struct KernelKey: Hashable, Sendable {
  /// 64 hexadecimal digits.
  let text: String

  /// The kernel's text without the names of things, the target, LLVM's version and the emitter.
  init(_ kernel: Kernel, _ target: TargetDescription) {
    var nameless = kernel
    nameless.name = "kernel"
    for index in nameless.parameters.indices { nameless.parameters[index].name = "p\(index)" }
    for index in nameless.scratch.indices { nameless.scratch[index].name = "s\(index)" }
    for index in nameless.sizes.indices { nameless.sizes[index] = "n\(index)" }
    let head = "emitter \(Self.emitter)\nllvm \(LLVMLibrary.majorVersion)\ntarget \(target.key)\n"
    let digits = Array("0123456789abcdef".utf8)
    let hash = SHA256.hash(Array((head + KernelPrinter.print(nameless)).utf8))
    text = String(decoding: hash.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Size and time of the program that holds the emitter: code made by another build is never taken, and nobody has to
  /// remember a version number.
  private static let emitter: String = {
    var status = stat()
    guard stat("/proc/self/exe", &status) == 0 else { return "unknown" }
    return "\(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
  }()
}
