// SPDX-License-Identifier: Apache-2.0
// What the messages of a model share: they are decoded only, never written or compared.

import SwiftProtobuf

/// A message that is read from the wire format and nothing else.
protocol DecodedMessage: Message {
  /// Takes one field; a number it does not know is skipped.
  mutating func decodeField<D: Decoder>(_ number: Int, _ decoder: inout D) throws
}

extension DecodedMessage {
  static var protoMessageName: String { "onnx.\(Self.self)" }
  var isInitialized: Bool { true }
  /// Unknown fields are dropped while decoding.
  var unknownFields: UnknownStorage {
    get { UnknownStorage() }
    set {}
  }
  var debugDescription: String { Self.protoMessageName }

  mutating func decodeMessage<D: Decoder>(decoder: inout D) throws {
    while let number = try decoder.nextFieldNumber() { try decodeField(number, &decoder) }
  }

  func traverse<V: Visitor>(visitor: inout V) throws {}
  func hash(into hasher: inout Hasher) {}
  func isEqualTo(message: any Message) -> Bool { false }
}
