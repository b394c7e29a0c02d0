// SPDX-License-Identifier: Apache-2.0
// Leaves the weights in the file: a model's message without its `raw_data`, each of which becomes its place there.
//
// A protobuf decoder copies every bytes field, and a model is bytes fields for the most part. The scan walks only the
// messages that can contain a tensor and copies everything else as it is, so it knows nothing of their other fields.

import GraphSupport

/// What is wrong with a message, at a byte of the file.
struct WireFault: Error {
  var offset: Int
  var message: String
}

/// Copies a serialized model without its tensors' bytes.
struct WireScanner {
  /// Fields of `TensorProto` that only the copy has: where `raw_data` starts in the file and its length. Nothing else
  /// may use them: they are the two highest numbers there are, and a file's own are dropped.
  static let rawOffsetField = (1 << 29) - 2
  static let rawCountField = (1 << 29) - 1

  /// The messages on the way to a tensor.
  enum Message {
    case model, graph, node, attribute, tensor, sparseTensor, function

    /// The message in a field; nil for fields that hold no tensor.
    fileprivate func child(_ field: Int) -> Message? {
      switch (self, field) {
      case (.model, 7): .graph
      case (.model, 25): .function
      case (.graph, 1), (.function, 7): .node
      case (.graph, 5), (.attribute, 5), (.attribute, 10), (.sparseTensor, 1), (.sparseTensor, 2): .tensor
      case (.graph, 15), (.attribute, 22), (.attribute, 23): .sparseTensor
      case (.node, 5), (.function, 11): .attribute
      case (.attribute, 6), (.attribute, 11): .graph
      default: nil
      }
    }

    /// Training information, which is no part of what runs.
    fileprivate func isDropped(_ field: Int) -> Bool { self == .model && field == 20 }
  }

  /// Subgraphs in subgraphs are three messages each; deeper nesting is refused here and by the decoder.
  static let depthLimit = 96

  private let bytes: UnsafeRawBufferPointer
  private var output: [UInt8] = []

  private init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The message without its tensors' bytes.
  static func skeleton(of bytes: UnsafeRawBufferPointer, as message: Message = .model) throws(WireFault) -> [UInt8] {
    var scanner = WireScanner(bytes)
    try scanner.scan(message, 0..<bytes.count, depth: 0)
    return scanner.output
  }

  private mutating func scan(_ message: Message, _ range: Range<Int>, depth: Int) throws(WireFault) {
    guard depth < Self.depthLimit else {
      throw WireFault(offset: range.lowerBound, message: "messages are nested deeper than \(Self.depthLimit)")
    }
    var position = range.lowerBound
    while position < range.upperBound {
      let start = position
      let tag = try varint(&position, range.upperBound)
      let field = Int(truncatingIfNeeded: tag >> 3)
      guard field > 0, tag >> 3 < 1 << 29 else {
        throw WireFault(offset: start, message: "there is no field \(tag >> 3)")
      }
      switch tag & 7 {
      case 0: _ = try varint(&position, range.upperBound)
      case 1: try skip(8, &position, range.upperBound)
      case 5: try skip(4, &position, range.upperBound)
      case 2:
        let content = try content(&position, range.upperBound)
        if message == .tensor && field == 9 {
          append(field: Self.rawOffsetField, content.lowerBound)
          append(field: Self.rawCountField, content.count)
          continue
        }
        if let child = message.child(field) {
          append(varint: tag)
          // The length is known when the content is written: five bytes are kept free for it.
          let place = output.count
          output += [0x80, 0x80, 0x80, 0x80, 0]
          try scan(child, content, depth: depth + 1)
          let count = output.count - place - 5
          guard count < 1 << 31 else { throw WireFault(offset: start, message: "a message has more than 2 GiB") }
          for index in 0..<5 { output[place + index] |= UInt8(truncatingIfNeeded: count >> (7 * index)) & 0x7F }
          continue
        }
      default: throw WireFault(offset: start, message: "field \(field) has the wire type \(tag & 7), which nothing has")
      }
      if message.isDropped(field) || (message == .tensor && field >= Self.rawOffsetField) { continue }
      output.append(contentsOf: bytes[start..<position])
    }
  }

  private func varint(_ position: inout Int, _ end: Int) throws(WireFault) -> UInt64 {
    let start = position
    var value: UInt64 = 0
    for index in 0..<10 {
      guard position < end else { throw WireFault(offset: start, message: "a number is cut off") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << (7 * index)
      if byte < 0x80 { return value }
    }
    throw WireFault(offset: start, message: "a number has more than ten bytes")
  }

  private func skip(_ count: Int, _ position: inout Int, _ end: Int) throws(WireFault) {
    guard count <= end - position else { throw WireFault(offset: position, message: "a number is cut off") }
    position += count
  }

  private func content(_ position: inout Int, _ end: Int) throws(WireFault) -> Range<Int> {
    let start = position
    let count = try varint(&position, end)
    guard count <= UInt64(end - position) else {
      throw WireFault(offset: start, message: "\(count) bytes are announced, \(end - position) are left")
    }
    let content = position..<position + Int(count)
    position = content.upperBound
    return content
  }

  private mutating func append(field: Int, _ value: Int) {
    append(varint: UInt64(field) << 3)
    append(varint: UInt64(value))
  }

  private mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    output.append(UInt8(rest))
  }
}
