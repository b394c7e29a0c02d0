// SPDX-License-Identifier: Apache-2.0
// The runtime's only error: a status of the C header.

import CLaminaRuntime

/// Why a call did not succeed. What it was called on stays usable.
public struct RuntimeError: Error, Equatable {
  public let status: lamina_status

  init(_ status: lamina_status) { self.status = status }

  /// The status in words; a C string that lives as long as the program.
  public var text: UnsafePointer<CChar> { lamina_status_text(status) }
}

#if !hasFeature(Embedded)
  extension RuntimeError: CustomStringConvertible {
    public var description: String { String(cString: text) }
  }
#endif
