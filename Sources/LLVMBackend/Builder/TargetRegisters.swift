// SPDX-License-Identifier: Apache-2.0
// What tile choices need to know of a processor.

extension TargetDescription {
  /// Vector registers that the code may use.
  package var registers: Int {
    #if arch(x86_64)
      features.contains(.avx512f) && vectorBits == 512 ? 32 : 16
    #else
      32
    #endif
  }
}
