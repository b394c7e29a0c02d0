// SPDX-License-Identifier: Apache-2.0
// Makes files that run without the compiler: executables, shared and static libraries, objects.

import GraphSupport
import PlanIR

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A compiled model and how to write it.
package struct ModelLinker {
  package enum Output: String, CaseIterable, Sendable {
    /// A program with the interface of `--help`.
    case executable
    /// A shared library that exports the functions of `lamina_runtime.h` and the model.
    case shared
    /// A static library with the same.
    case `static`
    /// One relocatable object with the same.
    case object
  }

  package enum Weights: Hashable, Sendable {
    case inside
    /// In a file of their own, at this path; an executable looks for its name beside itself.
    case beside(String)
  }

  package var plan: Plan
  /// A relocatable object that defines every function of `plan.kernels`.
  package var kernels: [UInt8]
  package var weights: [WeightsPart]

  package init(plan: Plan, kernels: [UInt8], weights: [WeightsPart] = []) {
    self.plan = plan
    self.kernels = kernels
    self.weights = weights
  }

  /// The name of the model's descriptor, `lamina_model_<name>`.
  package var modelSymbol: String { "lamina_model_\(Self.identifier(plan.name))" }

  /// Whether the runtime archive that every output holds is found.
  package static var hasRuntime: Bool { (try? Toolchain.runtimeArchive()) != nil }

  /// Writes the file, whole or not at all.
  ///
  /// - Throws: Faults of the plan, no linker or runtime archive, the linker's own messages, failed writes.
  package func write(
    _ output: Output = .executable, to path: String, weights place: Weights = .inside
  ) throws(DiagnosticsError) {
    guard let machine = DataObject.machine(of: kernels) else {
      throw DiagnosticsError("link-object", "found kernels that are no 64-bit ELF object, expected one")
    }
    let toolchain = try Toolchain.find()
    let runtime = try Toolchain.runtimeArchive()
    var plan = plan
    if case .beside(let file) = place {
      plan.metadata.removeAll { $0.key == "weights" }
      plan.metadata.append(Plan.Metadata("weights", lastName(of: file)))
    }
    let image = try plan.image()

    let workspace = try Workspace(beside: path)
    defer { workspace.remove() }
    try AtomicFile.write(kernels, to: workspace.path("kernels.o"))
    try DataObject(
      machine: machine, modelSymbol: modelSymbol, image: image, kernels: plan.kernels,
      weightsByteCount: plan.weightsByteCount, weights: place == .inside ? weights : nil
    ).write(to: workspace.path("model.o"))
    let result = try link(output, toolchain, runtime, workspace, name: lastName(of: path))
    if case .beside(let file) = place {
      var chunks = ChunkList()
      try chunks.append(weights, at: 0, count: plan.weightsByteCount)
      try chunks.write(to: file)
    }
    guard rename(result, path) == 0 else { throw SystemFailure.diagnostics("file-write", "cannot write", path) }
  }

  /// What every other language calls.
  private static let entryPoints = [
    "lamina_status_text", "lamina_open", "lamina_bind", "lamina_set_parallel", "lamina_set_input", "lamina_set_output",
    "lamina_input_bytes", "lamina_output_bytes", "lamina_arena_bytes", "lamina_value", "lamina_run", "lamina_needed_room",
    "lamina_close",
  ]

  /// Links in the workspace and returns the path of the result.
  private func link(
    _ output: Output, _ toolchain: Toolchain, _ runtime: String, _ workspace: Workspace, name: String
  ) throws(DiagnosticsError) -> String {
    let result = workspace.path("result")
    let log = workspace.path("log")
    let inputs = [workspace.path("kernels.o"), workspace.path("model.o")]
    // The model refers to nothing of the runtime: its functions are asked for by name.
    let wanted = Self.entryPoints.flatMap { ["-Wl,-u,\($0)"] }
    func run(_ options: [String]) throws(DiagnosticsError) {
      try Toolchain.run(toolchain.driver, toolchain.driverOptions + options, log: log)
    }
    switch output {
    case .executable:
      try run(["-pie", "-s", "-o", result] + inputs + [runtime] + Self.smallFile)
    case .shared:
      let script = "{ global: \((Self.entryPoints + [modelSymbol]).map { "\($0); " }.joined())local: *; };\n"
      try AtomicFile.write(script, to: workspace.path("exports"))
      try run(
        ["-shared", "-s", "-o", result, "-Wl,-soname,\(name)", "-Wl,-Bsymbolic"]
          + ["-Wl,--version-script=\(workspace.path("exports"))"] + wanted + inputs + [runtime] + Self.smallFile)
    case .object, .static:
      let joined = output == .object ? result : workspace.path("\(Self.identifier(plan.name)).o")
      try run(["-r", "-nostdlib", "-o", workspace.path("joined.o")] + wanted + inputs + [runtime])
      // The embedded Swift functions stay in here, or they would take over those of a Swift program; what every model
      // brings along is weak, so that one program may hold several.
      let objcopy = try Toolchain.tool(["objcopy", "llvm-objcopy"])
      let exports = Self.entryPoints.flatMap { ["--keep-global-symbol=\($0)", "--weaken-symbol=\($0)"] }
      try Toolchain.run(
        objcopy, exports + ["--keep-global-symbol=\(modelSymbol)", workspace.path("joined.o"), joined], log: log)
      if output == .static {
        try Toolchain.run(try Toolchain.tool(["ar", "llvm-ar"]), ["rcs", result, joined], log: log)
      }
    }
    return result
  }

  private static let smallFile = [
    "-Wl,--gc-sections", "-Wl,-O1", "-Wl,-z,noseparate-code", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,--build-id=none",
    "-Wl,--hash-style=gnu", "-Wl,--as-needed", "-lm",
  ]

  /// A C identifier for any name: other characters become `_`, outside ASCII their number.
  package static func identifier(_ name: String) -> String {
    var result = ""
    for scalar in name.unicodeScalars {
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_": result.unicodeScalars.append(scalar)
      case _ where scalar.isASCII: result += "_"
      default: result += "u\(String(scalar.value, radix: 16))"
      }
    }
    return result.isEmpty ? "model" : result
  }
}

/// A folder beside the result, so that the last step is a rename.
private struct Workspace {
  private let folder: TemporaryFolder

  init(beside path: String) throws(DiagnosticsError) {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      throw DiagnosticsError("file-write", "cannot write '\(path)': it is a folder", file: path)
    }
    do {
      folder = try TemporaryFolder(in: parent(of: path), prefix: ".lamina-")
    } catch {
      throw SystemFailure.diagnostics("file-write", "cannot write", path)
    }
  }

  func path(_ name: String) -> String { folder.file(name) }

  func remove() { folder.remove() }
}
