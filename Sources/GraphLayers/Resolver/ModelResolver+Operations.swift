// SPDX-License-Identifier: Apache-2.0
// What a box says: a layer, an operator, a block or a formula.

import GraphIR
import GraphLanguage
import GraphOps
import GraphSupport
import TensorCore

extension ModelResolver {
  mutating func buildOperation(
    _ expression: Expression, _ box: Box, in scope: ModelScope, _ environment: inout Environment,
    operands: [LayerInput], names: [String: ValueID], path: String, depth: Int, isBlock: Bool,
    _ waiting: inout [LayerInput]
  ) throws(ResolveError) -> [LayerOutput] {
    let file = scope.file
    guard let call = expression.asCall else {
      return [LayerOutput("output", try formula(expression, file, environment, names))]
    }
    switch call.name {
    case "Input": return [try input(call, box, file, &environment, isBlock: isBlock, &waiting, operands)]
    case "Constant" where !call.arguments.isEmpty: return [try constant(call, file, environment)]
    case "Parameter": return [try parameter(call, file, environment, path: path)]
    case "Repeat": return try repeated(call, file, environment, operands, path: path, depth: depth)
    default: break
    }
    if call.name.hasPrefix("onnx."), let type = OperatorRegistry.operation(named: String(call.name.dropFirst(5))) {
      return try operation(type, call, file, environment, operands, path: path, depth: depth)
    }
    if let type = LayerRegistry.layer(named: call.name) {
      return try layer(type, call, file, environment, operands, path: path)
    }
    if let (owner, subgraph) = file.subgraph(named: call.name), owner.isModel(subgraph) {
      return try block(call, owner, subgraph, file, environment, operands, path: path, depth: depth)
    }
    if let type = OperatorRegistry.operation(named: call.name) {
      return try operation(type, call, file, environment, operands, path: path, depth: depth)
    }
    if isFormula(expression, operands: Set(names.keys)) {
      return [LayerOutput("output", try formula(expression, file, environment, names))]
    }
    if let instead = LayerRegistry.refused[call.name] {
      throw ResolveError(
        "'\(call.name)' has no meaning here", id: "refused-layer", at: call.nameRange, notes: [instead])
    }
    throw ResolveError(
      "'\(call.name)' is no layer, operator or block", id: "unknown-operation", at: call.nameRange,
      notes: ["`lamina ops` lists the layers and operators"],
      fixIt: nearest(call.name, among: knownNames(file) + OperatorRegistry.all.map { "onnx.\($0.name)" }))
  }

  mutating func formula(
    _ expression: Expression, _ file: GraphFile, _ environment: Environment, _ names: [String: ValueID]
  ) throws(ResolveError) -> ValueID {
    var formula = FormulaBuilder(file: file, environment: environment, operands: names, builder: builder)
    let value = try formula.build(expression)
    builder = formula.builder
    return value
  }

  mutating func typed<T>(
    _ range: SourceRange, _ body: (inout GraphBuilder) throws(TypeError) -> T
  ) throws(ResolveError) -> T {
    do throws(TypeError) {
      return try body(&builder)
    } catch {
      throw ResolveError(error.message, id: "type-error", at: range, notes: error.note.map { [$0] } ?? [])
    }
  }

  /// Operands in the order of slots: named ones by name, the others in turn.
  func placed(
    _ operands: [LayerInput], _ slots: [Slot], _ call: Call
  ) throws(ResolveError) -> [ValueID?] {
    if slots.last?.kind == .variadic {
      // Where one of the first operands has a name, those without one are left out.
      let first = slots.dropLast().map(\.name)
      let isNamed = operands.map { operand in operand.name.map(first.contains) ?? false }
      guard isNamed.contains(true) else { return operands.map(\.value) }
      let rest = zip(operands, isNamed).filter { !$1 }.map(\.0.value)
      return first.map { name in operands.first { $0.name == name }?.value } + rest
    }
    var result = [ValueID?](repeating: nil, count: slots.count)
    var unnamed: [LayerInput] = []
    for operand in operands {
      if let name = operand.name,
        let place = slots.firstIndex(where: { $0.name == name || $0.name.lowercased() == name })
      {
        if result[place] != nil {
          throw ResolveError(
            "operand '\(name)' of '\(call.name)' is given twice", id: "repeated-operand", at: call.nameRange)
        }
        result[place] = operand.value
      } else if operand.name != nil, operands.count > 1, slots.count > 1, unnamed.count >= slots.count {
        throw ResolveError(
          "'\(call.name)' has no operand '\(operand.name ?? "")'", id: "unknown-operand", at: call.nameRange,
          notes: ["its operands are \(slots.map(\.name).joined(separator: ", "))"])
      } else {
        unnamed.append(operand)
      }
    }
    for operand in unnamed {
      guard let place = result.indices.first(where: { result[$0] == nil }) else {
        throw ResolveError(
          "'\(call.name)' takes \(slots.count) operand\(slots.count == 1 ? "" : "s") "
            + "(\(slots.map(\.name).joined(separator: ", "))), found \(operands.count)",
          id: "too-many-operands", at: call.nameRange)
      }
      result[place] = operand.value
    }
    for (place, slot) in slots.enumerated() where slot.kind == .required && result[place] == nil {
      throw ResolveError(
        operands.isEmpty
          ? "'\(call.name)' has no incoming edge: a box without one must be Input, Constant or Parameter"
          : "operand '\(slot.name)' of '\(call.name)' is missing", id: "missing-operand", at: call.nameRange)
    }
    while let last = result.last, last == nil { result.removeLast() }
    return result
  }

  mutating func layer(
    _ type: any Layer.Type, _ call: Call, _ file: GraphFile, _ environment: Environment, _ operands: [LayerInput],
    path: String
  ) throws(ResolveError) -> [LayerOutput] {
    let (layer, isTrainable) = try environment.layer(type, call, in: file)
    var inputs = try placed(operands, type.inputs, call)
    while inputs.count < type.inputs.count, type.inputs.last?.kind != .variadic { inputs.append(nil) }
    // The graph moves into the context and back, so that it is never copied.
    var context = LayerContext(builder: builder, path: path, masks: masks)
    builder = GraphBuilder(name: "")
    defer {
      builder = context.builder
      masks = context.masks
    }
    context.isTrainable = isTrainable
    do throws(TypeError) {
      let outputs = try layer.build(&context, inputs)
      if type.keepsMask, let mask = inputs.first?.flatMap({ context.masks[$0] }) {
        for output in outputs where context.masks[output.value] == nil { context.masks[output.value] = mask }
      }
      return outputs
    } catch {
      throw ResolveError(error.message, id: "type-error", at: call.nameRange, notes: error.note.map { [$0] } ?? [])
    }
  }

  /// An operator. An operand may be written in the box: `Conv(W = Parameter(8, 3, 3, 3))` is named `box/W`.
  mutating func operation(
    _ type: any Operation.Type, _ call: Call, _ file: GraphFile, _ environment: Environment, _ operands: [LayerInput],
    path: String, depth: Int
  ) throws(ResolveError) -> [LayerOutput] {
    var call = call
    var operands = operands
    for argument in call.arguments {
      guard let name = argument.name, type.operands.contains(where: { $0.name == name && $0.kind != .variadic }),
        case .call(let leaf) = argument.value.kind
      else { continue }
      let value: LayerOutput
      switch leaf.name {
      case "Constant": value = try constant(leaf, file, environment)
      case "Parameter": value = try parameter(leaf, file, environment, path: "\(path)/\(name)")
      default: continue
      }
      operands.append(LayerInput(name, value.value))
      call.arguments.removeAll { $0.name == name && $0.value.range == argument.value.range }
    }
    let regions = try regions(of: type, &call, file, environment, &operands, path: path, depth: depth)
    var operation = try environment.operation(type, call, in: file)
    var inputs = try placed(operands, type.operands, call)
    // A loop of a known length has neither a trip count nor a condition.
    if let loop = operation as? LoopOperator, loop.length != nil { inputs = [nil, nil] + inputs }
    let results = try typed(call.nameRange) { (b) throws(TypeError) in
      for (name, graph) in regions { try operation.setAttribute(name, .graph(SharedGraph(graph))) }
      if let choice = operation as? If {
        return try b.emitBranches(then: choice.thenBranch.graph, else: choice.elseBranch.graph, inputs)
      }
      return try b.emitSized(operation, inputs)
    }
    return results.enumerated().map { number, value in
      let slot = number < type.results.count ? type.results[number] : nil
      return LayerOutput(slot.flatMap { $0.kind == .variadic ? nil : $0.name } ?? "\(number)", value)
    }
  }
}
