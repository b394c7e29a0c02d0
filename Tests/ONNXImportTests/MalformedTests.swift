// SPDX-License-Identifier: Apache-2.0
// Files that are no models, or nearly models: refused, whatever they say.

import GraphSupport
import ONNXImport
import TensorCore
import Testing

@Suite struct MalformedTests {
  /// A model with everything that a file can hold.
  private static var sound: [UInt8] {
    let inner = graph([node("MatMul", ["x", "w"], ["r"])], outputs: ["r"])
    let graph = graph(
      [
        node("Shape", ["x"], ["s"]), node("Reshape", ["x", "s"], ["x1"]), node("MatMul", ["x1", "w"], ["m"]),
        node("If", ["c"], ["i"], [("then_branch", .graph(inner)), ("else_branch", .graph(inner))]),
        node("Slice", ["m", "k", "k1"], ["t"]), node("Softmax", ["t"], ["y"], [("axis", .int(1))]),
      ],
      inputs: [valueInfo("x", ["N", "2"])], outputs: ["y", "i"],
      initializers: [
        floats("w", [2, 2], [1, 2, 3, 4]), longs("k", [0]), longs("k1", [1]),
        tensorMessage("c", 9, []) { $0.ints(5, [1]) },
      ])
    return model(graph)
  }

  private func isHandled(_ bytes: [UInt8], _ folder: TemporaryFolder) throws {
    do {
      _ = try importModel(try folder.write(bytes))
    } catch is DiagnosticsError {
      return
    }
  }

  @Test func everyTruncationIsHandled() throws {
    let folder = try TemporaryFolder()
    let bytes = Self.sound
    _ = try importModel(try folder.write(bytes))
    for count in 0..<bytes.count { try isHandled(Array(bytes[..<count]), folder) }
  }

  @Test func mutationsAreHandled() throws {
    let folder = try TemporaryFolder()
    let sound = Self.sound
    var state: UInt64 = 7
    func next(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(count))
    }
    for _ in 0..<1000 {
      var bytes = sound
      for _ in 0...next(4) {
        switch next(4) {
        case 0: bytes[next(bytes.count)] = UInt8(next(256))
        case 1: bytes[next(bytes.count)] ^= 1 << UInt8(next(8))
        case 2: bytes.remove(at: next(bytes.count))
        default: bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0x7F].prefix(next(6)), at: next(bytes.count))
        }
      }
      try isHandled(bytes, folder)
    }
  }

  @Test func deepNestingIsRefused() throws {
    var inner = graph([node("Relu", ["x"], ["y"])], outputs: ["y"])
    for _ in 0..<200 {
      inner = graph(
        [node("If", ["c"], ["y"], [("then_branch", .graph(inner)), ("else_branch", .graph(Wire()))])], outputs: ["y"])
    }
    #expect(throws: DiagnosticsError.self) { try importBytes(model(inner)) }
  }

  @Test(
    arguments: [[], [0x0A], Array("not a model".utf8), [0x3A, 0x80], [0x3B], [UInt8](repeating: 0xFF, count: 40)]
      as [[UInt8]])
  func otherFilesAreRefused(_ bytes: [UInt8]) throws {
    #expect(throws: DiagnosticsError.self) { try importBytes(bytes) }
  }
}
