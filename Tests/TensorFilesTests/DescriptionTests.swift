// SPDX-License-Identifier: Apache-2.0
// Descriptions of files.

import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite struct DescriptionTests {
  private func lines(_ path: String) throws -> [String] {
    let description = try describeFile(path)
    return description.facts.map { "\($0.name): \($0.value)" }
      + description.items.map { item in
        [item.name, item.summary?.description ?? item.type, item.note].compactMap { $0 }.joined(separator: " | ")
      }
  }

  @Test func everyFormat() throws {
    let scratch = ScratchFolder()
    #expect(try lines(fixture("f4_big.npy")) == ["f4_big | f32[2, 3]  min 0  mean 2.5  max 5  [0, 1, 2, 3, 4, 5]"])
    #expect(
      try lines(fixture("mixed.npz")) == [
        "x | f32[3]  min 0  mean 1  max 2  [0, 1, 2]",
        "names | not read | npz member 'names.npy': element type '<U1': text has no tensor type here",
      ])
    let table = scratch.write("a,b,名\n1,2.5,x\n3,,y\n", "t.csv")
    #expect(
      try lines(table) == [
        "rows: 2", "columns: 3", "header: yes", "a | i64[2]  min 1  mean 2  max 3  [1, 3]",
        "b | f64[2]  min 2.5  mean 2.5  max 2.5  1 NaN  [2.5, nan] | 1 missing", "名 | text[2] | 'x', 'y'",
      ])
    #expect(try lines(fixture("rgb8.png"))[...2] == ["width: 11", "height: 7", "colours: RGB"])
    let sound = scratch.file("s.wav")
    try writeTensor(try #require(Tensor(zeros: .f32, [4000])), to: sound)
    #expect(try lines(sound)[...2] == ["sample rate: 16000 Hz", "channels: 1", "length: 0.25 s"])
    #expect(try describeFile(sound).byteCount == 16044)
    #expect(failure { _ = try describeFile(fixture("object.npy")) }.contains("Python objects"))
  }
}
