// SPDX-License-Identifier: Apache-2.0
// Reading tensors of any format: the entry points.

import GraphSupport
import TensorCore

/// Reads one tensor from `PATH` or `PATH:KEY`; the extension decides the format.
///
/// - KEY names a tensor of a `.npz` or `.safetensors` file, or selects columns of a `.csv` file (`a`, `a..b`, `a,b`).
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
  if let key, !format.isArchive && format != .csv {
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
  case .json, .png, .jpeg, .wav:
    throw DiagnosticsError("unsupported-file", "\(format.rawValue) files are not read", file: path)
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
  if try TensorFormat(path: path).isArchive { return try TensorArchive(path).tensors() }
  let file = path.split(separator: "/").last.map(String.init) ?? path
  let stem = file.split(separator: ".").dropLast().joined(separator: ".")
  return [(stem, try readTensor(TensorReference(path: path)))]
}

private func member(
  of archive: TensorArchive, key: String?, name: String?
) throws(DiagnosticsError) -> Tensor {
  if let key { return try archive.tensor(key) }
  if let name, archive.entry(name) != nil { return try archive.tensor(name) }
  if archive.entries.count == 1, archive.unreadable.isEmpty { return try archive.tensor(archive.entries[0]) }
  if archive.entries.isEmpty, let part = archive.unreadable.first { throw part.reason }
  let names = archive.entries.prefix(8).map { quoted($0.name) }.joined(separator: ", ")
  let more = archive.entries.count > 8 ? " and \(archive.entries.count - 8) more" : ""
  throw DiagnosticsError(
    "missing-tensor",
    "\(quoted(archive.path)) holds \(archive.entries.count) tensors, choose one as 'PATH:KEY': \(names)\(more)",
    file: archive.path)
}
