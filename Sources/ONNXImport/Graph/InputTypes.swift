// SPDX-License-Identifier: Apache-2.0
// The inputs of a model: their types, names for sizes that have none, and those that are constants.

import GraphIR
import GraphSupport
import TensorCore

extension GraphImporter {
  /// Defines the model's inputs. One with an initializer is a constant unless a run gives it.
  mutating func defineInputs(_ graph: GraphProto) {
    let stored = Set(graph.initializer.map(\.name)).union(graph.sparseInitializer.compactMap { $0.values?.name })
    let names = Set(graph.input.map(\.name))
    for name in session.options.constants.keys.sorted() where !names.contains(name) {
      session.report(
        "unknown-input", "there is no input '\(name)' to make a constant",
        notes: ["the inputs are " + graph.input.map { "'\($0.name)'" }.joined(separator: ", ")])
    }
    var usedDims: Set<String> = []
    for input in graph.input {
      if isDefinedHere(input.name) {
        session.report("duplicate-name", "the input '\(input.name)' is there twice")
        continue
      }
      let isGiven = session.options.run?.isGiven(input.name, true) ?? false
      if stored.contains(input.name) && !isGiven && session.options.constants[input.name] == nil { continue }
      do throws(TypeError) {
        try define(input, &usedDims)
      } catch {
        if error.message != Self.reported {
          session.report(
            "input-type", "the input '\(input.name)' \(error.message)", notes: error.note.map { [$0] } ?? [])
        }
        bind(input.name, .failed)
      }
    }
    for name in session.options.dims.keys.sorted() where !usedDims.contains(name) {
      session.report(
        "unknown-dim", "there is no size '\(name)' to fix",
        notes: [
          usedDims.isEmpty
            ? "the model has no named sizes" : "the sizes are \(usedDims.sorted().joined(separator: ", "))"
        ])
    }
  }

  private mutating func define(_ input: ValueInfoProto, _ usedDims: inout Set<String>) throws(TypeError) {
    let declared = try elementType(input)
    let dtype = declared.carrier
    var shape = declaredShape(input, &usedDims)
    if let text = session.options.constants[input.name] {
      let tensor = try constantInput(text, dtype, shape)
      return bind(input.name, .value(try constant(tensor)))
    }
    let isBound = session.bound.contains(input.name)
    if let run = session.options.run, run.isGiven(input.name, false), isBound || session.isSpecialised || shape == nil {
      let tensor: Tensor?
      do {
        tensor = try run.tensor(input.name, dtype, shape)
      } catch let error as DiagnosticsError {
        for finding in error.diagnostics {
          session.report(finding.id, finding.message, notes: finding.notes.map(\.message))
        }
        throw TypeError(Self.reported)
      } catch {
        throw TypeError("cannot be read: \(error)")
      }
      if let tensor {
        if let shape,
          shape.count != tensor.shape.count || !zip(shape, tensor.shape).allSatisfy({ ($0.value ?? $1) == $1 })
        {
          throw TypeError("is \(TensorType(dtype, shape)), found \(tensor.type)")
        }
        if isBound {
          let value = try constant(tensor)
          if declared != dtype { fourBit[value] = declared }
          return bind(input.name, .value(value))
        }
        shape = tensor.shape.map { Dim($0) }
      }
    }
    guard let shape else {
      throw TypeError("does not say how many axes it has", note: "export the model with the shape of its inputs")
    }
    for dim in shape { for symbol in dim.symbols { builder.declare(Symbol(symbol)) } }
    let value = builder.input(input.name, TensorType(dtype, shape))
    if declared != dtype {
      fourBit[value] = declared
      session.warn("4-bit-input", "the input '\(input.name)' holds \(declared): a run gives it as \(dtype)")
    }
    bind(input.name, .value(value))
  }

  private func elementType(_ input: ValueInfoProto) throws(TypeError) -> DType {
    guard let tensor = input.type?.tensor else {
      throw TypeError("is a \(input.type?.other?.rawValue ?? "value without a type"), only tensors are supported")
    }
    guard let dtype = ElementType.dtype(Int(tensor.elementType)) else {
      throw TypeError("holds \(ElementType.name(Int(tensor.elementType))), which is not supported")
    }
    return dtype
  }

  /// Sizes as declared: numbers, names, and for those that have neither a name made of the input's.
  private func declaredShape(_ input: ValueInfoProto, _ usedDims: inout Set<String>) -> [Dim]? {
    guard let dims = input.type?.tensor?.shape?.dim else { return nil }
    return dims.enumerated().map { axis, dim in
      if let value = dim.value, value >= 0 { return Dim(Int(value)) }
      let name: String
      if let parameter = dim.parameter, !parameter.isEmpty, parameter != "?", parameter != "-1" {
        name = parameter
      } else {
        name = "\(input.name).\(axis)"
      }
      usedDims.insert(name)
      return session.options.dims[name].map { Dim($0) } ?? Dim(symbol: name)
    }
  }

  /// A constant given as numbers: `16000`, `[1, 2]`, `true`. They fill the input's shape.
  private func constantInput(_ text: String, _ dtype: DType, _ shape: [Dim]?) throws(TypeError) -> Tensor {
    var body = Substring(text)
    let isList = body.hasPrefix("[") && body.hasSuffix("]")
    if isList { body = body.dropFirst().dropLast() }
    let parts = body.split(separator: ",").map { $0.trimmingSpaces }
    let numbers = parts.compactMap { part -> Double? in part == "true" ? 1 : part == "false" ? 0 : Double(part) }
    guard numbers.count == parts.count, isList || numbers.count == 1 else {
      throw TypeError("cannot be '\(text)'", note: "a constant is a number, true, false, or a list such as [1, 2]")
    }
    let sizes = shape.map { $0.compactMap(\.value) }
    let wanted =
      sizes.flatMap { $0.count == shape?.count ? $0 : nil } ?? (isList ? [numbers.count] : shape?.map { _ in 1 } ?? [])
    let tensor =
      dtype.isFloat
      ? Tensor(dtype, wanted, doubles: numbers)
      : Tensor(
        dtype, wanted, integers: parts.map { Int64($0) ?? ($0 == "true" ? 1 : Int64(saturating: Double($0) ?? 0)) })
    guard let tensor else {
      throw TypeError(
        "is \(dtype)[\((shape ?? []).map(\.description).joined(separator: ", "))] and cannot be '\(text)'")
    }
    return tensor
  }
}

extension Substring {
  fileprivate var trimmingSpaces: String {
    var rest = self
    while rest.first == " " { rest.removeFirst() }
    while rest.last == " " { rest.removeLast() }
    return String(rest)
  }
}
