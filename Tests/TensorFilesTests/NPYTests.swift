// SPDX-License-Identifier: Apache-2.0
// .npy files: what NumPy writes is read, what is written is what NumPy writes, and the rest is refused.

import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite struct NPYTests {
  @Test(arguments: [
    ("f2", DType.f16), ("f4", .f32), ("f8", .f64), ("i2", .i16), ("i4", .i32), ("i8", .i64), ("u2", .u16),
    ("u4", .u32), ("u8", .u64), ("i1", .i8), ("u1", .u8),
  ])
  func everyType(code: String, dtype: DType) throws {
    for order in dtype.size == 1 ? ["little"] : ["little", "big"] {
      let tensor = try readTensor(fixture("\(code)_\(order).npy"))
      #expect(tensor.type == TensorType(dtype, [2, 3]))
      #expect(tensor.doubles() == [0, 1, 2, 3, 4, 5])
    }
  }

  @Test func booleansAndBFloat() throws {
    let flags = try readTensor(fixture("b1.npy"))
    #expect(flags.dtype == .bool)
    #expect(flags.integers() == [1, 0, 1, 0, 0, 1])
    for name in ["bf16_void.npy", "bf16_bits.npy"] {
      let tensor = try readTensor(fixture(name), expecting: TensorType(.bf16, [2, 3]))
      #expect(tensor.dtype == .bf16)
      #expect(tensor.doubles() == [0, 1, 2, 3, 4, 5])
    }
    #expect(try readTensor(fixture("bf16_bits.npy")).dtype == .u16)
  }

  @Test func ordersRanksVersions() throws {
    for name in ["fortran.npy", "fortran_big.npy"] {
      let tensor = try readTensor(fixture(name))
      #expect(tensor.type == TensorType(.i16, [2, 3, 4]))
      #expect(tensor.integers() == (0..<24).map { $0 })
    }
    let scalar = try readTensor(fixture("scalar.npy"))
    #expect(scalar.shape == [] && scalar.doubles() == [2.5])
    #expect(try readTensor(fixture("empty.npy")).type == TensorType(.f32, [0, 3]))
    for version in 2...3 { #expect(try readTensor(fixture("version\(version).npy")).doubles() == [0, 1, 2]) }
  }

  @Test(arguments: ["f4_little", "f8_little", "i8_little", "u1_little", "b1", "scalar", "empty"])
  func writesWhatNumPyWrites(name: String) throws {
    let scratch = ScratchFolder()
    let path = scratch.file("out.npy")
    try writeTensor(try readTensor(fixture("\(name).npy")), to: path)
    #expect(try contents(path) == contents(fixture("\(name).npy")))
  }

  @Test func refusals() {
    #expect(failure { _ = try readTensor(fixture("object.npy")) }.contains("Python objects are never read"))
    #expect(failure { _ = try readTensor(fixture("text.npy")) }.contains("'<U1': text has no tensor type"))
    #expect(failure { _ = try readTensor(fixture("complex.npy")) }.contains("complex numbers have no tensor type"))
    #expect(
      failure { _ = try readTensor("/nowhere/x.npy") } == "cannot read '/nowhere/x.npy': no such file or directory")
    #expect(failure { _ = try readTensor("/tmp/x.dat") }.contains("expected one of .npy .npz"))
    let scratch = ScratchFolder()
    func refused(_ header: String, _ data: [UInt8] = []) -> String {
      let bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8) + data
      return failure { _ = try readTensor(scratch.write(bytes, "x.npy")) }
    }
    #expect(
      refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}").contains(
        "0 bytes behind the header, expected 4"))
    #expect(
      refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1)}").contains("expected ',' behind a shape's only"))
    #expect(refused("{'descr': '<f4', 'fortran_order': False}").contains("key 'shape' is missing"))
    #expect(refused("{'descr': '<f4', 'descr': '<f4'}").contains("key 'descr' twice"))
    #expect(refused("{'shape': (9223372036854775808,)}").contains("byte 21: a size beyond 2^63"))
    #expect(
      refused("{'descr': '|u1', 'fortran_order': False, 'shape': (4611686018427387904, 4)}").contains(
        "more elements than"))
    #expect(
      refused("{'descr': '|u1', 'fortran_order': False, 'shape': ()} x", [0]).contains("text behind the dictionary"))
    #expect(
      failure { _ = try readTensor(scratch.write([1, 2], "x.npy")) }.contains("it starts with 01 02, expected 93"))
  }

  @Test func conversions() throws {
    let scratch = ScratchFolder()
    let path = scratch.file("x.npy")
    try writeTensor(try #require(Tensor(.f64, [3], doubles: [1, 2.5, 70000])), to: path)
    #expect(try readTensor(path, expecting: TensorType(.f32, [3])).doubles() == [1, 2.5, 70000])
    #expect(
      failure { _ = try readTensor(path, expecting: TensorType(.i32, [3])) }.contains(
        "expected i32, which has no 2.5 (element 1)"))
    #expect(failure { _ = try readTensor(path, expecting: TensorType(.f16, [3])) }.contains("which has no 70000.0"))
  }

  @Test(arguments: ["fortran_big.npy", "f4_little.npy", "b1.npy"])
  func mutations(name: String) throws { try survivesMutations(fixture(name), as: "x.npy", count: 2000) }
}
