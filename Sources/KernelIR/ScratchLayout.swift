// SPDX-License-Identifier: Apache-2.0
// Where a kernel's scratch arrays lie in the memory its caller passes.

import TensorCore

extension Kernel {
  /// The byte offset of each scratch array; each starts at a multiple of 64.
  package var scratchOffsets: [Int] { scratchLayout.offsets }

  /// Bytes of scratch memory that one thread needs.
  package var scratchBytes: Int { scratchLayout.end }

  private var scratchLayout: (offsets: [Int], end: Int) {
    var offsets: [Int] = []
    var end = 0
    for array in scratch {
      offsets.append(end)
      let bytes = array.dtype.byteCount(max(array.count, 0)) ?? .max
      let (padded, overflow) = bytes.addingReportingOverflow(63)
      let (next, overflows) = end.addingReportingOverflow(padded / 64 * 64)
      end = overflow || overflows ? .max / 64 * 64 : next
    }
    return (offsets, end)
  }
}
