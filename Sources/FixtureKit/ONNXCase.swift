// SPDX-License-Identifier: Apache-2.0
// ONNX models with inputs and expected outputs beside them, as ONNX's own tests are stored.

import GraphIR
import GraphSupport
import Lamina
import ONNXImport
import TensorCore
import TensorFiles

/// Runs a model with every set of data beside it: `input_0 …` and `output_0 …` as `.npy` or `.pb`, in the model's folder
/// or in folders `test_data_set_0 …`. One result a set; a model without data is only imported and compared with itself.
func runONNXCase(_ path: String, _ options: FixtureOptions) throws -> [FixtureResult] {
  let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  let sets = try folderContents(folder).filter { $0.hasPrefix("test_data_set_") }.map { "\(folder)/\($0)" }
  return try (sets.isEmpty ? [folder] : sets).map { set in
    let command = Fixture.Command(kind: .onnx, words: [], options: [], expected: [], line: 0)
    var failures: [String]
    do {
      failures = try ONNXCase(model: path, data: set).failures(options)
    } catch let error as DiagnosticsError {
      failures = error.diagnostics.flatMap { ["\($0.id): \($0.message)"] + $0.notes.map(\.message) }
    } catch let error as InternalError {
      failures = ["internal error: \(error.message)"]
    }
    if sets.count > 1 { failures = failures.map { "\(set): \($0)" } }
    return FixtureResult(command: command, failures: failures, actual: [])
  }
}

private struct ONNXCase {
  let model: String
  /// The paths of inputs by name; an input may be left out.
  private var inputs: [String: String] = [:]
  private var outputs: [(name: String, path: String)] = []

  init(model: String, data folder: String) throws {
    self.model = model
    let contents = try modelContents(model)
    let names = try folderContents(folder)
    func files(_ kind: String) -> [Int: String] {
      var found: [Int: String] = [:]
      for name in names where name.hasPrefix("\(kind)_") && (name.hasSuffix(".npy") || name.hasSuffix(".pb")) {
        let number = name.dropFirst(kind.count + 1).prefix { $0.isNumber }
        if let place = Int(number) { found[place] = "\(folder)/\(name)" }
      }
      return found
    }
    let given = files("input")
    // Stored values may count among the inputs, or not.
    let all = contents.inputs.map(\.name)
    let open = contents.inputs.filter { !$0.isStored }.map(\.name)
    let ports = (given.keys.max() ?? -1) < open.count ? open : all
    for (place, path) in given {
      guard place < ports.count else {
        throw DiagnosticsError("bad-fixture", "'\(path)' is one input more than the model has", file: path)
      }
      inputs[ports[place]] = path
    }
    for (place, path) in files("output").sorted(by: { $0.key < $1.key }) {
      guard place < contents.outputs.count else {
        throw DiagnosticsError("bad-fixture", "'\(path)' is one output more than the model has", file: path)
      }
      outputs.append((contents.outputs[place].name, path))
    }
  }

  /// Where the interpreter's outputs are not the expected ones, and where other ways to compute differ from them.
  func failures(_ options: FixtureOptions) throws -> [String] {
    let source = try ModelSource.load(
      model,
      run: RunInputs(
        isGiven: { [inputs] name, _ in inputs[name] != nil },
        tensor: { [inputs] name, dtype, _ in try inputs[name].map { try Self.read($0, dtype) } }))
    let graph = source.graph
    var tensors: [Tensor] = []
    for input in graph.inputs {
      let (name, type) = (graph[input].name ?? "", graph.type(input))
      guard let path = inputs[name] else {
        throw DiagnosticsError("missing-input", "there is no data for input '\(name)' \(type)", file: model)
      }
      tensors.append(try Self.read(path, type.dtype))
    }
    let runs = ModelRuns(try CompiledModel.definition(graph, options.compile), inputs: tensors)
    let isRandom = graph.nodes.contains { $0.operation.isRandom }
    let isHalf = graph.outputs.contains { [.f16, .bf16].contains(graph.type($0.value).dtype) }
    var (reference, failures) = try runs.differences(
      options, isHalf ? Tolerance(absolute: 1e-2, relative: 0x1p-6) : Tolerance(absolute: 1e-5, relative: 1e-4))
    for (name, path) in outputs {
      guard let found = reference[name] else {
        failures.append("output '\(name)' is missing")
        continue
      }
      let expected = try Self.read(path, found.dtype)
      if found.type != expected.type {
        failures.append("output '\(name)' is \(found.type), expected \(expected.type)")
      } else if !isRandom {
        let tolerance = Tolerance(expected: expected)
        let comparison = TensorComparison(
          found, expected, absolute: tolerance.absolute, relative: tolerance.relative)
        if !comparison.matches { failures.append("output '\(name)': \(comparison)") }
      }
    }
    return failures
  }

  /// Data as stored; bf16, which `.npy` does not know, is stored as its bits.
  private static func read(_ path: String, _ dtype: DType) throws -> Tensor {
    if path.hasSuffix(".pb") { return try readTensorMessage(path) }
    let tensor = try readTensor(path)
    guard dtype == .bf16, tensor.dtype == .u16 else { return tensor }
    return try readTensor(path, expecting: TensorType(.bf16, tensor.type.shape))
  }
}

extension Tolerance {
  /// What ONNX's tests allow: floats by the type's precision and the largest value, everything else exactly.
  fileprivate init(expected: Tensor) {
    guard expected.dtype.isFloat else {
      self.init(absolute: 0, relative: 0)
      return
    }
    let largest = expected.doubles().reduce(0) { $1.isFinite ? max($0, $1.magnitude) : $0 }
    switch expected.dtype {
    case .f16: self.init(absolute: 1e-3 * largest, relative: 0x1p-9)
    case .bf16: self.init(absolute: 1e-3 * largest, relative: 0x1p-6)
    default: self.init(absolute: max(1e-7, 1e-6 * largest), relative: 1e-3)
    }
  }
}
