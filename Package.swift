// swift-tools-version: 6.1
import Foundation
import PackageDescription

// The LLVM to build against: LAMINA_LLVM=19 picks one, else the distribution's default (`llvm-dev`).
let llvmMajor: String = {
  if let chosen = Context.environment["LAMINA_LLVM"], !chosen.isEmpty { return chosen }
  let header = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/usr/include/llvm-c")) ?? ""
  let digits = header.reversed().prefix(while: \.isNumber)
  return digits.isEmpty ? "14" : String(digits.reversed())
}()
let llvmRoot = "/usr/lib/llvm-\(llvmMajor)"

let swift: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]
let llvmSwift: [SwiftSetting] =
  swift + [.unsafeFlags(["-Xcc", "-I\(llvmRoot)/include", "-Xcc", "-DLAMINA_LLVM_MAJOR=\(llvmMajor)"])]

/// Each function in a section of its own, so that executables hold only what they call.
let sections: [CSetting] = [.unsafeFlags(["-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables"])]
let embedded: [SwiftSetting] =
  swift + [
    .enableExperimentalFeature("Embedded"),
    .unsafeFlags(["-wmo", "-Osize", "-Xfrontend", "-function-sections"]),
  ]

/// A row of `CONTRIBUTING.md`'s picture: a target may depend only on rows below its own.
func row(_ name: String, on dependencies: [Target.Dependency], settings: [SwiftSetting] = swift) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, of dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: swift)
}

let package = Package(
  name: "lamina",
  products: [
    .executable(name: "lamina", targets: ["LaminaTool"]),
    .library(name: "LaminaRuntime", targets: ["LaminaRuntime"]),
    .library(name: "LaminaRuntimeEmbedded", type: .static, targets: ["LaminaRuntimeEmbedded", "CLaminaMain"]),
    .library(name: "Lamina", targets: ["Lamina"]),
  ],
  dependencies: [
    // Verbs, options and help of the tool.
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    // Front matter is YAML; Yams wraps libyaml and keeps line and column of every node.
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    // ONNX files are protobuf messages: Apple's decoder, with limits on depth and checks of every length and string.
    .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
  ],
  targets: [
    // Row 0: the runtime ships alone.
    .target(name: "CLaminaRuntime", cSettings: sections),
    .target(name: "CLaminaMain", dependencies: ["CLaminaRuntime"], cSettings: sections + [.unsafeFlags(["-Os"])]),
    .target(name: "LaminaRuntime", dependencies: ["CLaminaRuntime"], swiftSettings: swift),
    // The same sources for the archive that executables link. It is never linked into a program that also has the
    // normal Swift runtime, whose functions its own would replace.
    .target(name: "LaminaRuntimeEmbedded", dependencies: ["CLaminaRuntime"], swiftSettings: embedded),

    // Row 1: base.
    row("GraphSupport", on: []),
    row("TensorCore", on: []),
    row("GraphLanguage", on: ["GraphSupport", .product(name: "Yams", package: "Yams")]),
    row("GraphDrawing", on: ["GraphLanguage", "GraphSupport"]),
    // zlib through dlopen, for compressed tensor files.
    .target(name: "CZlib", linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
    row("TensorFiles", on: ["CZlib", "TensorCore", "GraphSupport"]),

    // CBLAS through dlopen: an oracle in tests, and the fallback for shapes known at run time only.
    .target(name: "COpenBLAS", linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
    row("OpenBLAS", on: ["COpenBLAS"]),

    // Row 2: kernels.
    row("KernelIR", on: ["TensorCore", "GraphSupport"]),

    // Row 3: graph.
    row("GraphIR", on: ["KernelIR", "TensorCore", "GraphSupport"]),

    // Row 4: vocabulary.
    row("GraphOps", on: ["GraphIR", "KernelIR", "TensorCore", "GraphSupport"]),
    row("GraphLayers", on: ["GraphOps", "GraphIR", "GraphLanguage", "TensorFiles", "TensorCore", "GraphSupport"]),
    row("PlanIR", on: ["TensorCore", "GraphSupport", "CLaminaRuntime"]),

    // Row 5: steps.
    row("ExecutableLinker", on: ["PlanIR", "GraphSupport", "TensorCore", "CLaminaRuntime"]),
    row("GraphInterpreter", on: ["GraphIR", "TensorCore", "GraphSupport"]),
    row("GraphAutodiff", on: ["GraphOps", "GraphIR", "TensorCore", "GraphSupport"]),
    row("GraphOptimizer", on: ["GraphOps", "GraphIR", "TensorCore", "GraphSupport"]),
    row("GraphLowering", on: ["GraphOps", "GraphIR", "KernelIR", "PlanIR", "TensorCore", "GraphSupport"]),
    row(
      "ONNXImport",
      on: [
        "GraphOps", "GraphIR", "TensorCore", "GraphSupport", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ]),
    .systemLibrary(name: "CLLVM"),
    .target(
      name: "LLVMBackend", dependencies: ["CLLVM", "KernelIR", "TensorCore", "GraphSupport"], swiftSettings: llvmSwift),

    // Row 6: facade.
    row(
      "Lamina",
      on: [
        "GraphLayers", "GraphOps", "GraphIR", "GraphLanguage", "GraphInterpreter", "GraphAutodiff", "GraphOptimizer",
        "GraphLowering", "ONNXImport", "PlanIR", "LLVMBackend", "ExecutableLinker", "KernelIR", "LaminaRuntime",
        "CLaminaRuntime", "TensorFiles", "TensorCore", "GraphSupport",
      ]),

    // Row 7: tests as files.
    row(
      "FixtureKit",
      on: [
        "Lamina", "GraphLayers", "GraphIR", "GraphLanguage", "GraphInterpreter", "GraphOptimizer", "GraphLowering",
        "ONNXImport", "PlanIR", "LLVMBackend", "ExecutableLinker", "TensorFiles", "TensorCore", "GraphSupport",
      ]),

    // Row 8: the tool, and what measures the backend.
    .target(
      name: "MathAccuracy", dependencies: ["LLVMBackend", "GraphOps", "GraphIR", "KernelIR", "TensorCore"],
      swiftSettings: llvmSwift),
    .executableTarget(
      name: "UlpCheck",
      dependencies: [
        "MathAccuracy", "LLVMBackend", "KernelIR", "TensorCore",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: llvmSwift),
    .target(
      name: "Benchmark", dependencies: ["LLVMBackend", "OpenBLAS", "KernelIR", "TensorCore"],
      // The program that runs other runtimes is part of the tool.
      resources: [.embedInCode("Peers/peers.py")], swiftSettings: llvmSwift),
    .executableTarget(
      name: "LaminaTool",
      dependencies: [
        "Benchmark", "FixtureKit", "Lamina", "GraphLayers", "GraphOps", "GraphIR", "GraphDrawing", "GraphLanguage",
        "GraphInterpreter", "GraphLowering", "ONNXImport", "PlanIR", "LLVMBackend", "ExecutableLinker", "KernelIR",
        "TensorFiles", "TensorCore", "GraphSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: swift),

    // Tests.
    .testTarget(
      name: "FixtureTests", dependencies: ["FixtureKit", "ExecutableLinker", "GraphSupport"], exclude: ["Fixtures"],
      swiftSettings: swift),
    .testTarget(
      name: "CommandTests", dependencies: ["FixtureKit", "TensorFiles", "TensorCore", "GraphSupport"],
      swiftSettings: swift),
    tests("GraphDrawingTests", of: ["GraphDrawing", "GraphLanguage"]),
    tests("GraphSupportTests", of: ["GraphSupport"]),
    tests("TensorCoreTests", of: ["TensorCore"]),
    .testTarget(
      name: "GraphLanguageTests", dependencies: ["GraphLanguage", "GraphSupport"], exclude: ["Mermaid"],
      swiftSettings: swift),
    .testTarget(
      name: "TensorFilesTests", dependencies: ["TensorFiles", "TensorCore", "GraphSupport"],
      exclude: ["Fixtures", "make_fixtures.py"], swiftSettings: swift),
    .target(name: "TestKit", dependencies: ["KernelIR", "TensorCore"], path: "Tests/TestKit", swiftSettings: swift),
    .testTarget(
      name: "ContractTests", dependencies: ["LLVMBackend", "KernelIR", "TensorCore"], swiftSettings: llvmSwift),
    .testTarget(
      name: "MathTests", dependencies: ["MathAccuracy", "LLVMBackend", "KernelIR", "TensorCore"],
      swiftSettings: llvmSwift),
    tests("KernelIRTests", of: ["TestKit", "KernelIR", "TensorCore", "GraphSupport"]),
    tests("BinaryTests", of: ["ExecutableLinker", "PlanIR", "TensorCore", "GraphSupport"]),
    tests(
      "ONNXImportTests",
      of: [
        "Lamina", "ONNXImport", "GraphInterpreter", "GraphLayers", "GraphOptimizer", "GraphIR", "TensorCore",
        "GraphSupport",
      ]),
    tests("OpenBLASTests", of: ["OpenBLAS", "TestKit"]),
    tests("RuntimeTests", of: ["LaminaRuntime", "CLaminaRuntime", "PlanIR", "TensorCore", "GraphSupport"]),
    tests(
      "GraphLoweringTests",
      of: [
        "GraphTestKit", "GraphInterpreter", "GraphLowering", "GraphOptimizer", "GraphOps", "GraphIR", "KernelIR", "PlanIR",
        "TensorCore", "GraphSupport",
      ]),
    tests("PlanIRTests", of: ["PlanIR", "TensorCore", "GraphSupport"]),
    tests("LLVMBackendTests", of: ["TestKit", "LLVMBackend", "CLaminaRuntime", "KernelIR", "TensorCore", "GraphSupport"]),
    // Random graphs and the plainest execution of operators, for tests of several targets.
    .target(
      name: "GraphTestKit", dependencies: ["GraphOps", "GraphIR", "KernelIR", "TensorCore", "GraphSupport"],
      path: "Tests/GraphTestKit", swiftSettings: swift),
    tests(
      "DifferentialTests",
      of: [
        "GraphTestKit", "FixtureKit", "Lamina", "LLVMBackend", "GraphInterpreter", "GraphLayers", "GraphLowering",
        "GraphOptimizer", "GraphOps", "GraphIR", "KernelIR", "PlanIR", "TensorCore", "GraphSupport",
      ]),
    tests("GraphIRTests", of: ["GraphTestKit", "GraphOps", "GraphIR", "TensorCore", "GraphSupport"]),
    tests("GraphOpsTests", of: ["GraphTestKit", "GraphInterpreter", "GraphOps", "GraphIR", "TensorCore", "GraphSupport"]),
    .testTarget(
      name: "GraphLayersTests",
      dependencies: [
        "Lamina", "GraphLayers", "GraphAutodiff", "GraphInterpreter", "GraphOptimizer", "GraphOps", "GraphIR",
        "GraphLanguage", "TensorFiles", "TensorCore", "GraphSupport",
      ], exclude: ["Fixtures", "make_cases.py"], swiftSettings: swift),
    tests("GraphInterpreterTests", of: ["GraphInterpreter", "GraphOps", "GraphIR", "TensorCore", "GraphSupport"]),
    tests(
      "GraphAutodiffTests",
      of: ["GraphTestKit", "GraphAutodiff", "GraphInterpreter", "GraphOps", "GraphIR", "TensorCore", "GraphSupport"]),
  ]
)
