// SPDX-License-Identifier: Apache-2.0
// Builds a graph node by node: names, scopes, functions, and what translations of operators use.

import GraphIR
import GraphOps
import GraphSupport
import TensorCore

struct GraphImporter {
  /// What a name stands for.
  enum Binding {
    case value(ValueID)
    /// It could not be computed, which is reported already.
    case failed
  }

  enum Initializer {
    case dense(TensorProto)
    case sparse(SparseTensorProto)
  }

  /// The names of one graph or function body.
  struct Scope {
    var names: [String: Binding] = [:]
    /// Stored tensors that nothing has read yet.
    var initializers: [String: Initializer] = [:]
    /// A function's body does not see the names around its call.
    var isFunction = false
    /// The attributes of the call, for a function's body.
    var attributes: [String: AttributeProto] = [:]
    var opsets: [String: Int] = [:]
  }

  /// Subgraphs and functions inside one another.
  private static let depthLimit = 64

  let session: ImportSession
  var builder: GraphBuilder
  var known = KnownValues()
  var scopes: [Scope] = []
  var parameters: [String: Tensor] = [:]
  /// Integers that run-time sizes are made of.
  var foundSizes: [SizeElement: Dim] = [:]
  /// 8-bit values that stand for 4-bit ones.
  var fourBit: [ValueID: DType] = [:]
  private(set) var nodes: [ImportedNode] = []
  /// How many graphs and functions are around this one: 0 for the file's main graph.
  let depth: Int

  init(_ session: ImportSession, name: String, depth: Int = 0) {
    self.session = session
    self.depth = depth
    builder = GraphBuilder(name: name)
  }

  // MARK: Names

  /// What a name stands for; a stored tensor comes into the graph when it is first read.
  mutating func lookup(_ name: String) -> Binding? {
    for place in scopes.indices.reversed() {
      if let binding = scopes[place].names[name] { return binding }
      if let initializer = scopes[place].initializers[name] {
        let binding = define(name, initializer, asParameter: depth + place == 0)
        scopes[place].names[name] = binding
        return binding
      }
      if scopes[place].isFunction { return nil }
    }
    return nil
  }

  mutating func bind(_ name: String, _ binding: Binding) { scopes[scopes.count - 1].names[name] = binding }

  func isDefinedHere(_ name: String) -> Bool {
    scopes.last.map { $0.names[name] != nil || $0.initializers[name] != nil } ?? false
  }

  /// The version of a domain's operators; 1 where the file does not say, as the first files did not.
  func version(_ domain: String) -> Int { scopes.last?.opsets[domain] ?? 1 }

  // MARK: Nodes

  /// Translates the nodes that the wanted names need.
  mutating func translate(_ all: [NodeProto], for wanted: some Sequence<String>) {
    let needed = neededNodes(all, for: wanted)
    for (node, isNeeded) in zip(all, needed) where isNeeded {
      guard session.mayTranslate() else { return }
      translate(node)
    }
  }

  private mutating func translate(_ node: NodeProto) {
    let label = node.name.isEmpty ? "the node that makes '\(node.output.first ?? "")'" : "'\(node.name)'"
    let start = builder.graph.nodes.count
    var operands: [ValueID?] = []
    var isBlocked = false
    for name in node.input {
      if name.isEmpty {
        operands.append(nil)
        continue
      }
      switch lookup(name) {
      case .value(let id): operands.append(id)
      case .failed: isBlocked = true
      case nil:
        session.report("undefined-name", "\(label) reads '\(name)', which nothing before it makes")
        isBlocked = true
      }
    }
    for name in node.output where !name.isEmpty && isDefinedHere(name) {
      session.report("duplicate-name", "\(label) makes '\(name)', which is there already")
      isBlocked = true
    }
    if isBlocked {
      for name in node.output where !name.isEmpty && !isDefinedHere(name) { bind(name, .failed) }
      noteSupport(of: node, label)
      return
    }
    let path = session.uniqueName(node.name.isEmpty ? node.output.first { !$0.isEmpty } ?? node.opType : node.name)
    builder.origin = Origin(path: path)
    do throws(TypeError) {
      let results = try results(of: node, operands, label)
      for (name, result) in zip(node.output, results) where !name.isEmpty {
        if let result {
          bind(name, .value(result))
          if builder.graph[result].name == nil { builder.setName(name, of: result) }
        } else {
          throw TypeError("result '\(name)' is not computed")
        }
      }
      if let missing = node.output.dropFirst(results.count).first(where: { !$0.isEmpty }) {
        throw TypeError("it makes \(results.count) results; '\(missing)' is one more")
      }
      nodes.append(
        ImportedNode(
          name: path, operation: node.opType, results: results.compactMap { $0 },
          nodes: start..<builder.graph.nodes.count))
    } catch {
      if error.message != Self.reported { report(error, label, node) }
      for name in node.output where !name.isEmpty { bind(name, .failed) }
    }
  }

  /// The message of an error that was reported where it arose.
  static let reported = "reported"

  private func report(_ error: TypeError, _ label: String, _ node: NodeProto) {
    session.report("import", "\(label) (\(node.opType)): \(error.message)", notes: error.note.map { [$0] } ?? [])
  }

  /// A node that cannot be translated because of one before it still counts when its operator is unknown.
  private mutating func noteSupport(of node: NodeProto, _ label: String) {
    if !OperatorTable.isSupported(node.opType, normalised(node.domain)), function(node) == nil {
      session.reportUnsupported(OperatorTable.displayName(node), label)
    }
  }

  private func function(_ node: NodeProto) -> FunctionProto? {
    session.functions[.init(domain: normalised(node.domain), name: node.opType, overload: node.overload)]
  }

  private mutating func results(
    of node: NodeProto, _ operands: [ValueID?], _ label: String
  ) throws(TypeError) -> [ValueID?] {
    let attributes = try resolvedAttributes(node)
    if let function = function(node) { return try inline(function, operands, attributes, label) }
    let domain = normalised(node.domain)
    let operands = try unpacked(operands, for: node.opType)
    var reader = NodeReader(node, attributes, version: version(domain), operands: operands)
    guard let translation = OperatorTable.translation(node.opType, domain) else {
      session.reportUnsupported(OperatorTable.displayName(node), label)
      throw TypeError(Self.reported)
    }
    let results = try translation(&self, &reader)
    let unread = reader.unread.subtracting(OperatorTable.meaningless)
    if !unread.isEmpty {
      throw TypeError(
        "the attribute\(unread.count == 1 ? "" : "s") \(unread.sorted().map { "'\($0)'" }.joined(separator: ", ")) "
          + "of '\(node.opType)' \(unread.count == 1 ? "is" : "are") not supported")
    }
    return results
  }

  /// The attributes with those that stand for the ones of a function's call replaced.
  private func resolvedAttributes(_ node: NodeProto) throws(TypeError) -> [AttributeProto] {
    guard node.attribute.contains(where: { !$0.refAttrName.isEmpty }) else { return node.attribute }
    guard let function = scopes.last(where: \.isFunction) else {
      throw TypeError("an attribute refers to those of a function, and there is none around it")
    }
    var resolved: [AttributeProto] = []
    for attribute in node.attribute {
      if attribute.refAttrName.isEmpty {
        resolved.append(attribute)
      } else if var value = function.attributes[attribute.refAttrName] {
        value.name = attribute.name
        resolved.append(value)
      }
    }
    return resolved
  }

  // MARK: Functions and branches

  private mutating func inline(
    _ function: FunctionProto, _ operands: [ValueID?], _ attributes: [AttributeProto], _ label: String
  ) throws(TypeError) -> [ValueID?] {
    try checkDepth()
    var scope = Scope(isFunction: true)
    for attribute in function.attributeProto { scope.attributes[attribute.name] = attribute }
    for attribute in attributes { scope.attributes[attribute.name] = attribute }
    scope.opsets = opsetVersions(function.opsetImport)
    if function.opsetImport.isEmpty { scope.opsets = scopes.last?.opsets ?? [:] }
    guard operands.count <= function.input.count else {
      throw TypeError("the function '\(function.name)' takes \(function.input.count) operands, found \(operands.count)")
    }
    for (name, operand) in zip(function.input, operands) { if let operand { scope.names[name] = .value(operand) } }
    let missing = Set(
      function.input.enumerated().filter { $0.offset >= operands.count || operands[$0.offset] == nil }.map(\.element))
    scopes.append(scope)
    defer { scopes.removeLast() }
    let origin = builder.origin
    defer { builder.origin = origin }
    // An operand that the call leaves out is left out in the body.
    let body =
      missing.isEmpty
      ? function.node
      : function.node.map { node in
        var node = node
        node.input = node.input.map { missing.contains($0) ? "" : $0 }
        return node
      }
    translate(body, for: function.output)
    return try scopeResults(function.output, of: "the function '\(function.name)'")
  }

  /// The values of a branch that is always taken, computed in place.
  mutating func inline(_ graph: GraphProto, inputs: [ValueID] = []) throws(TypeError) -> [ValueID?] {
    try checkDepth()
    scopes.append(Scope(opsets: scopes.last?.opsets ?? [:]))
    defer { scopes.removeLast() }
    let origin = builder.origin
    defer { builder.origin = origin }
    for (input, value) in zip(graph.input, inputs) { bind(input.name, .value(value)) }
    let outputs = graph.output.map(\.name)
    defineInitializers(graph)
    translate(graph.node, for: outputs)
    return try scopeResults(outputs, of: "the branch '\(graph.name)'")
  }

  mutating func scopeResults(_ names: [String], of what: String) throws(TypeError) -> [ValueID?] {
    var results: [ValueID?] = []
    for name in names {
      switch lookup(name) {
      case .value(let id): results.append(id)
      case .failed: throw TypeError(Self.reported)
      case nil: throw TypeError("\(what) does not make its result '\(name)'")
      }
    }
    return results
  }

  func checkDepth() throws(TypeError) {
    if depth + scopes.count > Self.depthLimit {
      throw TypeError("functions and subgraphs are nested deeper than \(Self.depthLimit)")
    }
  }

  func opsetVersions(_ imports: [OperatorSetIdProto]) -> [String: Int] {
    Dictionary(
      imports.map { (normalised($0.domain), Int(clamping: $0.version)) }, uniquingKeysWith: { Swift.max($0, $1) })
  }

  // MARK: Initializers

  /// Makes the stored tensors known by name.
  mutating func defineInitializers(_ graph: GraphProto) {
    let named =
      graph.initializer.map { ($0.name, Initializer.dense($0)) }
      + graph.sparseInitializer.map { ($0.values?.name ?? "", Initializer.sparse($0)) }
    for (name, initializer) in named where scopes.last?.names[name] == nil {
      if scopes[scopes.count - 1].initializers.updateValue(initializer, forKey: name) != nil {
        session.report("duplicate-name", "the initializer '\(name)' is there twice")
      }
    }
  }

  /// Brings a stored tensor into the graph. Floats of the main graph are its parameters.
  private mutating func define(_ name: String, _ initializer: Initializer, asParameter: Bool) -> Binding {
    let origin = builder.origin
    builder.origin = Origin(path: name)
    defer { builder.origin = origin }
    do throws(TypeError) {
      let tensor: Tensor
      switch initializer {
      case .dense(let proto): tensor = try session.file.tensor(proto)
      case .sparse(let proto): tensor = try session.file.tensor(proto)
      }
      let id: ValueID
      if asParameter && tensor.dtype.isFloat && !tensor.shape.isEmpty {
        id = try builder.emit(Parameter(name, tensor.dtype, tensor.shape, initializer: "zeros"))
        parameters[name] = tensor
        known.define(id, tensor)
      } else {
        id = try constant(tensor)
      }
      if builder.graph[id].name == nil { builder.setName(name, of: id) }
      return .value(id)
    } catch {
      session.report(
        "initializer", "the initializer '\(name)': \(error.message)", notes: error.note.map { [$0] } ?? [])
      return .failed
    }
  }
}
