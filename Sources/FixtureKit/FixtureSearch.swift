// SPDX-License-Identifier: Apache-2.0
// The fixture files of folders.

import GraphSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The `.graph` files at some paths, those of folders in the order of their names and with folders inside them. A folder
/// with a `model.onnx` is one fixture: that file with the data beside it.
/// A folder's files whose names begin with `_` are only for other files to include.
package func fixtureFiles(_ paths: [String]) throws -> [String] {
  var found: [String] = []
  for path in paths {
    var status = stat()
    guard stat(path, &status) == 0 else { throw SystemFailure.diagnostics("file-read", "cannot read", path) }
    if status.st_mode & S_IFMT == S_IFDIR {
      try search(path, depth: 0, &found)
    } else {
      found.append(path)
    }
  }
  return found
}

/// Folders inside folders; deeper is a link that leads back.
private let depthLimit = 32

/// The names in a folder, sorted.
func folderContents(_ folder: String) throws -> [String] {
  guard let handle = opendir(folder) else { throw SystemFailure.diagnostics("file-read", "cannot read", folder) }
  defer { closedir(handle) }
  var names: [String] = []
  while let entry = readdir(handle) {
    names.append(withUnsafePointer(to: &entry.pointee.d_name) { pointer in
      pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    })
  }
  return names.sorted()
}

private func search(_ folder: String, depth: Int, _ found: inout [String]) throws {
  guard depth < depthLimit else { throw SystemFailure.diagnostics("file-read", "cannot read", folder) }
  let names = try folderContents(folder)
  if names.contains("model.onnx") {
    found.append(folder.hasSuffix("/") ? folder + "model.onnx" : "\(folder)/model.onnx")
    return
  }
  for name in names where !name.hasPrefix(".") && !name.hasPrefix("_") {
    let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
    var status = stat()
    guard stat(path, &status) == 0 else { continue }
    if status.st_mode & S_IFMT == S_IFDIR {
      try search(path, depth: depth + 1, &found)
    } else if name.hasSuffix(".graph") {
      found.append(path)
    }
  }
}
