// SPDX-License-Identifier: Apache-2.0
// Times functions: on the thread's CPU clock, the minimum of many short repeats.

import Glibc
import LLVMBackend

/// The C type of a generated kernel; see `lamina_runtime.h`.
typealias KernelFunction = @convention(c) (
  UnsafePointer<UnsafeMutableRawPointer>, UnsafePointer<Int64>, Int64, Int64, UnsafeMutableRawPointer?
) -> Void

/// 64-byte aligned memory with small numbers in it.
final class Memory {
  let pointer: UnsafeMutableRawPointer
  let byteCount: Int

  init(floats count: Int) {
    byteCount = max(count * 4, 64)
    // Large arrays on huge pages, as the runtime's arena is.
    pointer = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: byteCount > 1 << 20 ? 2 << 20 : 64)
    if byteCount > 1 << 20 { madvise(pointer, byteCount, MADV_HUGEPAGE) }
    let floats = pointer.bindMemory(to: Float.self, capacity: byteCount / 4)
    for index in 0..<byteCount / 4 { floats[index] = Float(index % 61) * 0.03125 - 0.9375 }
  }

  deinit { pointer.deallocate() }
}

/// A function in memory and what it is called with.
struct Call {
  let code: LoadedKernels
  let arrays: [Memory]
  var sizes: [Int64] = []
  var tiles = 1
  var scratch: Memory?

  /// Nanoseconds of one call, the least of the repeats.
  func nanoseconds(_ settings: Settings) -> Double {
    let function = unsafeBitCast(code.functions[0], to: KernelFunction.self)
    let pointers = arrays.map(\.pointer)
    let sizes = self.sizes + [0]
    let end = Int64(tiles)
    return pointers.withUnsafeBufferPointer { pointers in
      sizes.withUnsafeBufferPointer { sizes in
        // The buffers are not empty.
        let (first, size) = (pointers.baseAddress!, sizes.baseAddress!)
        return minimumNanoseconds(settings) { function(first, size, 0, end, scratch?.pointer) }
      }
    }
  }
}

/// Nanoseconds of one call, the least of many short repeats.
func minimumNanoseconds(_ settings: Settings, _ call: () -> Void) -> Double {
  func run(_ count: Int) -> Double {
    let start = threadNanoseconds()
    for _ in 0..<count { call() }
    return threadNanoseconds() - start
  }
  // As many calls as make a repeat long against the clock's own time.
  var count = 1
  while run(count) < settings.repeatNanoseconds / 2, count < 1 << 24 { count *= 2 }
  return (0..<settings.repeats).reduce(Double.infinity) { best, _ in min(best, run(count) / Double(count)) }
}

/// How measurements are taken.
package struct Settings: Sendable {
  package var target: TargetDescription
  /// How often a figure is taken; the least time counts.
  package var repeats: Int
  package var repeatNanoseconds: Double

  package init(target: TargetDescription, repeats: Int, repeatNanoseconds: Double = 200_000) {
    self.target = target
    self.repeats = repeats
    self.repeatNanoseconds = repeatNanoseconds
  }
}

func threadNanoseconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}
