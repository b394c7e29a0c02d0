// SPDX-License-Identifier: Apache-2.0
// Writes small ONNX models for tests: messages in protobuf's wire format, by ONNX's field numbers.

import Foundation
import GraphIR
import GraphInterpreter
import ONNXImport
import TensorCore

/// A message being written.
struct Wire {
  var bytes: [UInt8] = []

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func int(_ field: Int, _ value: Int) {
    varint(UInt64(field) << 3)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func data(_ field: Int, _ content: [UInt8]) {
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(content.count))
    bytes += content
  }

  mutating func text(_ field: Int, _ text: String) { data(field, Array(text.utf8)) }
  mutating func message(_ field: Int, _ message: Wire) { data(field, message.bytes) }

  mutating func float(_ field: Int, _ value: Float) {
    varint(UInt64(field) << 3 | 5)
    bytes += littleEndian(value.bitPattern)
  }

  /// A packed list of varints.
  mutating func ints(_ field: Int, _ values: [Int]) {
    var content = Wire()
    for value in values { content.varint(UInt64(bitPattern: Int64(value))) }
    data(field, content.bytes)
  }
}

func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

func rawFloats(_ values: [Float]) -> [UInt8] { values.flatMap { littleEndian($0.bitPattern) } }
func rawLongs(_ values: [Int]) -> [UInt8] { values.flatMap { littleEndian(Int64($0)) } }

/// A stored tensor whose data the closure writes.
func tensorMessage(
  _ name: String, _ type: Int, _ dims: [Int], _ write: (inout Wire) -> Void
) -> Wire {
  var message = Wire()
  message.ints(1, dims)
  message.int(2, type)
  message.text(8, name)
  write(&message)
  return message
}

func floats(_ name: String, _ dims: [Int], _ values: [Float]) -> Wire {
  tensorMessage(name, 1, dims) { $0.data(9, rawFloats(values)) }
}

func longs(_ name: String, _ values: [Int]) -> Wire {
  tensorMessage(name, 7, [values.count]) { $0.data(9, rawLongs(values)) }
}

/// An attribute of a node.
enum AttributeValue {
  case int(Int)
  case ints([Int])
  case float(Float)
  case floats([Float])
  case text(String)
  case tensor(Wire)
  case graph(Wire)
  /// The attribute of the function's call that it stands for.
  case reference(String)

  func message(_ name: String) -> Wire {
    var message = Wire()
    message.text(1, name)
    switch self {
    case .int(let value):
      message.int(3, value)
      message.int(20, 2)
    case .ints(let values):
      message.ints(8, values)
      message.int(20, 7)
    case .float(let value):
      message.float(2, value)
      message.int(20, 1)
    case .floats(let values):
      message.data(7, rawFloats(values))
      message.int(20, 6)
    case .text(let text):
      message.text(4, text)
      message.int(20, 3)
    case .tensor(let tensor):
      message.message(5, tensor)
      message.int(20, 4)
    case .graph(let graph):
      message.message(6, graph)
      message.int(20, 5)
    case .reference(let attribute):
      message.text(21, attribute)
      message.int(20, 2)
    }
    return message
  }
}

func node(
  _ operation: String, _ inputs: [String], _ outputs: [String], name: String = "", domain: String = "",
  _ attributes: [(String, AttributeValue)] = []
) -> Wire {
  var message = Wire()
  for input in inputs { message.text(1, input) }
  for output in outputs { message.text(2, output) }
  message.text(3, name)
  message.text(4, operation)
  for (name, value) in attributes { message.message(5, value.message(name)) }
  if !domain.isEmpty { message.text(7, domain) }
  return message
}

/// A declared input or output; a size is a number, a name, or nothing.
func valueInfo(_ name: String, type: Int = 1, _ shape: [String]?) -> Wire {
  var tensor = Wire()
  tensor.int(1, type)
  if let shape {
    var dims = Wire()
    for size in shape {
      var dim = Wire()
      if let number = Int(size) { dim.int(1, number) } else if !size.isEmpty { dim.text(2, size) }
      dims.message(1, dim)
    }
    tensor.message(2, dims)
  }
  var typeMessage = Wire()
  typeMessage.message(1, tensor)
  var message = Wire()
  message.text(1, name)
  message.message(2, typeMessage)
  return message
}

func graph(
  _ nodes: [Wire], inputs: [Wire] = [], outputs: [String], initializers: [Wire] = [], sparse: [Wire] = []
) -> Wire {
  var message = Wire()
  for node in nodes { message.message(1, node) }
  message.text(2, "g")
  for initializer in initializers { message.message(5, initializer) }
  for input in inputs { message.message(11, input) }
  for output in outputs { message.message(12, valueInfo(output, nil)) }
  for tensor in sparse { message.message(15, tensor) }
  return message
}

/// A model file's bytes.
func model(_ graph: Wire, opset: Int? = 13, functions: [Wire] = [], domains: [String] = []) -> [UInt8] {
  var message = Wire()
  message.int(1, 8)
  message.message(7, graph)
  for (domain, version) in [("", opset)] + domains.map({ ($0, 1) }) {
    guard let version else { continue }
    var set = Wire()
    set.text(1, domain)
    set.int(2, version)
    message.message(8, set)
  }
  for function in functions { message.message(25, function) }
  return message.bytes
}

/// A folder of its own for a test's files, removed when the value goes.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/onnx-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  func write(_ bytes: [UInt8], _ name: String = "model.onnx") throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    return "\(path)/\(name)"
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Imports a model from bytes.
func importBytes(_ bytes: [UInt8], _ options: ImportOptions = ImportOptions()) throws -> ImportedModel {
  let folder = try TemporaryFolder()
  return try importModel(try folder.write(bytes), options)
}

/// A model's only output for some inputs, by the interpreter.
func run(_ model: ImportedModel, _ inputs: [String: Tensor] = [:]) throws -> Tensor {
  var references = inputs.mapValues { Reference($0) }
  var graph = model.graph
  // Parameters are inputs here: binding them is the optimizer's part.
  var builder = GraphBuilder(name: graph.name, symbols: graph.symbols)
  var mapped: [ValueID: ValueID] = [:]
  for input in graph.inputs { mapped[input] = builder.input(graph[input].name ?? "", graph.type(input)) }
  for node in graph.nodes {
    if let parameter = node.operation as? Parameter, let tensor = model.parameters[parameter.name] {
      mapped[node.results[0]] = try builder.constant(tensor)
      continue
    }
    let results = try builder.emitAny(node.operation, node.operands.map { $0.flatMap { mapped[$0] } })
    for (old, new) in zip(node.results, results) { mapped[old] = new }
  }
  for output in graph.outputs { if let value = mapped[output.value] { builder.output(output.name, value) } }
  graph = builder.graph
  references = references.filter { name, _ in graph.inputs.contains { graph[$0].name == name } }
  guard let result = try interpret(graph, references: references).first?.value.tensor else { throw MissingOutput() }
  return result
}

struct MissingOutput: Error {}

func tensor(_ values: [Double], _ shape: [Int]? = nil, _ dtype: DType = .f32) throws -> Tensor {
  guard let tensor = Tensor(dtype, shape ?? [values.count], doubles: values) else { throw MissingOutput() }
  return tensor
}
