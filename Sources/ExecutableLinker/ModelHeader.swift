// SPDX-License-Identifier: Apache-2.0
// The C header of one model: names, numbers and sizes of its inputs and outputs, and how to call it.

import GraphSupport
import PlanIR
import TensorCore

extension ModelLinker {
  /// A header that needs nothing but the C library; it and `lamina_runtime.h` may be included in any order.
  package func header() -> String {
    let name = Self.identifier(plan.name)
    let prefix = "\(name)_"
    var lines = [
      "// The model '\(plan.name.map { $0.isNewline || $0 == "\\" ? " " : String($0) }.joined())'; generated.",
      "#ifndef LAMINA_MODEL_\(name)_H", "#define LAMINA_MODEL_\(name)_H", "", Self.declarations, "",
      "#ifdef __cplusplus", "extern \"C\" {", "#endif",
      "extern const struct lamina_model \(modelSymbol);",
      "#ifdef __cplusplus", "}", "#endif", "",
    ]
    func numbers(_ kind: String, _ items: [(name: String, comment: String)]) {
      lines.append("enum {")
      for (index, item) in items.enumerated() {
        lines.append("  \(prefix)\(kind)_\(Self.identifier(item.name)) = \(index), // \(item.comment)")
      }
      lines.append("  \(prefix)\(kind)_count = \(items.count)")
      lines.append("};")
    }
    lines.append("// Sizes, in the order in which lamina_bind takes them.")
    numbers("dim", plan.callerSymbols.map { ($0.name, "\($0.range.lowerBound)...\($0.range.upperBound)") })
    lines.append("// Inputs and outputs, row-major.")
    numbers("input", plan.inputs.map { ($0.name, "\($0.type)") })
    numbers("output", plan.outputs.map { ($0.name, "\($0.type)") })
    for (kind, ports) in [("input", plan.inputs), ("output", plan.outputs)] {
      for port in ports {
        guard let count = port.type.elementCount.value, let bytes = port.type.dtype.byteCount(count) else { continue }
        lines.append("#define \(prefix)\(kind)_\(Self.identifier(port.name))_bytes \(bytes)")
      }
    }
    lines.append("#define \(prefix)weights_bytes \(plan.weightsByteCount)")
    if let bytes = plan.arenaBytes() { lines.append("#define \(prefix)arena_bytes \(bytes)") }
    lines += ["", "#endif", ""]
    return lines.joined(separator: "\n")
  }

  /// Writes the header, whole or not at all.
  package func writeHeader(to path: String) throws(DiagnosticsError) { try AtomicFile.write(header(), to: path) }

  /// The part of `lamina_runtime.h` that callers need.
  private static let declarations = """
    #ifndef LAMINA_RUNTIME_H
    #define LAMINA_RUNTIME_H
    #include <stdint.h>
    #ifdef __cplusplus
    extern "C" {
    #endif
    struct lamina_model;
    struct lamina_context;
    enum lamina_status { LAMINA_OK = 0 }; // lamina_status_text says what any other is
    const char *lamina_status_text(enum lamina_status status);
    // Verifies a model and makes a context. `weights`: NULL, or what replaces the model's own, 64-byte aligned.
    enum lamina_status lamina_open(
        const struct lamina_model *model, const void *weights, uint64_t weights_bytes, struct lamina_context **context);
    // Binds sizes and readies memory and threads (0: as many as cores). May be called again; then set all data again.
    enum lamina_status lamina_bind(
        struct lamina_context *context, const int64_t *dims, uint32_t dim_count, uint32_t threads);
    enum lamina_status lamina_set_input(struct lamina_context *context, uint32_t index, const void *data);
    enum lamina_status lamina_set_output(struct lamina_context *context, uint32_t index, void *data);
    uint64_t lamina_input_bytes(const struct lamina_context *context, uint32_t index);
    uint64_t lamina_output_bytes(const struct lamina_context *context, uint32_t index);
    uint64_t lamina_arena_bytes(const struct lamina_context *context);
    // Runs the model; allocates nothing. `nanoseconds`: NULL.
    enum lamina_status lamina_run(struct lamina_context *context, uint64_t *nanoseconds);
    void lamina_close(struct lamina_context *context);
    #ifdef __cplusplus
    }
    #endif
    #endif
    """
}
