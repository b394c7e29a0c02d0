// SPDX-License-Identifier: Apache-2.0
// A model file: mapped, its message decoded, its tensors views of the mapping.

import GraphIR
import GraphSupport
import SwiftProtobuf
import TensorCore

/// A decoded model whose weights stay in their file.
struct ONNXFile {
  let path: String
  let model: ModelProto
  private let mapping: FileMapping
  private let storage: TensorStorage
  private let external: ExternalFiles

  /// Maps and decodes a file. Errors have the ids `file-read` and `malformed-file`.
  init(_ path: String) throws(DiagnosticsError) {
    try self.init(path) { bytes throws(DiagnosticsError) in
      let model: ModelProto = try ONNXFile.decode(bytes, as: .model, path)
      guard model.graph != nil else {
        throw DiagnosticsError("malformed-file", "malformed ONNX model: there is no graph in it", file: path)
      }
      return model
    }
  }

  private init(
    _ path: String, _ decode: (UnsafeRawBufferPointer) throws(DiagnosticsError) -> ModelProto
  ) throws(DiagnosticsError) {
    self.path = path
    let mapping = try FileMapping(path)
    self.mapping = mapping
    storage = TensorStorage(mapping)
    external = ExternalFiles(beside: path)
    model = try mapping.withBytes(decode)
  }

  /// Reads a file that is one tensor's message, as ONNX's test data are.
  static func tensor(at path: String) throws(DiagnosticsError) -> Tensor {
    var message: TensorProto?
    let file = try ONNXFile(path) { bytes throws(DiagnosticsError) in
      message = try decode(bytes, as: .tensor, path)
      return ModelProto()
    }
    do throws(TypeError) {
      let view = try file.tensor(message ?? TensorProto())
      // Elements stand anywhere in such a file; what runs reads them where they are aligned.
      guard let copy = Tensor(zeros: view.dtype, view.shape) else { throw TypeError("there is not enough memory") }
      view.withBytes { copy.mutableBytes.copyMemory(from: $0) }
      return copy
    } catch {
      throw DiagnosticsError("malformed-file", "malformed ONNX tensor: \(error.message)", file: path)
    }
  }

  private static func decode<Message: DecodedMessage>(
    _ bytes: UnsafeRawBufferPointer, as kind: WireScanner.Message, _ path: String
  ) throws(DiagnosticsError) -> Message {
    let what = "malformed ONNX \(kind)"
    let skeleton: [UInt8]
    do throws(WireFault) {
      skeleton = try WireScanner.skeleton(of: bytes, as: kind)
    } catch {
      throw DiagnosticsError("malformed-file", "\(what): \(error.message), at byte \(error.offset)", file: path)
    }
    var options = BinaryDecodingOptions()
    options.discardUnknownFields = true
    do {
      return try Message(serializedBytes: skeleton, options: options)
    } catch {
      throw DiagnosticsError("malformed-file", "\(what): \(explanation(error))", file: path)
    }
  }

  private static func explanation(_ error: any Error) -> String {
    switch error as? BinaryDecodingError {
    case .truncated: "a field is cut off"
    case .invalidUTF8: "a name is not UTF-8"
    case .messageDepthLimit: "messages are nested too deeply"
    default: "a field has another type than ONNX gives it"
    }
  }

  /// A tensor's value: a view of the file where its bytes are as they stand there.
  func tensor(_ proto: TensorProto) throws(TypeError) -> Tensor {
    let (dtype, shape, count) = try ONNXFile.type(proto)
    guard let byteCount = dtype.byteCount(count) else {
      throw TypeError("a tensor \(dtype)\(shape) has more bytes than can be counted")
    }
    if proto.segment != nil { throw TypeError("it is stored in segments, which no tool writes") }
    if proto.dataLocation == 1 {
      return try view(dtype, shape, try external.storage(proto.externalData, byteCount: byteCount))
    }
    if let offset = proto.rawOffset {
      guard let start = Int(exactly: offset), proto.rawCount == Int64(byteCount) else {
        throw TypeError("its data has \(proto.rawCount) bytes, \(dtype)\(shape) needs \(byteCount)")
      }
      return try view(dtype, shape, (storage, start))
    }
    return try typedTensor(proto, dtype, shape, count)
  }

  private static func type(_ proto: TensorProto) throws(TypeError) -> (DType, shape: [Int], count: Int) {
    guard let dtype = ElementType.dtype(Int(proto.dataType)) else {
      throw TypeError("tensors of \(ElementType.name(Int(proto.dataType))) are not supported")
    }
    let shape = proto.dims.map { Int($0) }
    guard let count = Tensor.count(of: shape) else { throw TypeError("\(shape) are no sizes of a tensor") }
    return (dtype, shape, count)
  }

  private func view(
    _ dtype: DType, _ shape: [Int], _ place: (storage: TensorStorage, offset: Int)
  ) throws(TypeError) -> Tensor {
    guard let tensor = Tensor(dtype, shape, storage: place.storage, byteOffset: place.offset) else {
      throw TypeError("\(dtype)\(shape) at byte \(place.offset) is outside the file")
    }
    // Whatever is not 0 is true, and compiled code reads 1 for it.
    guard dtype == .bool, !tensor.withBytes({ $0.allSatisfy { $0 <= 1 } }) else { return tensor }
    guard let copy = Tensor(dtype, shape, integers: tensor.integers()) else {
      throw TypeError("there is not enough memory")
    }
    return copy
  }

  /// A tensor whose elements are numbers of the message.
  private func typedTensor(
    _ proto: TensorProto, _ dtype: DType, _ shape: [Int], _ count: Int
  ) throws(TypeError) -> Tensor {
    let bitCounts: Int
    switch dtype {
    case .f32: bitCounts = proto.floatData.count
    case .f64: bitCounts = proto.doubleData.count
    case .i64: bitCounts = proto.int64Data.count
    case .u64, .u32: bitCounts = proto.uint64Data.count
    default: bitCounts = proto.int32Data.count
    }
    // Two 4-bit elements share a number.
    let expected = dtype.bits == 4 ? (count + 1) / 2 : count
    guard bitCounts == expected else {
      throw TypeError("its data has \(bitCounts) numbers, \(dtype)\(shape) needs \(expected)")
    }
    guard let tensor = Tensor(zeros: dtype, shape) else { throw TypeError("there is not enough memory") }
    switch dtype {
    case .f32: proto.floatData.withUnsafeBytes { tensor.mutableBytes.copyMemory(from: $0) }
    case .f64: proto.doubleData.withUnsafeBytes { tensor.mutableBytes.copyMemory(from: $0) }
    case .i64: proto.int64Data.withUnsafeBytes { tensor.mutableBytes.copyMemory(from: $0) }
    case .i32: proto.int32Data.withUnsafeBytes { tensor.mutableBytes.copyMemory(from: $0) }
    case .u64: proto.uint64Data.withUnsafeBytes { tensor.mutableBytes.copyMemory(from: $0) }
    case .u32: tensor.fill(integers: proto.uint64Data.map { Int64(truncatingIfNeeded: $0) })
    case .f16, .bf16, .i16, .u16:
      // The halves are bit patterns in the numbers' low halves.
      for (index, number) in proto.int32Data.enumerated() {
        tensor.mutableBytes.storeBytes(
          of: UInt16(truncatingIfNeeded: number), toByteOffset: index * 2, as: UInt16.self)
      }
    case .bool: tensor.fill(integers: proto.int32Data.map { $0 == 0 ? 0 : 1 })
    case .i8, .u8, .i4, .u4:
      for (index, number) in proto.int32Data.enumerated() {
        tensor.mutableBytes[index] = UInt8(truncatingIfNeeded: number)
      }
    }
    return tensor
  }

  /// A sparse tensor with its zeros.
  func tensor(_ proto: SparseTensorProto) throws(TypeError) -> Tensor {
    guard let valuesProto = proto.values, let indicesProto = proto.indices else {
      throw TypeError("a sparse tensor lacks its values or indices")
    }
    let (values, indices) = (try tensor(valuesProto), try tensor(indicesProto))
    let shape = proto.dims.map { Int($0) }
    // A sparse tensor may be far larger than what is stored of it.
    guard let count = Tensor.count(of: shape), count <= 1 << 28 else {
      throw TypeError("a sparse tensor of sizes \(shape) is too large")
    }
    guard indices.dtype == .i64, values.shape.count == 1,
      indices.shape == values.shape || indices.shape == values.shape + [shape.count]
    else {
      throw TypeError("the indices \(indices.type) of a sparse tensor do not fit its values \(values.type)")
    }
    guard let dense = Tensor(zeros: values.dtype, shape) else { throw TypeError("there is not enough memory") }
    let positions = indices.integers()
    let strides = Reference.strides(shape)
    for entry in 0..<values.count {
      var place = 0
      if indices.shape.count == 1 {
        place = Int(positions[entry])
      } else {
        for axis in shape.indices {
          let index = Int(positions[entry * shape.count + axis])
          guard shape[axis] > index, index >= 0 else {
            throw TypeError("a sparse tensor has an index outside its sizes")
          }
          place += index * strides[axis]
        }
      }
      guard place >= 0, place < count else { throw TypeError("a sparse tensor has an index outside its sizes") }
      if values.dtype.isFloat {
        dense.set(place, values.double(entry))
      } else {
        dense.set(place, integer: values.integer(entry))
      }
    }
    return dense
  }
}

extension TensorStorage {
  /// A mapped file's bytes, for as long as a tensor uses them.
  convenience init(_ mapping: FileMapping) {
    // The pages are read-only; nobody writes to the storage of a tensor that already has its values.
    self.init(adopting: UnsafeMutableRawBufferPointer(mutating: mapping.bytes), file: mapping.descriptor) { _ in
      withExtendedLifetime(mapping) {}
    }
  }
}

/// Reads a file that is one tensor's message (`.pb`), as ONNX's test data are.
package func readTensorMessage(_ path: String) throws(DiagnosticsError) -> Tensor { try ONNXFile.tensor(at: path) }
