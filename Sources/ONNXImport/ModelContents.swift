// SPDX-License-Identifier: Apache-2.0
// What an ONNX file holds, whether it can be imported or not.

import GraphIR
import GraphSupport
import TensorCore

/// A file's contents, for people who look into it.
package struct ModelContents: Sendable {
  /// An input or output as the file declares it.
  package struct Value: Sendable {
    package let name: String
    /// As "f32[N, 3, ?]", or what it is that is no tensor.
    package let type: String
    /// Whether a stored tensor stands for it when it is not given.
    package let isStored: Bool
  }

  /// A stored tensor.
  package struct Stored: Sendable {
    package let name: String
    /// Nil where it cannot be read.
    package let tensor: Tensor?
    /// Why it cannot be read.
    package let fault: String?
  }

  package let irVersion: Int
  package let producer: String
  /// The operator sets, the default domain's first, as "21" or "com.microsoft 1".
  package let operatorSets: [String]
  package let nodeCount: Int
  package let inputs: [Value]
  package let outputs: [Value]
  package let initializers: [Stored]
}

/// Reads what a file holds. Errors have the ids `file-read` and `malformed-file`.
package func modelContents(_ path: String) throws(DiagnosticsError) -> ModelContents {
  let file = try ONNXFile(path)
  guard let graph = file.model.graph else {
    throw DiagnosticsError("malformed-file", "malformed ONNX model: there is no graph in it", file: path)
  }
  var stored: [ModelContents.Stored] = []
  for proto in graph.initializer { stored.append(contents(proto.name) { () throws(TypeError) in try file.tensor(proto) }) }
  for proto in graph.sparseInitializer {
    stored.append(contents(proto.values?.name ?? "") { () throws(TypeError) in try file.tensor(proto) })
  }
  let names = Set(stored.map(\.name))
  func values(_ all: [ValueInfoProto]) -> [ModelContents.Value] {
    all.map { ModelContents.Value(name: $0.name, type: typeText($0), isStored: names.contains($0.name)) }
  }
  return ModelContents(
    irVersion: Int(clamping: file.model.irVersion), producer: file.model.producerName,
    operatorSets: file.model.opsetImport.sorted { normalised($0.domain) < normalised($1.domain) }.map {
      normalised($0.domain).isEmpty ? "\($0.version)" : "\($0.domain) \($0.version)"
    }, nodeCount: graph.node.count, inputs: values(graph.input), outputs: values(graph.output), initializers: stored)
}

private func contents(_ name: String, _ read: () throws(TypeError) -> Tensor) -> ModelContents.Stored {
  do throws(TypeError) {
    return ModelContents.Stored(name: name, tensor: try read(), fault: nil)
  } catch {
    return ModelContents.Stored(name: name, tensor: nil, fault: error.message)
  }
}

/// A declared type; sizes that have neither number nor name are shown as "?".
private func typeText(_ value: ValueInfoProto) -> String {
  guard let tensor = value.type?.tensor else { return value.type?.other?.rawValue ?? "no type" }
  let dtype = ElementType.name(Int(tensor.elementType))
  guard let dims = tensor.shape?.dim else { return "\(dtype), any shape" }
  let sizes = dims.map { dim in
    if let size = dim.value, size >= 0 { return "\(size)" }
    return dim.parameter.flatMap { $0.isEmpty ? nil : $0 } ?? "?"
  }
  return "\(dtype)[\(sizes.joined(separator: ", "))]"
}
