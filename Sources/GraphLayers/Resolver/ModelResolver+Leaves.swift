// SPDX-License-Identifier: Apache-2.0
// Boxes without incoming edges: inputs, parameters and constants.

import GraphIR
import GraphLanguage
import GraphOps
import GraphSupport
import TensorCore

extension ModelResolver {
  /// `Input(dims…, dtype)`
  mutating func input(
    _ call: Call, _ box: Box, _ file: GraphFile, _ environment: inout Environment, isBlock: Bool,
    _ waiting: inout [LayerInput], _ operands: [LayerInput]
  ) throws(ResolveError) -> LayerOutput {
    if !operands.isEmpty {
      throw ResolveError(
        "an Input has no incoming edges, found \(operands.count)", id: "input-with-operands", at: box.range)
    }
    var dtype = DType.f32
    var shape: [Dim] = []
    var free: [(axis: Int, name: String, range: SourceRange)] = []
    for argument in call.arguments {
      if let name = argument.name, name != "dtype" {
        throw ResolveError(
          "'Input' has no argument '\(name)'", id: "unknown-argument", at: argument.nameRange ?? argument.value.range,
          notes: ["write Input(sizes…, element type)"])
      }
      let value = try environment.value(argument.value, in: file)
      if case .dtype(let type) = value {
        dtype = type
      } else if argument.name == "dtype" {
        let names = DType.allCases.map(\.name)
        throw ResolveError(
          "'\(file.source.text(argument.value.range))' is no element type", id: "unknown-type",
          at: argument.value.range,
          notes: ["the types are \(names.joined(separator: ", "))"])
      } else if case .string(let name) = value, case .name = argument.value.kind {
        free.append((shape.count, name, argument.value.range))
        shape.append(Dim(symbol: name))
      } else if let dim = Dim(value) {
        if let number = dim.value, number < 0 {
          throw ResolveError(
            "a size cannot be negative, found \(number)", id: "negative-size", at: argument.value.range)
        }
        shape.append(dim)
      } else {
        throw ResolveError(
          "'\(file.source.text(argument.value.range))' is no size", id: "bad-size", at: argument.value.range,
          notes: ["a size is a number, a name such as N, or arithmetic over them"])
      }
    }
    if isBlock { return try bind(box, file, TensorType(dtype, shape), free, &environment, &waiting) }
    for (axis, name, _) in free {
      let dim = size(named: name)
      environment.dims[name] = dim
      shape[axis] = dim
    }
    shape = shape.map { $0.substituting(environment.dims) }
    let type = TensorType(dtype, shape)
    return LayerOutput("output", builder.input(box.id, type))
  }

  /// A model's named size: fixed by an option or the front matter, else a symbol with its range.
  mutating func size(named name: String) -> Dim {
    dimsInUse.insert(name)
    let declared = declaredDims[name]
    if let fixed = options.dims[name] {
      let upper = declared?.upper ?? .max
      if let declared, fixed < declared.lower || fixed > upper {
        diagnostics.append(
          Diagnostic(
            .error, "dim-out-of-range",
            "\(name) = \(fixed) is outside its range \(declared.lower)..\(declared.upper.map(String.init) ?? "")",
            at: file.location(declared.name.range)))
      }
      return Dim(fixed)
    }
    if let declared, declared.lower == declared.upper { return Dim(declared.lower) }
    builder.declare(
      Symbol(
        name, declared.map { $0.lower...max($0.lower, $0.upper ?? Symbol.unbounded.upperBound) } ?? Symbol.unbounded))
    return Dim(symbol: name)
  }

  /// A block's input takes the operand in its turn, and its free names take the operand's sizes.
  mutating func bind(
    _ box: Box, _ file: GraphFile, _ type: TensorType, _ free: [(axis: Int, name: String, range: SourceRange)],
    _ environment: inout Environment, _ waiting: inout [LayerInput]
  ) throws(ResolveError) -> LayerOutput {
    let place =
      waiting.firstIndex { $0.name == box.id } ?? waiting.firstIndex { $0.name == nil } ?? waiting.indices.first
    guard let place else {
      throw misused("the block's input '\(box.id)' gets no operand here", "missing-operand", box, file)
    }
    let operand = waiting.remove(at: place)
    let actual = builder.type(operand.value)
    guard actual.rank == type.rank, actual.dtype == type.dtype else {
      throw misused("the block's input '\(box.id)' is \(type), the operand is \(actual)", "operand-type", box, file)
    }
    for (axis, name, _) in free where environment.dims[name] == nil { environment.dims[name] = actual.shape[axis] }
    let wanted = type.shape.map { $0.substituting(environment.dims) }
    guard wanted == actual.shape else {
      throw misused(
        "the block's input '\(box.id)' is \(TensorType(type.dtype, wanted)), the operand is \(actual)", "operand-type",
        box,
        file)
    }
    return LayerOutput("output", operand.value)
  }

  /// Reports that a block is used in a way that its input does not allow, at the use.
  mutating func misused(_ message: String, _ id: String, _ input: Box, _ file: GraphFile) -> ResolveError {
    report(
      Diagnostic(
        .error, id, message, at: blockUse, notes: [Diagnostic.Note("the input is here", at: file.location(input.range))]
      ))
    return ResolveError(message, id: Self.blockFailed, at: input.range)
  }

  /// `Constant(value)` or `Constant([values])`, with an optional element type.
  mutating func constant(_ call: Call, _ file: GraphFile, _ environment: Environment) throws(ResolveError)
    -> LayerOutput
  {
    let arguments = try environment.arguments(of: call, names: ["value", "dtype"], required: ["value"], in: file)
    var dtype: DType?
    if let given = arguments.first(where: { $0.name == "dtype" }) {
      guard let type = DType(given.value) else {
        throw ResolveError("'\(file.source.text(given.range))' is no element type", id: "unknown-type", at: given.range)
      }
      dtype = type
    }
    guard let value = arguments.first(where: { $0.name == "value" }), let numbers = [Double](value.value) else {
      throw ResolveError("'value' of 'Constant' must be a number or a list of numbers", at: call.nameRange)
    }
    let isScalar: Bool
    var type = dtype ?? .f32
    switch value.value {
    case .int: (isScalar, type) = (true, dtype ?? .f32)
    case .float: isScalar = true
    default: isScalar = false
    }
    guard let tensor = Tensor(type, isScalar ? [] : [numbers.count], doubles: numbers) else {
      throw ResolveError("out of memory", at: call.nameRange)
    }
    return LayerOutput("output", try typed(call.nameRange) { (b) throws(TypeError) in try b.constant(tensor) })
  }

  /// `Parameter(sizes…, dtype, initializer = …)`
  mutating func parameter(
    _ call: Call, _ file: GraphFile, _ environment: Environment, path: String
  ) throws(ResolveError) -> LayerOutput {
    var parameter = Parameter()
    parameter.name = path
    for argument in call.arguments {
      let value = try environment.value(argument.value, in: file)
      switch (argument.name, value) {
      case ("initializer", .string(let name)): parameter.initializer = name
      case ("trainable", .bool(let flag)): parameter.trainable = flag
      case (nil, .dtype(let dtype)), ("dtype", .dtype(let dtype)): parameter.dtype = dtype
      case (nil, .int(let size)) where size >= 0: parameter.shape.append(size)
      default:
        throw ResolveError(
          "'\(file.source.text(argument.value.range))' does not fit 'Parameter'", id: "wrong-argument",
          at: argument.value.range,
          notes: ["write Parameter(sizes…, element type, initializer = name, trainable = true)"])
      }
    }
    let built = parameter
    return LayerOutput("output", try typed(call.nameRange) { (b) throws(TypeError) in try b.emit(built) })
  }
}
