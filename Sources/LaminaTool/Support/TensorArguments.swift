// SPDX-License-Identifier: Apache-2.0
// Tensors named on the command line.

import ArgumentParser
import GraphSupport
import ONNXImport
import TensorCore
import TensorFiles

/// `NAME=PATH`, split at the last `=` (names may hold one); without a name the whole text is the path.
func namedPath(_ text: String, names: [String]) -> (name: String?, path: String) {
  if let equals = text.lastIndex(of: "=") {
    let name = String(text[..<equals])
    let path = String(text[text.index(after: equals)...])
    if names.contains(name) || !fileExists(text) { return (name, path) }
  }
  return (nil, text)
}

/// What `--input` arguments give a model that is not read yet, whose inputs have no names here.
func runInputs(_ arguments: [String]) throws -> RunInputs {
  var named: [String: String] = [:]
  var collections: [String] = []
  var single: String?
  for argument in arguments {
    let (name, path) = namedPath(argument, names: [])
    if let name {
      named[name] = path
    } else if try TensorFormat(path: TensorReference(reading: path).path).holdsNames {
      collections.append(path)
    } else {
      single = path
    }
  }
  let members = try collections.map { (path: $0, names: Set(try readTensors($0).map(\.name))) }
  return RunInputs(
    isGiven: { [named, single] name, isOptional in
      named[name] != nil || members.contains { $0.names.contains(name) } || (single != nil && !isOptional)
    },
    tensor: { [named, single] name, dtype, shape in
      let member = members.last { $0.names.contains(name) }.map { "\($0.path):\(name)" }
      return try (named[name] ?? member ?? single).map {
        try readTensor($0, expecting: TensorType(dtype, shape ?? []), name: name)
      }
    })
}

/// The inputs of a model from `--input` arguments, in order. Throws with every input that is missing or unknown.
///
/// - Parameter bound: names that are constants of the model and no inputs any more.
func readInputs(
  _ arguments: [String], _ ports: [(name: String, type: TensorType)], bound: Set<String> = []
) throws -> [Tensor] {
  let names = ports.map(\.name)
  let listing = Diagnostic.Note("the inputs are " + ports.map { "'\($0.name)' \($0.type)" }.joined(separator: ", "))
  var tensors: [String: Tensor] = [:]
  var findings: [Diagnostic] = []
  for argument in arguments {
    let (name, path) = namedPath(argument, names: names + bound)
    if let name {
      if bound.contains(name) { continue }
      guard let port = ports.first(where: { $0.name == name }) else {
        findings.append(
          Diagnostic(
            .error, "unknown-input", "the model has no input '\(name)'", notes: [listing],
            fixIt: nearest(name, among: names)))
        continue
      }
      tensors[name] = try readTensor(path, expecting: port.type, name: name)
    } else if ports.count == 1, let port = ports.first {
      tensors[port.name] = try readTensor(path, expecting: port.type, name: port.name)
    } else {
      for (name, tensor) in try readTensors(path) where names.contains(name) { tensors[name] = tensor }
    }
  }
  for port in ports where tensors[port.name] == nil && !findings.contains(where: { $0.id == "unknown-input" }) {
    findings.append(
      Diagnostic(
        .error, "missing-input", "input '\(port.name)' \(port.type) is missing",
        notes: [listing, Diagnostic.Note("give it with --input \(ports.count == 1 ? "" : "\(port.name)=")PATH, or all with --random SEED")]))
  }
  if !findings.isEmpty { throw DiagnosticsError(findings) }
  return ports.compactMap { tensors[$0.name] }
}

/// Writes the outputs that `--output` arguments ask for and returns the names of the others.
func writeOutputs(_ arguments: [String], _ outputs: [(name: String, tensor: Tensor)]) throws -> [String] {
  var written: [(reference: String, name: String, tensor: Tensor)] = []
  var names: Set<String> = []
  for argument in arguments {
    let (name, path) = namedPath(argument, names: outputs.map(\.name))
    if let name {
      guard let output = outputs.first(where: { $0.name == name }) else {
        throw DiagnosticsError([
          Diagnostic(
            .error, "unknown-output", "the model has no output '\(name)'",
            notes: [Diagnostic.Note("the outputs are \(outputs.map { "'\($0.name)'" }.joined(separator: ", "))")],
            fixIt: nearest(name, among: outputs.map(\.name)))
        ])
      }
      written.append((path, name, output.tensor))
      names.insert(name)
    } else {
      for output in outputs {
        written.append((path, output.name, output.tensor))
        names.insert(output.name)
      }
    }
  }
  try writeTensors(written)
  return outputs.map(\.name).filter { !names.contains($0) }
}
