// SPDX-License-Identifier: Apache-2.0
// Weights in files beside the model: only inside its folder, whatever the model says.

import GraphIR
import GraphSupport
import TensorCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The mapped weight files of one model.
final class ExternalFiles {
  private let folder: String
  private var mapped: [String: TensorStorage] = [:]

  init(beside path: String) {
    folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
  }

  /// Where the bytes of a tensor are that says so by `location`, `offset` and `length`.
  func storage(
    _ entries: [StringStringEntryProto], byteCount: Int
  ) throws(TypeError) -> (storage: TensorStorage, offset: Int) {
    var location: String?
    var offset = 0
    for entry in entries {
      switch entry.key {
      case "location": location = entry.value
      case "offset": offset = try number(entry)
      case "length":
        let length = try number(entry)
        guard length == byteCount else {
          throw TypeError("its external data has \(length) bytes, it needs \(byteCount)")
        }
      default: continue  // A checksum, which nothing asks to verify.
      }
    }
    guard let location else { throw TypeError("its external data names no file") }
    let storage = try file(location)
    guard offset <= storage.bytes.count, byteCount <= storage.bytes.count - offset else {
      throw TypeError(
        "its external data is bytes \(offset) to \(offset)+\(byteCount) of '\(location)', which has "
          + "\(storage.bytes.count)")
    }
    return (storage, offset)
  }

  private func number(_ entry: StringStringEntryProto) throws(TypeError) -> Int {
    guard let number = Int(entry.value), number >= 0 else {
      throw TypeError("'\(entry.key)' of its external data is '\(entry.value)', expected a number")
    }
    return number
  }

  private func file(_ location: String) throws(TypeError) -> TensorStorage {
    if let storage = mapped[location] { return storage }
    let parts = location.split(separator: "/", omittingEmptySubsequences: false)
    guard !location.isEmpty, !location.hasPrefix("/"), !location.utf8.contains(0), !parts.contains("..") else {
      throw TypeError(
        "its external data is in '\(location)'", note: "only files inside the model's folder are read")
    }
    guard let root = resolved(folder), let path = resolved(folder + location) else {
      throw TypeError("its external data file '\(location)' is missing beside the model")
    }
    // A link may lead anywhere; what counts is where it ends.
    guard path.hasPrefix(root == "/" ? root : root + "/") else {
      throw TypeError(
        "its external data file '\(location)' is a link to '\(path)'",
        note: "only files inside the model's folder are read")
    }
    let storage: TensorStorage
    do throws(DiagnosticsError) {
      storage = TensorStorage(try FileMapping(path))
    } catch {
      throw TypeError(error.diagnostics.first?.message ?? "cannot read '\(location)'")
    }
    mapped[location] = storage
    return storage
  }

  private func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }
}
