// SPDX-License-Identifier: Apache-2.0
// One node while it is translated: its attributes by name, each marked as read.

import GraphIR
import TensorCore

/// A node of the file with its operands resolved.
struct NodeReader {
  let proto: NodeProto
  /// The version of the operator set that gives the node its meaning.
  let version: Int
  /// Trailing missing operands are left out.
  var operands: [ValueID?]
  /// Which results somebody can read.
  let wantsResult: [Bool]
  private let attributes: [String: AttributeProto]
  private(set) var unread: Set<String>

  init(_ proto: NodeProto, _ attributes: [AttributeProto], version: Int, operands: [ValueID?]) {
    self.proto = proto
    self.version = version
    var operands = operands
    while let last = operands.last, last == nil { operands.removeLast() }
    self.operands = operands
    var wants = proto.output.map { !$0.isEmpty }
    while wants.last == false { wants.removeLast() }
    wantsResult = wants
    self.attributes = Dictionary(attributes.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
    unread = Set(self.attributes.keys)
  }

  var operation: String { proto.opType }
  var resultCount: Int { wantsResult.count }
  func wants(_ result: Int) -> Bool { result < wantsResult.count && wantsResult[result] }

  /// An optional operand.
  func operand(_ number: Int) -> ValueID? { number < operands.count ? operands[number] : nil }

  /// An operand that must be there.
  func required(_ number: Int) throws(TypeError) -> ValueID {
    guard let operand = operand(number) else { throw TypeError("operand \(number + 1) is missing", operand: number) }
    return operand
  }

  /// An attribute, which is read from now on.
  mutating func attribute(_ name: String) -> AttributeProto? {
    unread.remove(name)
    return attributes[name]
  }

  /// Whether an attribute is this text, without reading it.
  func hasText(_ name: String, _ text: String) -> Bool { attributes[name]?.text == text }

  func has(_ name: String) -> Bool { attributes[name] != nil }

  mutating func int(_ name: String) throws(TypeError) -> Int? {
    guard let attribute = attribute(name) else { return nil }
    guard attribute.kind == .int else { throw wrong(name, "an integer") }
    return Int(attribute.i ?? 0)
  }

  mutating func int(_ name: String, default value: Int) throws(TypeError) -> Int { try int(name) ?? value }
  mutating func bool(_ name: String, default value: Bool = false) throws(TypeError) -> Bool {
    try int(name).map { $0 != 0 } ?? value
  }

  mutating func float(_ name: String) throws(TypeError) -> Double? {
    guard let attribute = attribute(name) else { return nil }
    guard attribute.kind == .float else { throw wrong(name, "a number") }
    return Double(attribute.f ?? 0)
  }

  mutating func string(_ name: String) throws(TypeError) -> String? {
    guard let attribute = attribute(name) else { return nil }
    guard attribute.kind == .string else { throw wrong(name, "a string") }
    return attribute.text
  }

  mutating func ints(_ name: String) throws(TypeError) -> [Int]? {
    guard let attribute = attribute(name) else { return nil }
    guard attribute.kind == .ints else { throw wrong(name, "a list of integers") }
    return attribute.ints.map { Int($0) }
  }

  mutating func floats(_ name: String) throws(TypeError) -> [Double]? {
    guard let attribute = attribute(name) else { return nil }
    guard attribute.kind == .floats else { throw wrong(name, "a list of numbers") }
    return attribute.floats.map { Double($0) }
  }

  mutating func tensor(_ name: String) throws(TypeError) -> TensorProto? {
    guard let attribute = attribute(name) else { return nil }
    guard attribute.kind == .tensor, let tensor = attribute.tensor.last else { throw wrong(name, "a tensor") }
    return tensor
  }

  /// An element type by its number.
  mutating func dtype(_ name: String) throws(TypeError) -> DType? {
    guard let number = try int(name) else { return nil }
    guard let dtype = ElementType.dtype(number) else {
      throw TypeError("'\(name)' is \(ElementType.name(number)), which is not supported")
    }
    return dtype
  }

  mutating func graph(_ name: String) throws(TypeError) -> GraphProto? {
    guard let attribute = attribute(name) else { return nil }
    guard attribute.kind == .graph, let graph = attribute.graph.last else { throw wrong(name, "a subgraph") }
    return graph
  }

  /// Reads attributes whose value changes nothing here.
  mutating func ignore(_ names: String...) { for name in names { unread.remove(name) } }

  private func wrong(_ name: String, _ expected: String) -> TypeError { TypeError("'\(name)' must be \(expected)") }
}
