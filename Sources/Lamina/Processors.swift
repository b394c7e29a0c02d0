// SPDX-License-Identifier: Apache-2.0
// What the runtime knows of the machine.

import CLaminaRuntime

/// How many processors this process may use.
package func processorCount() -> Int { Int(lamina_core_count()) }
