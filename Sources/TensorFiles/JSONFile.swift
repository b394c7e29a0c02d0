// SPDX-License-Identifier: Apache-2.0
// Tensors as JSON: nested arrays of numbers or booleans, `{"dtype": …, "shape": …, "data": …}`, or an object of those.
//
// Numbers without fraction and exponent are integers. JSON has no NaN and infinities; `NaN`, `Infinity` and `-Infinity`
// are read and written as numbers, as Python's json module does.

import GraphSupport
import TensorCore

enum JSONFile {
  /// Every tensor of the file; one alone has no name.
  static func read(_ path: String) throws(DiagnosticsError) -> [(name: String?, tensor: Tensor)] {
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    let fault = FileFault(path: path, format: "json file")
    do throws(TextFault) {
      var scanner = JSONScanner(file.bytes, from: file.bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0)
      let tensors = try contents(&scanner)
      try scanner.expectEnd()
      return tensors
    } catch {
      throw fault.malformed(error, in: file.bytes)
    }
  }

  private static func contents(_ scanner: inout JSONScanner) throws(TextFault) -> [(name: String?, tensor: Tensor)] {
    guard scanner.peek() == UInt8(ascii: "{") else { return [(nil, try plain(&scanner))] }
    let start = scanner.offset
    var typed = TypedTensor()
    var named: [(name: String?, tensor: Tensor)] = []
    var typedKeys: Set<String> = []
    try scanner.object { (scanner, key) throws(TextFault) in
      if TypedTensor.keys.contains(key) {
        typedKeys.insert(key)
        try typed.member(key, &scanner)
      } else {
        named.append((key, scanner.peek() == UInt8(ascii: "{") ? try typedObject(&scanner) : try plain(&scanner)))
      }
    }
    if named.isEmpty { return [(nil, try typed.finished(start))] }
    if let key = typedKeys.sorted().first {
      throw TextFault(
        offset: start, message: "an object with '\(key)' and other members, expected one tensor or named ones")
    }
    return named
  }

  private static func typedObject(_ scanner: inout JSONScanner) throws(TextFault) -> Tensor {
    let start = scanner.offset
    var typed = TypedTensor()
    try scanner.object { (scanner, key) throws(TextFault) in try typed.member(key, &scanner) }
    return try typed.finished(start)
  }

  private static func plain(_ scanner: inout JSONScanner) throws(TextFault) -> Tensor {
    var elements = JSONElements()
    let start = scanner.offset
    try elements.read(&scanner, depth: 0)
    return try elements.tensor(nil, start)
  }

  /// The members of `{"dtype": …, "shape": …, "data": …}`, in any order.
  private struct TypedTensor {
    static let keys: Set = ["dtype", "shape", "data"]

    var dtype: DType?
    var shape: [Int]?
    var elements: JSONElements?

    mutating func member(_ key: String, _ scanner: inout JSONScanner) throws(TextFault) {
      _ = scanner.peek()
      let start = scanner.offset
      switch key {
      case "dtype":
        let name = try scanner.string()
        dtype = DType(name: name)
        guard dtype != nil else {
          let names = DType.allCases.map(\.name).joined(separator: " ")
          throw TextFault(
            offset: start, length: scanner.offset - start, message: "found \(quoted(name)), expected one of \(names)")
        }
      case "shape":
        var sizes = JSONElements()
        try sizes.read(&scanner, depth: 0)
        let tensor = try sizes.tensor(nil, start)
        guard tensor.shape.count == 1, tensor.dtype == .i64 || tensor.count == 0,
          tensor.count <= JSONScanner.depthLimit,
          Tensor.count(of: tensor.integers().map(Int.init)) != nil
        else {
          throw TextFault(offset: start, length: scanner.offset - start, message: "expected a list of sizes from 0")
        }
        shape = tensor.integers().map(Int.init)
      case "data":
        var data = JSONElements()
        try data.read(&scanner, depth: 0)
        elements = data
      default:
        throw TextFault(offset: start, message: "unknown member \(quoted(key)), expected 'dtype', 'shape' or 'data'")
      }
    }

    func finished(_ start: Int) throws(TextFault) -> Tensor {
      guard let elements else { throw TextFault(offset: start, message: "the object lacks 'data'") }
      let tensor = try elements.tensor(dtype, start)
      guard let shape, shape != tensor.shape else { return tensor }
      // A flat list takes any shape of its count.
      guard tensor.shape.count == 1, let shaped = tensor.reshaped(shape) else {
        throw TextFault(offset: start, message: "'data' has the shape \(tensor.shape), expected \(shape)")
      }
      return shaped
    }
  }
}
