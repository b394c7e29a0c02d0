// SPDX-License-Identifier: Apache-2.0
// Reading tensors of any format: the entry points.

import GraphSupport
import TensorCore

/// Reads one tensor from `PATH` or `PATH:KEY`; the extension decides the format.
///
/// - KEY names a tensor of a `.npz`, `.safetensors` or `.json` file, or selects columns of a `.csv` file (`a`, `a..b`,
///   `a,b`).
///   Without it the tensor `name` is taken, or the only one.
/// - With an expected type the values are converted when they survive (`Tensor.converted(to:)`); `u16` becomes `bf16`
///   bit by bit. Formats without shapes of their own (`.csv .png .wav`) also get the expected axes, as `ShapeFitting`
///   says. Other shapes are given as they are: comparing them with what is expected is the caller's part.
/// - Errors have the ids `file-read`, `malformed-file`, `unsupported-file`, `unknown-format`, `missing-tensor`,
///   `missing-column`, `tensor-mismatch` and `out-of-memory`.
package func readTensor(
  _ reference: String, expecting expected: TensorType? = nil, name: String? = nil
) throws(DiagnosticsError) -> Tensor {
  try readTensor(TensorReference(reading: reference), expecting: expected, name: name)
}

/// Reads one tensor from a split reference.
package func readTensor(
  _ reference: TensorReference, expecting expected: TensorType? = nil, name: String? = nil
) throws(DiagnosticsError) -> Tensor {
  let (path, key) = (reference.path, reference.key)
  let format = try TensorFormat(path: path)
  if let key, !format.holdsNames && format != .csv {
    throw DiagnosticsError("missing-tensor", "\(quoted(path)) holds one tensor, so ':\(key)' means nothing", file: path)
  }
  let tensor: Tensor
  switch format {
  case .npy: tensor = try NPYFile.read(path)
  case .npz, .safetensors: tensor = try member(of: try TensorArchive(path), key: key, name: name)
  case .csv:
    let table = try CSVTable(path)
    let all = try table.tensor(try key.map { key throws(DiagnosticsError) in try table.selection(key) })
    tensor = try ShapeFitting.rows(all, to: expected, table)
  case .json: tensor = try choose(try JSONFile.read(path), path, key: key, name: name)
  case .png: tensor = try PNGFile.read(path, expecting: expected)
  case .wav: tensor = try WAVFile.read(path, expecting: expected)
  case .jpeg: throw jpegRefusal(path)
  }
  guard let expected, expected.dtype != tensor.dtype else { return tensor }
  if expected.dtype == .bf16, tensor.dtype == .u16,
    let bits = Tensor(.bf16, tensor.shape, storage: tensor.storage, byteOffset: tensor.byteOffset)
  {
    return bits
  }
  do throws(Tensor.ConversionFailure) {
    return try tensor.converted(to: expected.dtype)
  } catch {
    switch error {
    case .memory: throw FileFault(path: path, format: "\(format.rawValue) file").outOfMemory(tensor.byteCount)
    case .value(let index, let text):
      throw DiagnosticsError(
        "tensor-mismatch",
        "\(quoted(path)) holds \(tensor.dtype), expected \(expected.dtype), which has no \(text) (element \(index))",
        file: path)
    }
  }
}

/// Every tensor of a file, in its order; one of a format without names has the file's name without extension.
package func readTensors(_ path: String) throws(DiagnosticsError) -> [(name: String, tensor: Tensor)] {
  let file = path.split(separator: "/").last.map(String.init) ?? path
  let stem = file.split(separator: ".").dropLast().joined(separator: ".")
  switch try TensorFormat(path: path) {
  case .npz, .safetensors: return try TensorArchive(path).tensors()
  case .json: return try JSONFile.read(path).map { ($0.name ?? stem, $0.tensor) }
  default: return [(stem, try readTensor(TensorReference(path: path)))]
  }
}

func jpegRefusal(_ path: String) -> DiagnosticsError {
  DiagnosticsError("unsupported-file", "JPEG images are not read: convert \(quoted(path)) to .png", file: path)
}

private func member(
  of archive: TensorArchive, key: String?, name: String?
) throws(DiagnosticsError) -> Tensor {
  if let key { return try archive.tensor(key) }
  if let name, archive.entry(name) != nil { return try archive.tensor(name) }
  if archive.entries.count == 1, archive.unreadable.isEmpty { return try archive.tensor(archive.entries[0]) }
  if archive.entries.isEmpty, let part = archive.unreadable.first { throw part.reason }
  throw ambiguous(archive.path, archive.entries.map(\.name))
}

private func choose(
  _ tensors: [(name: String?, tensor: Tensor)], _ path: String, key: String?, name: String?
) throws(DiagnosticsError) -> Tensor {
  for wanted in [key, name].compactMap({ $0 }) {
    if let match = tensors.first(where: { $0.name == wanted }) { return match.tensor }
    if key != nil { break }
  }
  if key == nil, tensors.count == 1 { return tensors[0].tensor }
  let names = tensors.compactMap(\.name)
  throw key.map { missingTensor($0, path, names) } ?? ambiguous(path, names)
}

private func ambiguous(_ path: String, _ names: [String]) -> DiagnosticsError {
  let shown = names.prefix(8).map { quoted($0) }.joined(separator: ", ")
  let more = names.count > 8 ? " and \(names.count - 8) more" : ""
  return DiagnosticsError(
    "missing-tensor", "\(quoted(path)) holds \(names.count) tensors, choose one as 'PATH:KEY': \(shown)\(more)",
    file: path)
}

/// That `name` is not in a file, with names that are.
func missingTensor(_ name: String, _ path: String, _ names: [String]) -> DiagnosticsError {
  let near = names.filter { $0.lowercased().contains(name.lowercased()) || name.contains($0) }
  let shown = (near.isEmpty ? names : near).prefix(8).map { quoted($0) }.joined(separator: ", ")
  let more = names.count > 8 && near.isEmpty ? " and \(names.count - 8) more" : ""
  let listing =
    names.isEmpty ? "it holds no named tensors" : near.isEmpty ? "it holds \(shown)\(more)" : "near are \(shown)"
  return DiagnosticsError("missing-tensor", "no tensor \(quoted(name)) in \(quoted(path)): \(listing)", file: path)
}
