// SPDX-License-Identifier: Apache-2.0
// Functions built by hand, such as probes of the processor, in executable memory.

import GraphSupport

extension LoadedKernels {
  /// Compiles a module and loads one of its functions.
  package convenience init(_ module: Module, function: String, _ target: TargetDescription) throws {
    let generator = try CodeGenerator(target)
    try generator.optimize(module)
    try self.init([try MachineCode(object: generator.emit(module, .object), function: function)])
  }
}
