// SPDX-License-Identifier: Apache-2.0
// Kernels in executable memory.

import GraphSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Functions with the calling convention `lamina_kernel`, valid as long as this object lives.
package final class LoadedKernels: @unchecked Sendable {
  /// One per kernel, in order. The memory is never written again.
  package let functions: [UnsafeRawPointer]
  private let memory: UnsafeMutableRawPointer
  private let size: Int

  /// Copies the code into memory that is then made executable and read-only.
  init(_ codes: [MachineCode]) throws(InternalError) {
    var offsets: [Int] = []
    var end = 0
    for code in codes {
      offsets.append(end)
      end += (code.bytes.count + MachineCode.alignment - 1) / MachineCode.alignment * MachineCode.alignment
    }
    size = max(end, 1)
    guard
      let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), memory != MAP_FAILED
    else { throw InternalError("cannot get memory for \(size) bytes of code: \(String(cString: strerror(errno)))") }
    for (code, offset) in zip(codes, offsets) {
      code.bytes.withUnsafeBytes {
        (memory + offset).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: $0.count)
      }
    }
    guard mprotect(memory, size, PROT_READ | PROT_EXEC) == 0 else {
      let reason = String(cString: strerror(errno))
      munmap(memory, size)
      throw InternalError("cannot make generated code executable: \(reason)")
    }
    self.memory = memory
    functions = zip(codes, offsets).map { UnsafeRawPointer(memory + $1 + $0.entry) }
  }

  deinit { munmap(memory, size) }
}
