// SPDX-License-Identifier: Apache-2.0
// Writing tensors in any format: the entry points. A file appears whole or not at all.

import GraphSupport
import TensorCore

/// Writes one tensor to `PATH` or, in a `.npz`, `.safetensors` or `.json` file, `PATH:KEY` (without KEY under `name`).
/// An existing file is replaced as a whole. Errors have the ids `file-write` and `unknown-format`.
package func writeTensor(
  _ tensor: Tensor, to reference: String, name: String = "tensor"
) throws(DiagnosticsError) {
  try writeTensors([(reference, name, tensor)])
}

/// Writes several tensors to their references; those to one file that holds names become that one file.
package func writeTensors(
  _ tensors: [(reference: String, name: String, tensor: Tensor)]
) throws(DiagnosticsError) {
  var paths: [String] = []
  var files: [String: [(name: String, tensor: Tensor)]] = [:]
  for (text, name, tensor) in tensors {
    let reference = TensorReference(writing: text)
    if files[reference.path] == nil { paths.append(reference.path) }
    files[reference.path, default: []].append((reference.key ?? name, tensor))
  }
  for path in paths { try writeTensors(files[path] ?? [], to: path) }
}

/// Writes named tensors to one file; only `.npz`, `.safetensors` and `.json` hold more than one.
package func writeTensors(_ tensors: [(name: String, tensor: Tensor)], to path: String) throws(DiagnosticsError) {
  let format = try TensorFormat(path: path)
  var names: Set<String> = []
  for (name, _) in tensors where !names.insert(name).inserted {
    throw DiagnosticsError("file-write", "two tensors named \(quoted(name)) for one file", file: path)
  }
  switch format {
  case .npz: return try NPZWriter.write(tensors, to: path)
  case .safetensors: return try SafetensorsWriter.write(tensors, to: path)
  case .json: return try JSONWriter.write(tensors, to: path)
  default: break
  }
  guard tensors.count == 1, let tensor = tensors.first?.tensor else {
    throw DiagnosticsError(
      "file-write", "a .\(format.rawValue) file holds one tensor, not \(tensors.count): write a .npz file",
      file: path)
  }
  switch format {
  case .npy: try NPYFile.write(tensor, to: path)
  case .csv: try CSVWriter.write(tensor, to: path)
  case .png: try PNGFile.write(tensor, to: path)
  case .wav: try WAVFile.write(tensor, to: path)
  case .jpeg: throw DiagnosticsError("file-write", "JPEG images are not written: write a .png file", file: path)
  case .npz, .safetensors, .json: break
  }
}
