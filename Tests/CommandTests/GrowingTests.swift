// SPDX-License-Identifier: Apache-2.0
// Executables of models whose sizes have no bound: memory grows with what a run finds.

import FixtureKit
import Foundation
import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite(.enabled(if: Command.isBuilt && Command.hasRuntime, "set LAMINA_BUILD to the folder of the built tool"))
struct GrowingTests {
  /// An ONNX model of operator set 13: `y = ConstantOfShape(k) + x`, k i64[1] and x f32[1].
  private static let model =
    "CAg6WQoXCgFrEgF6Ig9Db25zdGFudE9mU2hhcGUKDgoBegoBeBIBeSIDQWRkEgFnWg8KAWsSCgoICAcSBAoCCAFaDwoBeBIKCggIARIECgIIAWIJ"
    + "CgF5EgQKAggBQgQKABAN"

  @Test func executablesGrow() throws {
    let folder = try TemporaryFolder()
    let bytes = try #require(Data(base64Encoded: Self.model))
    try bytes.write(to: URL(fileURLWithPath: folder.file("filled.onnx")))
    let program = folder.file("filled")
    let built = try Command.lamina("build", folder.file("filled.onnx"), "-o", program)
    #expect(built.status == 0, "\(built.error)")
    #expect(built.error.contains("'shape' of 'ConstantOfShape'"), "\(built.error)")
    try writeTensor(try #require(Tensor(.f32, [1], doubles: [2.5])), to: folder.file("x.npy"))
    for count in [0, 7, 100_000] {
      try writeTensor(try #require(Tensor(.i64, [1], integers: [Int64(count)])), to: folder.file("k.npy"))
      let inputs = ["--input", "k=\(folder.file("k.npy"))", "--input", "x=\(folder.file("x.npy"))"]
      let finished = try runProgram(program, inputs + ["--output", "y=\(folder.file("y.npy"))"])
      #expect(finished.status == 0, "\(finished.error)")
      let y = try readTensor(folder.file("y.npy"))
      #expect(y.shape == [count] && y.doubles().allSatisfy { $0 == 2.5 }, "\(y.type)")
    }
    try writeTensor(try #require(Tensor(.i64, [1], integers: [-3])), to: folder.file("k.npy"))
    let negative = try runProgram(
      program, ["--input", "k=\(folder.file("k.npy"))", "--input", "x=\(folder.file("x.npy"))"])
    #expect(negative.status == 1 && negative.error.contains("below 0"), "\(negative.error)")
  }
}
