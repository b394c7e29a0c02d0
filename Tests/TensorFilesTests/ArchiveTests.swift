// SPDX-License-Identifier: Apache-2.0
// .npz and .safetensors files.

import GraphSupport
import TensorCore
import TensorFiles
import Testing

@Suite struct NPZTests {
  @Test(arguments: ["stored.npz", "deflated.npz"])
  func everyArray(name: String) throws {
    let archive = try TensorArchive(fixture(name))
    #expect(archive.entries.prefix(5).map(\.name) == ["weights/κλειδί:0", "transposed", "flags", "big", "scalar"])
    #expect(archive.entry("transposed")?.type == TensorType(.i16, [2, 3, 4]))
    #expect(try archive.tensor("weights/κλειδί:0").doubles() == [0, 1, 2, 3, 4, 5])
    #expect(try archive.tensor("transposed").integers() == (0..<24).map { $0 })
    #expect(try archive.tensor("flags").integers() == [1, 0])
    #expect(try archive.tensor("big").integers() == [0, 1, 2])
    #expect(try archive.tensor("scalar").integers() == [7])
    #expect(try readTensor(fixture("\(name):weights/κλειδί:0")).shape == [2, 3])
    #expect(try readTensor(fixture(name), name: "big").shape == [3])
    #expect(failure { _ = try readTensor(fixture(name)) }.contains("tensors, choose one as 'PATH:KEY'"))
    #expect(failure { _ = try readTensor(fixture("\(name):Trans")) }.contains("near are 'transposed'"))
  }

  @Test func otherWriters() throws {
    #expect(try readTensor(fixture("deflated.npz:long")).integers().last == 63)
    for name in ["descriptors.npz", "zip64.npz"] {
      #expect(try readTensor(fixture(name)).doubles() == [0, 1, 2, 3, 4, 5])
    }
    #expect(try readTensor(fixture("mixed.npz:x")).count == 3)
    #expect(failure { _ = try readTensor(fixture("mixed.npz:names")) }.contains("text has no tensor type"))
    #expect(try TensorArchive(fixture("mixed.npz")).unreadable.map(\.name) == ["names"])
  }

  @Test func roundTripOfManyOutputs() throws {
    let scratch = ScratchFolder()
    let path = scratch.file("out.npz")
    let a = try #require(Tensor(.f32, [2, 2], doubles: [1, 2, 3, .nan]))
    let b = try #require(Tensor(.bool, [3], integers: [1, 0, 1]))
    let c = try #require(Tensor(.i4, [3], integers: [-8, 7, 1]))
    try writeTensors([("\(path):a:0/x", "", a), ("\(path)", "b", b), ("\(path):c", "", c)])
    #expect(try readTensors(path).map(\.name) == ["a:0/x", "b", "c"])
    #expect(try readTensor("\(path):a:0/x").isIdentical(to: a))
    #expect(try readTensor("\(path):b").integers() == [1, 0, 1])
    #expect(try readTensor("\(path):c", expecting: TensorType(.i4, [3])).integers() == [-8, 7, 1])
    #expect(
      failure { try writeTensors([("\(path):a", "", a), ("\(path):a", "", b)]) }.contains("two tensors named 'a'"))
  }

  @Test func damage() throws {
    let scratch = ScratchFolder()
    var bytes = try contents(fixture("stored.npz"))
    // An element of the first array: behind the member's header and the array's.
    let memberHeader = 30 + Int(bytes[26]) + Int(bytes[28])
    bytes[memberHeader + 128 + 4] ^= 1
    #expect(failure { _ = try readTensors(scratch.write(bytes, "x.npz")) }.contains("its checksum is wrong"))
    #expect(
      failure { _ = try readTensors(scratch.write(Array(bytes.dropLast()), "x.npz")) }.contains("no zip directory"))
    #expect(failure { _ = try readTensors(scratch.write([], "x.npz")) }.contains("no zip directory"))
  }

  @Test(arguments: ["stored.npz", "deflated.npz", "zip64.npz", "descriptors.npz"])
  func mutations(name: String) throws { try survivesMutations(fixture(name), as: "x.npz", count: 1500) }
}

@Suite struct SafetensorsTests {
  /// A file of a header and data.
  private func image(_ header: String, _ data: [UInt8] = []) -> [UInt8] {
    let size = UInt64(header.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * UInt64($0))) } + Array(header.utf8) + data
  }

  @Test func everyTypeRoundTrips() throws {
    let scratch = ScratchFolder()
    let path = scratch.file("x.safetensors")
    var tensors: [(String, Tensor)] = []
    for dtype in DType.allCases where dtype.bits >= 8 {
      tensors.append(("层/\(dtype)=1", try #require(Tensor(dtype, [2, 3], doubles: [0, 1, 0, 1, 1, 0]))))
    }
    tensors.append(("empty", try #require(Tensor(zeros: .f32, [0, 4]))))
    tensors.append(("scalar \"quoted\"\n", try #require(Tensor(.f64, [], doubles: [-0.5]))))
    try writeTensors(tensors, to: path)
    let archive = try TensorArchive(path)
    #expect(archive.entries.count == tensors.count)
    for (name, tensor) in tensors {
      let read = try archive.tensor(name)
      #expect(read.isIdentical(to: tensor))
      // Nothing was copied: every tensor is in one mapped file.
      #expect(read.dtype == .bool || read.storage.bytes.count == archive.fileByteCount)
    }
    #expect(try readTensor("\(path):层/f32=1").doubles() == [0, 1, 0, 1, 1, 0])
  }

  @Test func readsOtherWriters() throws {
    let scratch = ScratchFolder()
    let header = """
      {"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},\
      "8":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[4,5]},"\\u00e9\\ud83d\\ude00":{"dtype":"U8","shape":[],"data_offsets":[5,6]}}   
      """
    let archive = try TensorArchive(scratch.write(image(header, [0x80, 0x3F, 0, 0xC0, 1, 9]), "x.safetensors"))
    #expect(try archive.tensor("b").doubles() == [1, -2])
    #expect(try archive.tensor("é😀").integers() == [9])
    #expect(archive.metadata.map { "\($0.key)=\($0.value)" } == ["format=pt"])
    #expect(failure { _ = try archive.tensor("8") }.contains("element type 'F8_E4M3'"))
  }

  @Test func rules() {
    let scratch = ScratchFolder()
    func refused(_ header: String, _ data: [UInt8] = []) -> String {
      failure { _ = try TensorArchive(scratch.write(image(header, data), "x.safetensors")) }
    }
    func one(_ fields: String) -> String { "{\"a\":{\(fields)}}" }
    #expect(refused(" {}").contains("starts with 20, expected '{'"))
    #expect(refused("{}", [1]).contains("end at byte 0, but 1 bytes follow"))
    #expect(refused("{}\n").contains("found 0a behind the header"))
    #expect(refused(one("\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]")).contains("ends at byte 1 of 0"))
    #expect(refused(one("\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]"), [0, 0]).contains("leaves a hole"))
    #expect(
      refused(one("\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,1]"), [0]).contains("expected 2 bytes for U8[2]"))
    #expect(refused(one("\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,0]"), [0]).contains("leaves a hole"))
    #expect(
      refused(one("\"dtype\":\"X\",\"shape\":[1],\"data_offsets\":[0,1]"), [0]).contains("unknown element type 'X'"))
    #expect(refused(one("\"dtype\":\"U8\",\"shape\":[1]"), [0]).contains("lacks its two 'data_offsets'"))
    #expect(
      refused(one("\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]"), [0]).contains("a whole number from 0"))
    #expect(
      refused(one("\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]"), [0]).contains("a whole number from 0"))
    #expect(refused(one("\"type\":\"U8\"")).contains("unknown key 'type'"))
    let entry = "\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]"
    #expect(refused("{\"a\":{\(entry)},\"a\":{\(entry)}}", [0]).contains("key 'a' twice"))
    #expect(refused("{\"a\":{\(entry)},\"b\":{\(entry)}}", [0]).contains("overlaps the tensor before it"))
    let huge = "\"dtype\":\"F64\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,1]"
    #expect(refused(one(huge), [0]).contains("does not fit whole bytes"))
    let bytes = [UInt8](repeating: 255, count: 16)
    #expect(
      failure { _ = try TensorArchive(scratch.write(bytes, "x.safetensors")) }.contains("at most 100000000 are allowed")
    )
  }

  @Test func mutations() throws {
    let scratch = ScratchFolder()
    let path = scratch.file("good.safetensors")
    let a = try #require(Tensor(.f32, [2, 2], doubles: [1, 2, 3, 4]))
    let b = try #require(Tensor(.bool, [3], integers: [1, 0, 1]))
    try writeTensors([("layer/kernel", a), ("mask", b), ("层", a)], to: path)
    try survivesMutations(path, as: "x.safetensors", count: 4000)
  }
}
