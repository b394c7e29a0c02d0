// SPDX-License-Identifier: Apache-2.0
// .json files.

import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite struct JSONTests {
  private let scratch = ScratchFolder()

  private func read(_ text: String, _ expected: TensorType? = nil) throws -> Tensor {
    try readTensor(scratch.write(text, "t.json"), expecting: expected)
  }
  private func refused(_ text: String) -> String { failure { _ = try read(text) } }

  @Test func nestedArrays() throws {
    #expect(try read("[[1, 2, 3], [4, 5, 6]]").type == TensorType(.i64, [2, 3]))
    #expect(try read(" [ [1.0,\n2] , [3,4e0] ] ").type == TensorType(.f64, [2, 2]))
    #expect(try read("[true, false]").integers() == [1, 0])
    #expect(try read("2.5").type == TensorType(.f64, []))
    #expect(try read("[[], []]").type == TensorType(.i64, [2, 0]))
    #expect(try read("[NaN, -Infinity, Infinity, -0]").doubles().map { "\($0)" } == ["nan", "-inf", "inf", "-0.0"])
    #expect(try read("[18446744073709551615, 0]").dtype == .u64)
    #expect(try read("[18446744073709551615, -1]").doubles() == [0x1p64, -1])
    #expect(try read("[-1, 18446744073709551615, 0.5]").doubles() == [-1, 0x1p64, 0.5])
    #expect(try read("[1, 2]", TensorType(.f32, [2])).type == TensorType(.f32, [2]))
  }

  @Test func typedAndNamed() throws {
    let typed = try read(#"{"dtype": "f16", "shape": [2, 2], "data": [1, 2, 3, 4]}"#)
    #expect(typed.type == TensorType(.f16, [2, 2]) && typed.doubles() == [1, 2, 3, 4])
    #expect(try read(#"{"data": [[1], [2]]}"#).shape == [2, 1])
    #expect(try read(#"{"dtype": "f32", "shape": [0, 3], "data": []}"#).type == TensorType(.f32, [0, 3]))
    let path = scratch.write(#"{"图像": [1, 2], "y": {"dtype": "u8", "data": [3]}}"#, "n.json")
    #expect(try readTensors(path).map { "\($0.name) \($0.tensor.type)" } == ["图像 i64[2]", "y u8[1]"])
    #expect(try readTensor("\(path):y").integers() == [3])
    #expect(failure { _ = try readTensor("\(path):z") }.contains("no tensor 'z'"))
  }

  @Test func places() {
    #expect(refused("[[1, 2], [3]]") == "1:10: an array of 1 elements, expected 2 as in the one before it")
    #expect(refused("[[1], 2]") == "1:7: a number where an array stands elsewhere, expected 2 axes everywhere")
    #expect(refused("[1, [2]]") == "1:5: an array where a number stands elsewhere, expected 1 axes everywhere")
    #expect(refused("[1,\n 'a']") == "2:2: found ''a'', expected a number, 'true', 'false' or an array")
    #expect(refused("[1, true]") == "1:5: numbers and booleans in one tensor")
    #expect(refused("[1") == "1:3: the text ends, expected ']' or ',' in an array")
    #expect(refused("[1] 2") == "1:5: found '2', expected the end of the text")
    #expect(refused("[01]") == "1:2: '01' is no number")
    #expect(refused("[null]") == "1:2: found 'null', expected a number, 'true', 'false' or an array")
    #expect(refused(String(repeating: "[", count: 100_000)).contains("nested more than 64 deep"))
    #expect(refused(#"{"dtype": "f33", "data": [1]}"#).hasPrefix("1:11: found 'f33', expected one of f32 f64"))
    #expect(refused(#"{"dtype": "u8", "data": [256]}"#).contains("element 0 is 256, which u8 does not have"))
    #expect(refused(#"{"shape": [3], "data": [1]}"#).contains("'data' has the shape [1], expected [3]"))
    #expect(refused(#"{"shape": [9223372036854775807, 9], "data": [1]}"#).contains("expected a list of sizes"))
    #expect(refused(#"{"a": [1], "a": [2]}"#).contains("key 'a' twice"))
    #expect(refused(#"{"a": [1], "shape": [2]}"#).contains("an object with 'shape' and other members"))
    #expect(refused("{}").contains("lacks 'data'"))
  }

  @Test func writing() throws {
    let path = scratch.file("out.json")
    for tensor in [
      Tensor(.f64, [2, 1, 2], doubles: [0.1, -0.0, .leastNonzeroMagnitude, .infinity]),
      Tensor(.i64, [3], integers: [.min, 0, .max]),
      Tensor(.bool, [2, 2], integers: [1, 0, 0, 1]), Tensor(.f64, [], doubles: [.nan]), Tensor(zeros: .f32, [2, 0]),
      Tensor(.u64, [1], integers: [-1]),
    ] {
      let tensor = try #require(tensor)
      try writeTensor(tensor, to: path)
      #expect(try readTensor(path).isIdentical(to: tensor) || tensor.doubles()[0].isNaN)
    }
    let a = try #require(Tensor(.i64, [2, 2], integers: [1, 2, 3, 4]))
    try writeTensors([("a\"", a), ("b", a)], to: path)
    #expect(
      String(decoding: try contents(path), as: UTF8.self)
        == "{\n\"a\\\"\": [[1, 2],\n[3, 4]],\n\"b\": [[1, 2],\n[3, 4]]\n}\n")
    #expect(try readTensor("\(path):a\"").isIdentical(to: a))
  }

  @Test func mutations() throws {
    let text = #"{"x": [[1, 2.5e3], [-0, NaN]], "é\n": {"dtype": "u8", "shape": [2], "data": [1, 255]}}"#
    try survivesMutations(scratch.write(text, "good.json"), as: "x.json", count: 4000)
  }
}
