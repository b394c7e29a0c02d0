// SPDX-License-Identifier: Apache-2.0
// Stored tensors in every encoding, and files beside the model.

import Foundation
import GraphSupport
import ONNXImport
import TensorCore
import Testing

@Suite struct TensorTests {
  /// The value of a stored tensor, read through a model that returns it.
  private func value(_ initializer: Wire) throws -> Tensor {
    try run(
      try importBytes(model(graph([node("Identity", ["w"], ["y"])], outputs: ["y"], initializers: [initializer]))))
  }

  @Test func everyTypeInNumbers() throws {
    #expect(try value(tensorMessage("w", 1, [2]) { $0.data(4, rawFloats([1.5, -2])) }).doubles() == [1.5, -2])
    #expect(
      try value(tensorMessage("w", 11, [1]) { $0.data(10, littleEndian((0.1).bitPattern)) }).doubles() == [0.1])
    #expect(try value(tensorMessage("w", 7, [2]) { $0.ints(7, [-5, 1 << 40]) }).integers() == [-5, 1 << 40])
    for (type, dtype) in [(3, DType.i8), (5, .i16), (6, .i32)] {
      let tensor = try value(tensorMessage("w", type, [2]) { $0.ints(5, [-5, 100]) })
      #expect(tensor.dtype == dtype && tensor.integers() == [-5, 100])
    }
    for (type, dtype) in [(2, DType.u8), (4, .u16)] {
      let tensor = try value(tensorMessage("w", type, [2]) { $0.ints(5, [200, 7]) })
      #expect(tensor.dtype == dtype && tensor.integers() == [200, 7])
    }
    for type in [12, 13] {
      #expect(try value(tensorMessage("w", type, [1]) { $0.ints(11, [4_000_000_000]) }).integers() == [4_000_000_000])
    }
    #expect(try value(tensorMessage("w", 9, [3]) { $0.ints(5, [1, 0, 1]) }).integers() == [1, 0, 1])
    #expect(try value(tensorMessage("w", 10, [2]) { $0.ints(5, [0x3C00, 0xC000]) }).doubles() == [1, -2])
    #expect(try value(tensorMessage("w", 16, [2]) { $0.ints(5, [0x3F80, 0xC000]) }).doubles() == [1, -2])
  }

  @Test func rawBytesAreNotCopied() throws {
    let folder = try TemporaryFolder()
    let bytes = model(
      graph([node("Identity", ["w"], ["y"])], outputs: ["y"], initializers: [floats("w", [3], [1, 2, 3])]))
    let imported = try importModel(try folder.write(bytes))
    let tensor = try #require(imported.parameters["w"])
    #expect(tensor.storage.bytes.count == bytes.count && tensor.doubles() == [1, 2, 3])
    let flags = try value(tensorMessage("w", 9, [3]) { $0.data(9, [0, 2, 255]) })
    #expect(flags.withBytes { Array($0) } == [0, 1, 1])
  }

  @Test func sparseTensorsGetTheirZeros() throws {
    var sparse = Wire()
    sparse.message(1, floats("w", [2], [5, 6]))
    sparse.message(2, longs("", [1, 3]))
    sparse.ints(3, [2, 2])
    let bytes = model(graph([node("Identity", ["w"], ["y"])], outputs: ["y"], sparse: [sparse]))
    #expect(try run(try importBytes(bytes)).doubles() == [0, 5, 0, 6])
  }

  @Test(arguments: [
    tensorMessage("w", 1, [3]) { $0.data(9, rawFloats([1, 2])) },
    tensorMessage("w", 1, [3]) { $0.data(4, rawFloats([1, 2])) },
    tensorMessage("w", 1, [-1]) { $0.data(9, []) },
    tensorMessage("w", 1, [1 << 40, 1 << 40]) { $0.data(9, []) },
    tensorMessage("w", 1, [1 << 61]) { $0.data(9, []) },
    tensorMessage("w", 8, [1]) { $0.text(6, "text") },
    tensorMessage("w", 17, [1]) { $0.data(9, [0]) },
    tensorMessage("w", 99, [1]) { $0.data(9, [0]) },
  ])
  func wrongTensorsAreRefused(_ initializer: Wire) throws {
    #expect(throws: DiagnosticsError.self) { try value(initializer) }
  }

  // MARK: External data

  private func external(_ entries: [(String, String)]) -> [UInt8] {
    let tensor = tensorMessage("w", 1, [2]) { message in
      for (key, value) in entries {
        var entry = Wire()
        entry.text(1, key)
        entry.text(2, value)
        message.message(13, entry)
      }
      message.int(14, 1)
    }
    return model(graph([node("Identity", ["w"], ["y"])], outputs: ["y"], initializers: [tensor]))
  }

  @Test func externalDataIsReadBesideTheModel() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path + "/sub", withIntermediateDirectories: true)
    _ = try folder.write([9, 9, 9, 9] + rawFloats([1, 2]), "sub/w.bin")
    let path = try folder.write(external([("location", "sub/w.bin"), ("offset", "4"), ("length", "8")]))
    #expect(try run(try importModel(path)).doubles() == [1, 2])
  }

  @Test(arguments: [
    [("location", "/etc/hostname")], [("location", "../w.bin")], [("location", "sub/../../w.bin")],
    [("location", "link")],
    [("location", "folderlink/w.bin")], [("location", "missing")], [("location", "")], [],
    [("location", "w.bin"), ("offset", "4")], [("location", "w.bin"), ("offset", "-4")],
    [("location", "w.bin"), ("offset", "9223372036854775807")], [("location", "w.bin"), ("length", "4")],
    [("location", "w.bin"), ("offset", "x")],
  ])
  func externalDataElsewhereIsRefused(_ entries: [(String, String)]) throws {
    let outside = try TemporaryFolder()
    _ = try outside.write(rawFloats([1, 2]), "w.bin")
    let folder = try TemporaryFolder()
    _ = try folder.write(rawFloats([1, 2]), "w.bin")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/link", withDestinationPath: outside.path + "/w.bin")
    try FileManager.default.createSymbolicLink(atPath: folder.path + "/folderlink", withDestinationPath: outside.path)
    let path = try folder.write(external(entries))
    #expect(throws: DiagnosticsError.self) { try importModel(path) }
  }
}
