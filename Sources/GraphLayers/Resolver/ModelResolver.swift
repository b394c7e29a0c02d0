// SPDX-License-Identifier: Apache-2.0
// From a read file to a graph of operators: boxes become layers, operators, formulas and blocks.

import GraphIR
import GraphLanguage
import GraphOps
import GraphSupport
import TensorCore

/// How a file is resolved.
package struct ResolveOptions: Sendable {
  /// The model to take, for files with several.
  package var model: String?
  /// Fixed sizes, by name.
  package var dims: [String: Int]
  package init(model: String? = nil, dims: [String: Int] = [:]) {
    self.model = model
    self.dims = dims
  }
}

/// What a file's model is.
package struct ResolvedModel: Sendable {
  package var graph: Graph
  /// In the order of building: each box with its operations as written, and its results.
  package var boxes: [ResolvedBox]
  package var warnings: [Diagnostic]

  package init(graph: Graph, boxes: [ResolvedBox], warnings: [Diagnostic]) {
    self.graph = graph
    self.boxes = boxes
    self.warnings = warnings
  }
}

package struct ResolvedBox: Sendable {
  /// The path of boxes.
  package var path: String
  package var title: String
  package var operation: String
  /// Nil in models that are no text.
  package var location: SourceLocation?
  package var outputs: [LayerOutput]
  /// The nodes it added, as positions in the graph's nodes.
  package var nodes: Range<Int>
  /// How many blocks it is inside.
  package var depth: Int

  package init(
    path: String, title: String, operation: String, location: SourceLocation?, outputs: [LayerOutput], nodes: Range<Int>,
    depth: Int
  ) {
    self.path = path
    self.title = title
    self.operation = operation
    self.location = location
    self.outputs = outputs
    self.nodes = nodes
    self.depth = depth
  }
}

/// The id of errors that are reported already, inside the block that a box uses.
private let blockFailed = "block-failed"
/// Blocks inside blocks; deeper is an error.
private let blockDepthLimit = 64
/// Nodes of a graph; more is an error rather than a full memory.
private let nodeLimit = 2_000_000

/// Resolves a file's model; every error is found in one go.
package func resolveModel(_ file: GraphFile, _ options: ResolveOptions = ResolveOptions()) throws -> ResolvedModel {
  var resolver = ModelResolver(file, options)
  return try resolver.resolve()
}

private struct ModelResolver {
  private let file: GraphFile
  private let options: ResolveOptions
  private var builder: GraphBuilder
  private var diagnostics: [Diagnostic] = []
  private var boxes: [ResolvedBox] = []
  private var declaredDims: [String: DimRange] = [:]
  /// Errors found, those that were reported before included.
  private var failureCount = 0
  /// Keras' masks of values: which steps of a sequence count.
  private var masks: [ValueID: ValueID] = [:]
  /// Where the block that is being built is used.
  private var blockUse: SourceLocation?

  init(_ file: GraphFile, _ options: ResolveOptions) {
    self.file = file
    self.options = options
    builder = GraphBuilder(name: file.frontMatter.title?.value ?? "model")
    for dim in file.frontMatter.dims { declaredDims[dim.name.value] = dim }
  }

  mutating func resolve() throws -> ResolvedModel {
    diagnostics += file.strayEdges().map { $0.diagnostic(in: file) }
    let scope = try mainScope()
    let values = resolve(scope, Environment(), path: "", depth: 0, bound: nil)
    for name in options.dims.keys.sorted() where !dimsInUse.contains(name) {
      diagnostics.append(
        Diagnostic(
          .error, "unknown-dim", "there is no size '\(name)' to fix", file: file.source.path,
          notes: [Diagnostic.Note(dimsInUse.isEmpty ? "the model has no named sizes" : "the sizes are \(dimsInUse.sorted().joined(separator: ", "))")]))
    }
    for dim in file.frontMatter.dims where !dimsInUse.contains(dim.name.value) {
      diagnostics.append(
        Diagnostic(.warning, "unused-dim", "no input uses the size '\(dim.name.value)'", at: file.location(dim.name.range)))
    }
    if diagnostics.contains(where: { $0.severity == .error }) { throw DiagnosticsError(diagnostics) }
    // Boxes that lead nowhere are the outputs.
    let sources = Set(scope.edges.map(\.from.id))
    for box in scope.boxes where !sources.contains(box.id) {
      let results = values[box.id] ?? []
      for result in results {
        builder.output(results.count == 1 ? box.id : "\(box.id):\(result.name)", result.value)
      }
    }
    if builder.graph.outputs.isEmpty {
      throw DiagnosticsError("no-output", "the model has no boxes", file: file.source.path)
    }
    return ResolvedModel(graph: builder.graph, boxes: boxes, warnings: diagnostics)
  }

  private var dimsInUse: Set<String> = []

  private func mainScope() throws -> ModelScope {
    let (top, models) = file.scopes()
    if let wanted = options.model {
      guard let model = models.first(where: { $0.name == wanted || $0.subgraph?.id == wanted }) else {
        let names = models.map(\.name)
        throw DiagnosticsError([
          Diagnostic(
            .error, "unknown-model", "there is no model '\(wanted)'", file: file.source.path,
            notes: [Diagnostic.Note(names.isEmpty ? "the file has one model without a name" : "the models are \(names.joined(separator: ", "))")],
            fixIt: nearest(wanted, among: names))
        ])
      }
      return model
    }
    if !top.boxes.isEmpty { return top }
    let complete = models.filter { $0.parameterNames.isEmpty }
    guard let first = complete.first else {
      throw DiagnosticsError("no-model", "the file has no model: only blocks, or no boxes", file: file.source.path)
    }
    if complete.count > 1 {
      throw DiagnosticsError(
        "several-models",
        "the file has \(complete.count) models: choose one of \(complete.map { "'\($0.name)'" }.joined(separator: ", ")) with --model",
        file: file.source.path)
    }
    return first
  }

  /// Reports an error once, however often its block is used.
  private mutating func report(_ error: ResolveError, in file: GraphFile) {
    report(error.diagnostic(in: file))
  }

  private mutating func report(_ diagnostic: Diagnostic) {
    failureCount += 1
    let isKnown = diagnostics.contains {
      $0.id == diagnostic.id && $0.message == diagnostic.message && $0.location == diagnostic.location
    }
    if !isKnown { diagnostics.append(diagnostic) }
  }

  // MARK: Scopes

  /// Builds the boxes of a scope and returns their results. Boxes that fail, and those that need them, have none.
  /// `bound` gives a block's inputs; nil makes inputs of the model.
  private mutating func resolve(
    _ scope: ModelScope, _ outer: Environment, path: String, depth: Int, bound: [LayerInput]?
  ) -> [String: [LayerOutput]] {
    let order: [Box]
    do throws(ResolveError) {
      order = try scope.ordered()
    } catch {
      report(error, in: scope.file)
      return [:]
    }
    var environment = outer
    var results: [String: [LayerOutput]] = [:]
    var waiting = bound ?? []
    let incoming = Dictionary(grouping: scope.edges, by: \.to.id)
    // Inputs first and in the order of the file: their names are what later boxes use, and blocks bind by order.
    let unbound = reportUnbound(scope)
    let inputs = scope.boxes.filter { box in scope.file.operations(of: box).contains { $0.asCall?.name == "Input" } }
    let rest = order.filter { box in !inputs.contains { $0.id == box.id } }
    for box in inputs + rest where !unbound.contains(box.id) {
      let start = builder.graph.nodes.count
      let boxPath = path.isEmpty ? box.id : "\(path)/\(box.id)"
      do throws(ResolveError) {
        var operands: [LayerInput] = []
        var names: [String: ValueID] = [:]
        var isWaiting = false
        for edge in incoming[box.id] ?? [] {
          guard let source = results[edge.from.id] else {
            isWaiting = true
            continue
          }
          let ports = edge.ports
          let value = try output(source, ports, edge)
          operands.append(LayerInput(ports.operand, value))
          names[ports.operand ?? edge.from.id] = value
          names[edge.from.id] = value
        }
        // What it needs failed already: one error is enough.
        if isWaiting { continue }
        builder.origin = Origin(path: boxPath, location: scope.file.location(box.range))
        let built = try build(
          box, in: scope, &environment, operands: operands, names: names, path: boxPath, depth: depth,
          isBlock: bound != nil, &waiting)
        results[box.id] = built
        for result in built where builder.graph[result.value].name == nil && built.count == 1 && path.isEmpty {
          builder.setName(box.id, of: result.value)
        }
        boxes.append(
          ResolvedBox(
            path: boxPath, title: box.displayName,
            operation: operations(of: box, in: scope).map { scope.file.source.text($0.range) }.joined(separator: "; "),
            location: scope.file.location(box.range), outputs: built, nodes: start..<builder.graph.nodes.count,
            depth: depth))
      } catch {
        // What is wrong inside a block is reported there.
        if error.id != blockFailed { report(error, in: scope.file) }
      }
    }
    if let bound, !waiting.isEmpty {
      report(
        Diagnostic(
          .error, "too-many-operands",
          "block '\(scope.name)' has \(inputs.count) input\(inputs.count == 1 ? "" : "s"), found \(bound.count) operands",
          at: blockUse))
    }
    return results
  }

  /// The result of a box that an edge reads.
  private func output(_ results: [LayerOutput], _ ports: Edge.Ports, _ edge: Edge) throws(ResolveError) -> ValueID {
    guard let port = ports.port else {
      guard let first = results.first else {
        throw ResolveError("'\(edge.from.id)' has no result", id: "no-result", at: edge.from.range)
      }
      return first.value
    }
    if let result = results.first(where: { $0.name == port }) { return result.value }
    if let number = Int(port), results.indices.contains(number) { return results[number].value }
    let names = results.map(\.name)
    throw ResolveError(
      "'\(edge.from.id)' has no result '\(port)'", id: "unknown-port", at: edge.label?.range ?? edge.range,
      notes: ["its results are \(names.joined(separator: ", "))"],
      fixIt: nearest(port, among: names))
  }

  // MARK: Boxes

  private mutating func build(
    _ box: Box, in scope: ModelScope, _ environment: inout Environment, operands: [LayerInput],
    names: [String: ValueID], path: String, depth: Int, isBlock: Bool, _ waiting: inout [LayerInput]
  ) throws(ResolveError) -> [LayerOutput] {
    let operations = self.operations(of: box, in: scope)
    var current = operands
    var names = names
    var results: [LayerOutput] = []
    for (number, operation) in operations.enumerated() {
      let stepPath = number == 0 ? path : "\(path)/\(number)"
      results = try buildOperation(
        operation, box, in: scope, &environment, operands: current, names: names, path: stepPath, depth: depth,
        isBlock: isBlock, &waiting)
      current = results.prefix(1).map { LayerInput(nil, $0.value) }
      names = results.first.map { [box.id: $0.value] } ?? [:]
    }
    guard builder.graph.nodes.count <= nodeLimit else {
      throw ResolveError("the model has more than \(nodeLimit) operators", id: "too-large", at: box.range)
    }
    return results
  }

  /// Reports every box without an operation, and returns their ids.
  private mutating func reportUnbound(_ scope: ModelScope) -> Set<String> {
    var unbound: Set<String> = []
    for box in scope.boxes {
      let operations = self.operations(of: box, in: scope)
      var error: ResolveError?
      if operations.isEmpty, let problem = box.label?.problem {
        error = ResolveError(problem.message, id: "bad-operation", at: problem.range, fixIt: problem.fixIt)
      } else if operations.isEmpty {
        error = ResolveError(
          "'\(box.label?.text ?? box.id)' (\(box.id)) has no operation: bind it under `\(scope.file.bindingKey)`",
          id: "no-operation", at: box.range)
      }
      guard let error else { continue }
      report(error, in: scope.file)
      unbound.insert(box.id)
    }
    return unbound
  }

  /// The operations of a box. Names at a label's start that name nothing, nor anything near, are its title.
  private func operations(of box: Box, in scope: ModelScope) -> [Expression] {
    let operations = scope.file.operations(of: box)
    guard scope.file.frontMatter.binding(box.id) == nil else { return operations }
    let known = knownNames(scope.file)
    // A formula may be the name of a box that leads here.
    let sources = Set(scope.edges.filter { $0.to.id == box.id }.map { $0.ports.operand ?? $0.from.id })
    return Array(
      operations.drop { expression in
        guard case .name(let name) = expression.kind else { return false }
        return !sources.contains(name) && !known.contains(name) && !name.contains(".") && nearest(name, among: known) == nil
      })
  }

  private func knownNames(_ file: GraphFile) -> [String] {
    LayerRegistry.names + OperatorRegistry.all.map { $0.name } + file.subgraphNames + ["Input", "Repeat", "Constant", "Parameter"]
  }

  private mutating func buildOperation(
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
      return try operation(type, call, file, environment, operands, path: path)
    }
    if let type = LayerRegistry.layer(named: call.name) {
      return try layer(type, call, file, environment, operands, path: path)
    }
    if let (owner, subgraph) = file.subgraph(named: call.name), owner.isModel(subgraph) {
      return try block(call, owner, subgraph, file, environment, operands, path: path, depth: depth)
    }
    if let type = OperatorRegistry.operation(named: call.name) {
      return try operation(type, call, file, environment, operands, path: path)
    }
    if isFormula(expression, operands: Set(names.keys)) {
      return [LayerOutput("output", try formula(expression, file, environment, names))]
    }
    if let instead = LayerRegistry.refused[call.name] {
      throw ResolveError("'\(call.name)' has no meaning here", id: "refused-layer", at: call.nameRange, notes: [instead])
    }
    throw ResolveError(
      "'\(call.name)' is no layer, operator or block", id: "unknown-operation", at: call.nameRange,
      notes: ["`lamina ops` lists the layers and operators"],
      fixIt: nearest(call.name, among: knownNames(file) + OperatorRegistry.all.map { "onnx.\($0.name)" }))
  }

  private mutating func formula(
    _ expression: Expression, _ file: GraphFile, _ environment: Environment, _ names: [String: ValueID]
  ) throws(ResolveError) -> ValueID {
    var formula = FormulaBuilder(file: file, environment: environment, operands: names, builder: builder)
    let value = try formula.build(expression)
    builder = formula.builder
    return value
  }

  // MARK: Leaves

  /// `Input(dims…, dtype)`
  private mutating func input(
    _ call: Call, _ box: Box, _ file: GraphFile, _ environment: inout Environment, isBlock: Bool,
    _ waiting: inout [LayerInput], _ operands: [LayerInput]
  ) throws(ResolveError) -> LayerOutput {
    if !operands.isEmpty {
      throw ResolveError("an Input has no incoming edges, found \(operands.count)", id: "input-with-operands", at: box.range)
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
          "'\(file.source.text(argument.value.range))' is no element type", id: "unknown-type", at: argument.value.range,
          notes: ["the types are \(names.joined(separator: ", "))"])
      } else if case .string(let name) = value, case .name = argument.value.kind {
        free.append((shape.count, name, argument.value.range))
        shape.append(Dim(symbol: name))
      } else if let dim = Dim(value) {
        if let number = dim.value, number < 0 {
          throw ResolveError("a size cannot be negative, found \(number)", id: "negative-size", at: argument.value.range)
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
  private mutating func size(named name: String) -> Dim {
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
      Symbol(name, declared.map { $0.lower...max($0.lower, $0.upper ?? Symbol.unbounded.upperBound) } ?? Symbol.unbounded))
    return Dim(symbol: name)
  }

  /// A block's input takes the operand in its turn, and its free names take the operand's sizes.
  private mutating func bind(
    _ box: Box, _ file: GraphFile, _ type: TensorType, _ free: [(axis: Int, name: String, range: SourceRange)],
    _ environment: inout Environment, _ waiting: inout [LayerInput]
  ) throws(ResolveError) -> LayerOutput {
    let place = waiting.firstIndex { $0.name == box.id } ?? waiting.firstIndex { $0.name == nil } ?? waiting.indices.first
    guard let place else { throw misused("the block's input '\(box.id)' gets no operand here", "missing-operand", box, file) }
    let operand = waiting.remove(at: place)
    let actual = builder.type(operand.value)
    guard actual.rank == type.rank, actual.dtype == type.dtype else {
      throw misused("the block's input '\(box.id)' is \(type), the operand is \(actual)", "operand-type", box, file)
    }
    for (axis, name, _) in free where environment.dims[name] == nil { environment.dims[name] = actual.shape[axis] }
    let wanted = type.shape.map { $0.substituting(environment.dims) }
    guard wanted == actual.shape else {
      throw misused(
        "the block's input '\(box.id)' is \(TensorType(type.dtype, wanted)), the operand is \(actual)", "operand-type", box,
        file)
    }
    return LayerOutput("output", operand.value)
  }

  /// Reports that a block is used in a way that its input does not allow, at the use.
  private mutating func misused(_ message: String, _ id: String, _ input: Box, _ file: GraphFile) -> ResolveError {
    report(
      Diagnostic(
        .error, id, message, at: blockUse, notes: [Diagnostic.Note("the input is here", at: file.location(input.range))]))
    return ResolveError(message, id: blockFailed, at: input.range)
  }

  /// `Constant(value)` or `Constant([values])`, with an optional element type.
  private mutating func constant(_ call: Call, _ file: GraphFile, _ environment: Environment) throws(ResolveError) -> LayerOutput {
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
  private mutating func parameter(
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
          "'\(file.source.text(argument.value.range))' does not fit 'Parameter'", id: "wrong-argument", at: argument.value.range,
          notes: ["write Parameter(sizes…, element type, initializer = name, trainable = true)"])
      }
    }
    let built = parameter
    return LayerOutput("output", try typed(call.nameRange) { (b) throws(TypeError) in try b.emit(built) })
  }

  // MARK: Layers and operators

  private mutating func typed<T>(
    _ range: SourceRange, _ body: (inout GraphBuilder) throws(TypeError) -> T
  ) throws(ResolveError) -> T {
    do throws(TypeError) {
      return try body(&builder)
    } catch {
      throw ResolveError(error.message, id: "type-error", at: range, notes: error.note.map { [$0] } ?? [])
    }
  }

  /// Operands in the order of slots: named ones by name, the others in turn.
  private func placed(
    _ operands: [LayerInput], _ slots: [Slot], _ call: Call
  ) throws(ResolveError) -> [ValueID?] {
    if slots.last?.kind == .variadic { return operands.map(\.value) }
    var result = [ValueID?](repeating: nil, count: slots.count)
    var unnamed: [LayerInput] = []
    for operand in operands {
      if let name = operand.name, let place = slots.firstIndex(where: { $0.name == name || $0.name.lowercased() == name }) {
        if result[place] != nil {
          throw ResolveError("operand '\(name)' of '\(call.name)' is given twice", id: "repeated-operand", at: call.nameRange)
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

  private mutating func layer(
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
  private mutating func operation(
    _ type: any Operation.Type, _ call: Call, _ file: GraphFile, _ environment: Environment, _ operands: [LayerInput],
    path: String
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
    let operation = try environment.operation(type, call, in: file)
    let inputs = try placed(operands, type.operands, call)
    let results = try typed(call.nameRange) { (b) throws(TypeError) in try b.emitSized(operation, inputs) }
    return results.enumerated().map { number, value in
      let slot = number < type.results.count ? type.results[number] : nil
      return LayerOutput(slot.flatMap { $0.kind == .variadic ? nil : $0.name } ?? "\(number)", value)
    }
  }

  // MARK: Blocks

  private mutating func block(
    _ call: Call, _ owner: GraphFile, _ subgraph: Subgraph, _ file: GraphFile, _ environment: Environment,
    _ operands: [LayerInput], path: String, depth: Int
  ) throws(ResolveError) -> [LayerOutput] {
    guard depth < blockDepthLimit else {
      throw ResolveError("blocks are nested more than \(blockDepthLimit) deep; '\(call.name)' may use itself", id: "block-depth", at: call.nameRange)
    }
    let models = owner.scopes().models
    guard let scope = models.first(where: { $0.subgraph?.id == subgraph.id }) else {
      throw ResolveError("'\(call.name)' is no block", id: "unknown-operation", at: call.nameRange)
    }
    let names = scope.parameterNames.map(\.name)
    var inner = Environment()
    for argument in try environment.arguments(of: call, names: names, required: names, in: file) {
      inner.parameters[argument.name] = argument.value
    }
    let (outer, outerUse) = (builder.origin, blockUse)
    let (before, known) = (failureCount, diagnostics.count)
    let use = file.location(call.nameRange)
    blockUse = use
    let values = resolve(scope, inner, path: path, depth: depth + 1, bound: operands)
    (builder.origin, blockUse) = (outer, outerUse)
    if failureCount > before {
      for index in known..<diagnostics.count
      where diagnostics[index].location != use && !diagnostics[index].notes.contains(where: { $0.location == use }) {
        diagnostics[index].notes.append(Diagnostic.Note("in block '\(call.name)', used here", at: use))
      }
      throw ResolveError("block '\(call.name)' cannot be built", id: blockFailed, at: call.nameRange)
    }
    let sources = Set(scope.edges.map(\.from.id))
    let ends = scope.boxes.filter { !sources.contains($0.id) }
    var outputs: [LayerOutput] = []
    for end in ends { for result in values[end.id] ?? [] { outputs.append(LayerOutput(end.id, result.value)) } }
    return outputs
  }

  /// `Repeat(block(arguments), count)`: the block's results become its operands, `count` times.
  private mutating func repeated(
    _ call: Call, _ file: GraphFile, _ environment: Environment, _ operands: [LayerInput], path: String, depth: Int
  ) throws(ResolveError) -> [LayerOutput] {
    guard call.arguments.count == 2, let inner = call.arguments[0].value.asCall else {
      throw ResolveError(
        "'Repeat' needs a block or layer and a count, such as Repeat(block(64), 3)", id: "bad-repeat", at: call.nameRange)
    }
    guard case .int(let count) = try environment.value(call.arguments[1].value, in: file), count >= 1, count <= 100_000 else {
      throw ResolveError(
        "the count of 'Repeat' must be a number from 1 to 100000, found '\(file.source.text(call.arguments[1].value.range))'",
        id: "bad-repeat", at: call.arguments[1].value.range)
    }
    var current = operands
    var results: [LayerOutput] = []
    for round in 0..<count {
      let roundPath = "\(path)/\(round)"
      if let (owner, subgraph) = file.subgraph(named: inner.name), owner.isModel(subgraph) {
        results = try block(inner, owner, subgraph, file, environment, current, path: roundPath, depth: depth + 1)
      } else if let type = LayerRegistry.layer(named: inner.name) {
        results = try layer(type, inner, file, environment, current, path: roundPath)
      } else {
        throw ResolveError(
          "'\(inner.name)' is no block or layer to repeat", id: "unknown-operation", at: inner.nameRange,
          fixIt: nearest(inner.name, among: file.subgraphNames + LayerRegistry.names))
      }
      // Operands beyond the results, such as a mask or an encoder's states, go to every round.
      current = results.map { LayerInput(nil, $0.value) } + operands.dropFirst(results.count)
    }
    return results
  }
}
