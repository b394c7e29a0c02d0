// SPDX-License-Identifier: Apache-2.0
// Files of named tensors whose names, types and shapes are known without reading the elements.

import GraphSupport
import TensorCore

/// An open `.safetensors` or `.npz` file. Its tensors stay in the mapped file where their bytes can be used as they
/// are (safetensors: always, when aligned to their element size; npz: when stored, not compressed).
package struct TensorArchive: Sendable {
  /// A tensor's place in the file.
  package struct Entry: Sendable {
    package let name: String
    package let dtype: DType
    package let shape: [Int]
    let source: Source

    package var type: TensorType { TensorType(dtype, shape.map { Dim($0) }) }
    /// Bytes of the elements.
    package var byteCount: Int { Tensor.count(of: shape).flatMap { dtype.byteCount($0) } ?? 0 }
  }

  /// How to get at an entry's bytes.
  enum Source: Sendable {
    case mapped(offset: Int)
    case npz(NPZMember)
  }

  /// A part of the file that holds no tensor of ours, and why.
  package struct Unreadable: Sendable {
    package let name: String
    package let reason: DiagnosticsError
  }

  package let path: String
  /// In the file's order.
  package let entries: [Entry]
  /// Parts with an element type that does not exist here; asking for one throws its reason.
  package let unreadable: [Unreadable]
  /// Free text a safetensors file carries, sorted by key.
  package let metadata: [(key: String, value: String)]
  private let file: MappedFile
  private let fault: FileFault
  private let indices: [String: Int]

  /// Opens and checks a file; its extension decides the format.
  package init(_ path: String) throws(DiagnosticsError) {
    let format = try TensorFormat(path: path)
    let contents: Contents
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    self.file = file
    fault = FileFault(path: path, format: "\(format.rawValue) file")
    switch format {
    case .safetensors: contents = try SafetensorsHeader.read(file.bytes, fault)
    case .npz: contents = try NPZFile.entries(file.bytes, fault)
    default:
      throw DiagnosticsError(
        "unsupported-file", "\(quoted(path)) holds no named tensors, expected a .safetensors or .npz file", file: path)
    }
    self.path = path
    entries = contents.entries
    unreadable = contents.unreadable
    metadata = contents.metadata
    indices = Dictionary(entries.enumerated().map { ($1.name, $0) }) { first, _ in first }
  }

  /// What a format's reader finds.
  struct Contents {
    var entries: [Entry] = []
    var unreadable: [Unreadable] = []
    var metadata: [(key: String, value: String)] = []
  }

  /// Bytes of the whole file.
  package var fileByteCount: Int { file.bytes.count }

  package func entry(_ name: String) -> Entry? { indices[name].map { entries[$0] } }

  /// The tensor of a name; the error lists names that are near.
  package func tensor(_ name: String) throws(DiagnosticsError) -> Tensor {
    if let entry = entry(name) { return try tensor(entry) }
    if let part = unreadable.first(where: { $0.name == name }) { throw part.reason }
    throw missingTensor(name, path, entries.map(\.name))
  }

  /// The tensor of one of this archive's entries.
  package func tensor(_ entry: Entry) throws(DiagnosticsError) -> Tensor {
    switch entry.source {
    case .mapped(let offset): try file.tensor(entry.dtype, entry.shape, at: offset, fault)
    case .npz(let member): try NPZFile.tensor(member, in: file, fault)
    }
  }

  /// Every tensor, in the file's order; an unreadable part is an error.
  package func tensors() throws(DiagnosticsError) -> [(name: String, tensor: Tensor)] {
    if let part = unreadable.first { throw part.reason }
    var all: [(name: String, tensor: Tensor)] = []
    for entry in entries { all.append((entry.name, try tensor(entry))) }
    return all
  }
}
