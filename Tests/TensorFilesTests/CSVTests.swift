// SPDX-License-Identifier: Apache-2.0
// .csv files as tables and tensors.

import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite struct CSVTests {
  private let scratch = ScratchFolder()

  private func table(_ text: String) throws -> CSVTable { try CSVTable(scratch.write(text, "t.csv")) }
  private func refused(_ text: String) -> String {
    failure { _ = try readTensor(scratch.write(text, "t.csv")) }
  }

  @Test func columnsAndTypes() throws {
    let table = try table("\u{FEFF}n,名前,x\r\n1,\"a, \"\"b\"\"\",2.5\r\n2,,\r\n\r\n3,c,NA\r\n")
    #expect(table.hasHeader && table.rowCount == 3)
    #expect(table.columns.map(\.name) == ["n", "名前", "x"])
    guard case .integers(let n) = table.columns[0].values, case .text(let names) = table.columns[1].values,
      case .numbers(let x) = table.columns[2].values
    else {
      Issue.record("wrong column types")
      return
    }
    #expect(n == [1, 2, 3] && names == ["a, \"b\"", "", "c"] && x[0] == 2.5 && x[1].isNaN && x[2].isNaN)
    #expect(table.columns.map(\.missingCount) == [0, 1, 2])
    #expect(failure { _ = try table.column("y") }.contains("no column 'y'"))
  }

  @Test func headersAndSeparators() throws {
    #expect(try table("1,2\n3,4").hasHeader == false)
    #expect(try table("1,2\n3,4").rowCount == 2)
    #expect(try table("a\tb\n1\t2\n").columns.map(\.name) == ["a", "b"])
    #expect(try table("a;\"b;c\"\n1;2\n").columns.map(\.name) == ["a", "b;c"])
    #expect(try table("x\n").rowCount == 0)
    #expect(try CSVTable(scratch.write("a,b\nc,d\n", "t.csv"), header: false).rowCount == 2)
  }

  @Test func tensors() throws {
    let path = scratch.write("a,b,label\n1,2,0\n3,4,1\n-5,6e-1,1\n", "t.csv")
    #expect(try readTensor(path).type == TensorType(.f64, [3, 3]))
    #expect(try readTensor("\(path):a").type == TensorType(.i64, [3, 1]))
    let named = try readTensor("\(path):a..b", expecting: TensorType(.f32, [Dim(symbol: "N"), 2]))
    #expect(named.type == TensorType(.f32, [3, 2]) && named.doubles()[4...] == [-5, Double(Float(0.6))])
    #expect(
      try readTensor("\(path):label,a", expecting: TensorType(.i32, [Dim(symbol: "N"), 2])).integers() == [
        0, 1, 1, 3, 1, -5,
      ])
    #expect(try readTensor("\(path):label", expecting: TensorType(.i64, [Dim(symbol: "N")])).integers() == [0, 1, 1])
    let wrong = failure { _ = try readTensor(path, expecting: TensorType(.f32, [Dim(symbol: "N"), 2])) }
    #expect(wrong.contains("has 3 rows of 3 numbers, expected f32[N, 2]; choose columns as 'PATH:a..label'"))
    let image = scratch.write("1,2,3,4\n5,6,7,8\n", "i.csv")
    #expect(try readTensor(image, expecting: TensorType(.f32, [Dim(symbol: "N"), 2, 2, 1])).shape == [2, 2, 2, 1])
    #expect(try readTensor(scratch.write("1,2,3,4", "i.csv"), expecting: TensorType(.f32, [2, 2])).shape == [2, 2])
  }

  @Test func places() {
    #expect(refused("a,b\n1,2\n3,四\n") == "3:3: found '四' in column 'b', expected a number")
    #expect(refused("a,b\n1,2\n3,\n") == "3:3: an empty cell in column 'b', expected a number")
    #expect(refused("a,b\n1,2\n3\n") == "3:2: a row of 1 cells, expected 2 as in the first row")
    #expect(refused("a,b\n1,2\n3,4,5\n") == "3:5: a row with more than 2 cells, expected as many as in the first row")
    #expect(refused("a,b\n1,\"2\n") == "2:3: a quoted cell without its closing quote")
    #expect(refused("a,b\n1,\"2\"3\n") == "2:6: found '3' behind a closing quote, expected a separator or a new line")
    #expect(refused("a,a\n1,2\n") == "1:3: column 'a' twice")
    #expect(refused("") == "1:1: the file has no rows")
    let latin = scratch.write(Array("a\n".utf8) + [0xB2, 0xE2, 10], "t.csv")
    #expect(failure { _ = try CSVTable(latin) }.contains("2:1: text that is not UTF-8"))
  }

  @Test func writing() throws {
    let path = scratch.file("out.csv")
    let values: [Double] = [0.1, -0.0, 1e-45, 3.4028234663852886e38, .infinity, .nan]
    try writeTensor(try #require(Tensor(.f32, [3, 2], doubles: values)), to: path)
    let back = try readTensor(path, expecting: TensorType(.f32, [3, 2]))
    let expected = values.map { Double(Float($0)) }
    #expect(zip(back.doubles(), expected).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN })
    let large = try #require(Tensor(.u64, [2], integers: [-1, 3]))
    try writeTensor(large, to: path)
    #expect(try contents(path) == Array("18446744073709551615\n3\n".utf8))
    let cube = try #require(Tensor(zeros: .f32, [1, 2, 3]))
    #expect(failure { try writeTensor(cube, to: path) }.contains("rows and columns, but the tensor is f32[1, 2, 3]"))
  }

  @Test func mutations() throws {
    let text = "a,\"b \"\"c\"\"\",名前\r\n1,2.5e3,\"x, y\"\r\n-3,,z\r\n18446744073709551615,nan,\r\n"
    try survivesMutations(scratch.write(text, "good.csv"), as: "x.csv", count: 4000)
    let numbers = "1,2.5\n-3,1e300\n"
    try survivesMutations(scratch.write(numbers, "good.csv"), as: "x.csv", count: 2000)
  }
}
