// SPDX-License-Identifier: Apache-2.0
// Contractions.

import KernelIR

extension KernelEmitter {
  func emitContract(_ contract: Contract) { fail("contractions are not supported") }
}
