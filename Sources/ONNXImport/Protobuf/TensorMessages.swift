// SPDX-License-Identifier: Apache-2.0
// The messages of tensors and types. Field numbers are those of ONNX's schema.

import SwiftProtobuf

struct TensorProto: DecodedMessage {
  var dims: [Int64] = []
  var dataType: Int32 = 0
  var name = ""
  var floatData: [Float] = []
  var int32Data: [Int32] = []
  var int64Data: [Int64] = []
  var doubleData: [Double] = []
  var uint64Data: [UInt64] = []
  /// Where `raw_data` is in the file: `WireScanner` leaves it there.
  var rawOffset: Int64?
  var rawCount: Int64 = 0
  var externalData: [StringStringEntryProto] = []
  /// 1: the elements are in a file of their own.
  var dataLocation: Int32 = 0
  var segment: SegmentProto?

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeRepeatedInt64Field(value: &dims)
    case 2: try decoder.decodeSingularInt32Field(value: &dataType)
    case 3: try decoder.decodeSingularMessageField(value: &segment)
    case 4: try decoder.decodeRepeatedFloatField(value: &floatData)
    case 5: try decoder.decodeRepeatedInt32Field(value: &int32Data)
    case 7: try decoder.decodeRepeatedInt64Field(value: &int64Data)
    case 8: try decoder.decodeSingularStringField(value: &name)
    case 10: try decoder.decodeRepeatedDoubleField(value: &doubleData)
    case 11: try decoder.decodeRepeatedUInt64Field(value: &uint64Data)
    case 13: try decoder.decodeRepeatedMessageField(value: &externalData)
    case 14: try decoder.decodeSingularInt32Field(value: &dataLocation)
    case WireScanner.rawOffsetField: try decoder.decodeSingularInt64Field(value: &rawOffset)
    case WireScanner.rawCountField: try decoder.decodeSingularInt64Field(value: &rawCount)
    default: break
    }
  }
}

/// A part of a tensor; nothing writes them.
struct SegmentProto: DecodedMessage {
  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {}
}

/// Values at some places, zero elsewhere.
struct SparseTensorProto: DecodedMessage {
  var values: TensorProto?
  /// Flat positions `[count]`, or one index for each axis `[count, rank]`.
  var indices: TensorProto?
  var dims: [Int64] = []

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeSingularMessageField(value: &values)
    case 2: try decoder.decodeSingularMessageField(value: &indices)
    case 3: try decoder.decodeRepeatedInt64Field(value: &dims)
    default: break
    }
  }
}

struct StringStringEntryProto: DecodedMessage {
  var key = ""
  var value = ""

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeSingularStringField(value: &key)
    case 2: try decoder.decodeSingularStringField(value: &value)
    default: break
    }
  }
}

struct ValueInfoProto: DecodedMessage {
  var name = ""
  var type: TypeProto?

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeSingularStringField(value: &name)
    case 2: try decoder.decodeSingularMessageField(value: &type)
    default: break
    }
  }
}

struct TypeProto: DecodedMessage {
  /// A type that is no tensor, as a message calls it.
  enum Other: String {
    case sequence, map, optional
    case sparse = "sparse tensor"
    case opaque
  }

  var tensor: TensorTypeProto?
  var other: Other?

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeSingularMessageField(value: &tensor)
    case 4: other = .sequence
    case 5: other = .map
    case 7: other = .opaque
    case 8: other = .sparse
    case 9: other = .optional
    default: break
    }
  }
}

struct TensorTypeProto: DecodedMessage {
  var elementType: Int32 = 0
  /// Nil when not even the number of axes is known.
  var shape: TensorShapeProto?

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeSingularInt32Field(value: &elementType)
    case 2: try decoder.decodeSingularMessageField(value: &shape)
    default: break
    }
  }
}

struct TensorShapeProto: DecodedMessage {
  var dim: [DimensionProto] = []

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    if number == 1 { try decoder.decodeRepeatedMessageField(value: &dim) }
  }
}

/// One size: a number, a name, or neither.
struct DimensionProto: DecodedMessage {
  var value: Int64?
  var parameter: String?

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeSingularInt64Field(value: &value)
    case 2: try decoder.decodeSingularStringField(value: &parameter)
    default: break
    }
  }
}
