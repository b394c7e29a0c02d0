// SPDX-License-Identifier: Apache-2.0
// The file formats of tensors, told by extension.

import GraphSupport

package enum TensorFormat: String, CaseIterable, Sendable {
  case npy, npz, safetensors, csv, png, jpeg, wav, json

  /// The format of a path's extension, in any case; other extensions are an error that lists the known ones.
  package init(path: String) throws(DiagnosticsError) {
    let name = path.split(separator: "/").last ?? ""
    let suffix = name.contains(".") ? name.split(separator: ".").last.map { $0.lowercased() } ?? "" : ""
    switch suffix {
    case "jpg", "jpeg": self = .jpeg
    case let known:
      guard let format = TensorFormat(rawValue: known) else {
        throw DiagnosticsError(
          "unknown-format",
          "the extension of \(quoted(path)) tells no tensor format, expected one of "
            + ".npy .npz .safetensors .csv .png .wav .json", file: path)
      }
      self = format
    }
  }

  /// Whether a file of this format holds any number of tensors by name.
  package var holdsNames: Bool { self == .npz || self == .safetensors || self == .json }
}
