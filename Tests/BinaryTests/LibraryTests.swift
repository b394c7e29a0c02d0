// SPDX-License-Identifier: Apache-2.0
// Shared and static libraries, objects and headers, used from C; and what linking refuses.

import ExecutableLinker
import Foundation
import GraphSupport
import PlanIR
import Testing

/// Calls two models of one program with a made-up image and prints their classes.
private let caller = """
  #include "first.h"
  #include "second.h"
  #include <stdio.h>
  static float image[3 * 784];
  static int run(const struct lamina_model *model) {
    struct lamina_context *context;
    float probability[30];
    int64_t dims[first_dim_count] = {3}, classes[3];
    enum lamina_status status = lamina_open(model, NULL, 0, &context);
    if (!status) status = lamina_bind(context, dims, first_dim_count, 2);
    if (!status && lamina_input_bytes(context, first_input_image) != sizeof image) return 9;
    if (!status) status = lamina_set_input(context, first_input_image, image);
    if (!status) status = lamina_set_output(context, first_output_probability, probability);
    if (!status) status = lamina_set_output(context, first_output_class, classes);
    if (!status) status = lamina_run(context, NULL);
    if (status) { puts(lamina_status_text(status)); return 1; }
    printf("%d %d %d\\n", (int)classes[0], (int)classes[1], (int)classes[2]);
    lamina_close(context);
    return 0;
  }
  int main(void) {
    for (int row = 0; row < 3; row++)
      for (int i = 0; i < 784; i++) image[row * 784 + i] = i % 10 == 7 - row ? 0.125f : 0.0625f;
    return run(&lamina_model_first) || run(&lamina_model_second);
  }
  """

@Suite struct LibraryTests {
  private func build(_ folder: Folder, _ output: ModelLinker.Output, _ ending: String) throws {
    for name in ["first", "second"] {
      try withSampleLinker(folder, name: name) { linker in
        var linker = linker
        linker.plan.inputs[0].name = "image"
        try linker.write(output, to: folder.file("\(name)\(ending)"))
        try linker.writeHeader(to: folder.file("\(name).h"))
      }
    }
    try folder.write("caller.c", Array(caller.utf8))
  }

  @Test(arguments: [ModelLinker.Output.shared, .static, .object]) func runsFromC(output: ModelLinker.Output) throws {
    let folder = try Folder()
    let ending = [.shared: ".so", .static: ".a"][output] ?? ".o"
    try build(folder, output, ending)
    let compiled = try shell(
      "/usr/bin/env",
      [
        "cc", "-Wall", "-Werror", "-std=c99", folder.file("caller.c"), folder.file("first\(ending)"),
        folder.file("second\(ending)"),
      ]
        + ["-Wl,-rpath,\(folder.path)", "-o", folder.file("caller")])
    #expect(compiled.status == 0, "\(compiled.error)")
    let finished = try shell(folder.file("caller"), [])
    #expect(finished.status == 0 && finished.output == "7 6 5\n7 6 5\n", "\(finished)")
    if output == .shared {
      let symbols = try shell("/usr/bin/env", ["nm", "-D", "--defined-only", folder.file("first.so")]).output
      #expect(symbols.contains("lamina_model_first") && symbols.contains("lamina_run"))
      #expect(!symbols.contains("swift_") && !symbols.contains("main") && !symbols.contains("k_dense"))
    }
  }

  @Test func headerGoesWithTheContract() throws {
    let folder = try Folder()
    try withSampleLinker(folder, name: "数字") { try $0.writeHeader(to: folder.file("model.h")) }
    let contract =
      "\(#filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined())/Sources/CLaminaRuntime/include"
    for first in ["model.h", "lamina_runtime.h"] {
      let second = first == "model.h" ? "lamina_runtime.h" : "model.h"
      try folder.write(
        "use.c", Array("#include \"\(first)\"\n#include \"\(second)\"\nint n = u6570u5b57_output_class;\n".utf8))
      let compiled = try shell(
        "/usr/bin/env",
        [
          "cc", "-Wall", "-Werror", "-I", contract, "-I", folder.path, "-c", folder.file("use.c"), "-o",
          folder.file("use.o"),
        ])
      #expect(compiled.status == 0, "\(compiled.error)")
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let folder = try Folder()
    func message(_ path: String, _ change: (inout ModelLinker) -> Void) throws -> String {
      try withSampleLinker(folder) { linker in
        var linker = linker
        change(&linker)
        let error = #expect(throws: DiagnosticsError.self) { try linker.write(to: path) }
        return error?.diagnostics.map { "\($0.id): \($0.message)" }.joined(separator: "\n") ?? ""
      }
    }
    let out = folder.file("out")
    #expect(try message(out) { $0.kernels = [1, 2, 3] }.contains("link-object"))
    #expect(try message(out) { $0.kernels[18] = 200 }.contains("machine 200"))
    #expect(try message(out) { $0.plan.kernels[0] = "k_missing" }.contains("k_missing"))
    #expect(try message(out) { $0.plan.steps[0].kernel = 5 }.contains("kernel 5"))
    #expect(try message(out) { $0.weights[0].offset = 0 }.contains("overlap"))
    #expect(try message(out) { $0.weights[0].offset = 1 << 40 }.contains("leave the blob"))
    #expect(try message("/nowhere/out") { _ in }.contains("cannot write '/nowhere/out'"))
    #expect(try message(folder.path) { _ in }.contains("it is a folder"))
    // Nothing half done is left behind.
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(left == ["compiled.o", "kernels.c"])
  }
}
