// SPDX-License-Identifier: Apache-2.0
// The messages of a model file: model, graph, node, attribute, function. Field numbers are those of ONNX's schema.

import SwiftProtobuf

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

struct ModelProto: DecodedMessage {
  var irVersion: Int64 = 0
  var opsetImport: [OperatorSetIdProto] = []
  var producerName = ""
  var graph: GraphProto?
  var functions: [FunctionProto] = []

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeSingularInt64Field(value: &irVersion)
    case 2: try decoder.decodeSingularStringField(value: &producerName)
    case 7: try decoder.decodeSingularMessageField(value: &graph)
    case 8: try decoder.decodeRepeatedMessageField(value: &opsetImport)
    case 25: try decoder.decodeRepeatedMessageField(value: &functions)
    default: break
    }
  }
}

struct OperatorSetIdProto: DecodedMessage {
  var domain = ""
  var version: Int64 = 0

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeSingularStringField(value: &domain)
    case 2: try decoder.decodeSingularInt64Field(value: &version)
    default: break
    }
  }
}

struct GraphProto: DecodedMessage {
  var node: [NodeProto] = []
  var name = ""
  var initializer: [TensorProto] = []
  var sparseInitializer: [SparseTensorProto] = []
  var input: [ValueInfoProto] = []
  var output: [ValueInfoProto] = []

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeRepeatedMessageField(value: &node)
    case 2: try decoder.decodeSingularStringField(value: &name)
    case 5: try decoder.decodeRepeatedMessageField(value: &initializer)
    case 11: try decoder.decodeRepeatedMessageField(value: &input)
    case 12: try decoder.decodeRepeatedMessageField(value: &output)
    case 15: try decoder.decodeRepeatedMessageField(value: &sparseInitializer)
    default: break
    }
  }
}

struct NodeProto: DecodedMessage {
  var input: [String] = []
  var output: [String] = []
  var name = ""
  var opType = ""
  var domain = ""
  var overload = ""
  var attribute: [AttributeProto] = []

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeRepeatedStringField(value: &input)
    case 2: try decoder.decodeRepeatedStringField(value: &output)
    case 3: try decoder.decodeSingularStringField(value: &name)
    case 4: try decoder.decodeSingularStringField(value: &opType)
    case 5: try decoder.decodeRepeatedMessageField(value: &attribute)
    case 7: try decoder.decodeSingularStringField(value: &domain)
    case 8: try decoder.decodeSingularStringField(value: &overload)
    default: break
    }
  }
}

struct AttributeProto: DecodedMessage {
  /// ONNX's numbers of the kinds.
  enum Kind: Int32 {
    case undefined = 0
    case float, int, string, tensor, graph, floats, ints, strings, tensors, graphs
    case sparseTensor, sparseTensors, type, types
  }

  var name = ""
  /// In a function's node: the attribute of the calling node that it stands for.
  var refAttrName = ""
  var type: Int32 = 0
  var f: Float?
  var i: Int64?
  var s: Data?
  var floats: [Float] = []
  var ints: [Int64] = []
  var strings: [Data] = []
  var tensors: [TensorProto] = []
  var graphs: [GraphProto] = []
  /// The single values of those kinds; arrays because the messages contain one another.
  var tensor: [TensorProto] = []
  var graph: [GraphProto] = []
  var sparseTensor: [SparseTensorProto] = []
  var typeProto: TypeProto?

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeSingularStringField(value: &name)
    case 2: try decoder.decodeSingularFloatField(value: &f)
    case 3: try decoder.decodeSingularInt64Field(value: &i)
    case 4: try decoder.decodeSingularBytesField(value: &s)
    case 5: try decoder.decodeRepeatedMessageField(value: &tensor)
    case 6: try decoder.decodeRepeatedMessageField(value: &graph)
    case 7: try decoder.decodeRepeatedFloatField(value: &floats)
    case 8: try decoder.decodeRepeatedInt64Field(value: &ints)
    case 9: try decoder.decodeRepeatedBytesField(value: &strings)
    case 10: try decoder.decodeRepeatedMessageField(value: &tensors)
    case 11: try decoder.decodeRepeatedMessageField(value: &graphs)
    case 14: try decoder.decodeSingularMessageField(value: &typeProto)
    case 20: try decoder.decodeSingularInt32Field(value: &type)
    case 21: try decoder.decodeSingularStringField(value: &refAttrName)
    case 22: try decoder.decodeRepeatedMessageField(value: &sparseTensor)
    default: break
    }
  }

  var text: String { s.map { String(decoding: $0, as: UTF8.self) } ?? "" }
  var texts: [String] { strings.map { String(decoding: $0, as: UTF8.self) } }

  /// What the attribute holds; files older than IR version 2 leave the kind out, and then the field that is set tells.
  var kind: Kind {
    if type != 0 { return Kind(rawValue: type) ?? .undefined }
    if f != nil { return .float }
    if i != nil { return .int }
    if s != nil { return .string }
    if !tensor.isEmpty { return .tensor }
    if !graph.isEmpty { return .graph }
    if !floats.isEmpty { return .floats }
    if !ints.isEmpty { return .ints }
    if !strings.isEmpty { return .strings }
    if !sparseTensor.isEmpty { return .sparseTensor }
    return .undefined
  }
}

struct FunctionProto: DecodedMessage {
  var name = ""
  var domain = ""
  var overload = ""
  var input: [String] = []
  var output: [String] = []
  /// Attributes without a default.
  var attribute: [String] = []
  /// Attributes with their defaults.
  var attributeProto: [AttributeProto] = []
  var node: [NodeProto] = []
  var opsetImport: [OperatorSetIdProto] = []

  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws {
    switch number {
    case 1: try decoder.decodeSingularStringField(value: &name)
    case 4: try decoder.decodeRepeatedStringField(value: &input)
    case 5: try decoder.decodeRepeatedStringField(value: &output)
    case 6: try decoder.decodeRepeatedStringField(value: &attribute)
    case 7: try decoder.decodeRepeatedMessageField(value: &node)
    case 9: try decoder.decodeRepeatedMessageField(value: &opsetImport)
    case 10: try decoder.decodeSingularStringField(value: &domain)
    case 11: try decoder.decodeRepeatedMessageField(value: &attributeProto)
    case 13: try decoder.decodeSingularStringField(value: &overload)
    default: break
    }
  }
}
