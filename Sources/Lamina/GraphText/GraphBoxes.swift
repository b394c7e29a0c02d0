// SPDX-License-Identifier: Apache-2.0
// A graph of operators as boxes: one for each operator, weights inside the boxes that use them, layers where a pattern
// is exactly one.

import GraphIR
import GraphLayers
import GraphOps
import GraphSupport
import TensorCore

struct GraphBoxes {
  private let graph: Graph
  private let tensors: [String: Tensor]
  private let users: [[NodeID]]
  private let outputs: Set<ValueID>
  /// The ids that are taken.
  private(set) var names: BoxNames
  /// Whether the graph is one that an operator owns: its outputs are the last boxes, in their order.
  private let isRegion: Bool
  private(set) var boxes: [TextBox] = []
  /// The ids of the graph's outputs, in their order.
  private(set) var outputIDs: [String] = []
  /// Where each value comes from.
  private var sources: [ValueID: (box: Int, port: String?)] = [:]
  /// Constants and parameters that no box has yet.
  private var leaves: [ValueID: (tensor: Tensor, name: String)] = [:]
  /// Nodes that are part of a layer, with the value that is the layer's result.
  private var absorbed: Set<Int> = []
  private var failures: [Diagnostic] = []

  /// - Parameters:
  ///   - graph: without nodes that nothing needs.
  ///   - tensors: the values of its parameters.
  ///   - names: the ids that are taken.
  init(_ graph: Graph, tensors: [String: Tensor], names: BoxNames = BoxNames(), isRegion: Bool = false) throws {
    self.graph = graph
    self.names = names
    self.isRegion = isRegion
    self.tensors = tensors
    users = graph.users()
    outputs = Set(graph.outputs.map(\.value))
    // Inputs and outputs have the first choice of names.
    for input in graph.inputs { add(input: input) }
    for output in graph.outputs { outputIDs.append(self.names.unique(BoxNames.identifier(output.name))) }
    for (place, node) in graph.nodes.enumerated() where !absorbed.contains(place) { add(node, at: place) }
    if !failures.isEmpty { throw DiagnosticsError(failures) }
    for (output, id) in zip(graph.outputs, outputIDs) { add(output: output, id) }
  }

  private mutating func add(input: ValueID) {
    let name = graph[input].name ?? "x"
    let id = names.unique(BoxNames.identifier(name))
    let type = graph.type(input)
    sources[input] = (boxes.count, nil)
    boxes.append(
      TextBox(
        path: name, id: id, operation: "Input", arguments: inputArguments(type), results: [type]))
  }

  /// An output is a box that nothing reads.
  private mutating func add(output: Graph.Output, _ id: String) {
    let source = source(of: output.value)
    if !isRegion, boxes[source.box].operation != "Input", boxes[source.box].results.count == 1,
      users[output.value.index].isEmpty,
      graph.outputs.filter({ $0.value == output.value }).count == 1
    {
      boxes[source.box].id = id
      boxes[source.box].path = output.name
      boxes[source.box].isOutput = true
      return
    }
    boxes.append(
      TextBox(
        path: output.name, id: id, isOutput: true, operation: "Identity",
        edges: [TextBox.Edge(source: source.box, port: source.port)], results: [graph.type(output.value)]))
  }

  private mutating func add(_ node: Node, at place: Int) {
    switch node.operation {
    case let constant as Constant:
      leaves[node.results[0]] = (constant.value.tensor, graph[node.results[0]].name ?? node.origin.path)
      return
    case let parameter as Parameter:
      if let tensor = tensors[parameter.name] { leaves[node.results[0]] = (tensor, parameter.name) }
      return
    default: break
    }
    if addDense(node) { return }
    do throws(TypeError) {
      try addOperator(node)
    } catch {
      failures.append(
        Diagnostic(
          .error, "cannot-write", "'\(node.origin.path)': \(error.message)",
          notes: error.note.map { [Diagnostic.Note($0)] } ?? []))
      for result in node.results { sources[result] = (0, nil) }
    }
  }

  /// The box of a value; constants that several boxes read get one of their own.
  private mutating func source(of value: ValueID) -> (box: Int, port: String?) {
    if let source = sources[value] { return source }
    guard let (tensor, name) = leaves[value] else { return (0, nil) }
    var box = TextBox(path: name, operation: "", results: [tensor.type])
    if let text = constantText(tensor) {
      box.operation = text
    } else {
      box.operation = parameterText(tensor)
      box.weights = [TextBox.Weight(name: "", tensor: tensor)]
    }
    sources[value] = (boxes.count, nil)
    boxes.append(box)
    return (boxes.count - 1, nil)
  }

  // MARK: Operators

  private mutating func addOperator(_ node: Node) throws(TypeError) {
    let type = type(of: node.operation)
    let isLayer = LayerRegistry.layer(named: type.name) != nil
    var box = TextBox(
      path: node.origin.path, operation: isLayer ? "onnx.\(type.name)" : type.name,
      results: node.results.map { graph.type($0) })
    let isVariadic = type.operands.contains { $0.kind == .variadic }
    var edges: [(slot: Int, edge: TextBox.Edge)] = []
    for (slot, operand) in node.operands.enumerated() {
      guard let operand else { continue }
      if !isVariadic, let (tensor, _) = leaves[operand], sources[operand] == nil {
        let name = type.operands[slot].name
        if let text = constantText(tensor) {
          box.arguments.append("\(name) = \(text)")
          continue
        }
        if users[operand.index].count == 1 {
          box.arguments.append("\(name) = \(parameterText(tensor))")
          box.weights.append(TextBox.Weight(name: name, tensor: tensor))
          continue
        }
      }
      let source = source(of: operand)
      edges.append((slot, TextBox.Edge(source: source.box, port: source.port)))
    }
    box.regions = regions(of: node)
    box.arguments += try argumentTexts(
      node.operation,
      regions: Dictionary(box.regions.map { ($0.argument, $0.block.name) }, uniquingKeysWith: { first, _ in first }),
      runtimeSizes: graph.runtimeSizes)
    let taken = Set(edges.map(\.slot))
    // Before a list of operands those are named that stand beside one that is left out.
    let fixed = isVariadic ? type.operands.count - 1 : 0
    let leavesOut = node.operands.prefix(fixed).contains(nil)
    let inOrder = isVariadic || edges.map(\.slot) == Array(freeSlots(node, besides: box, type).prefix(taken.count))
    box.edges = edges.map { slot, edge in
      var edge = edge
      if !inOrder || (leavesOut && slot < fixed) { edge.operand = type.operands[slot].name }
      return edge
    }
    append(box, node.results, resultNames: type.results)
  }

  /// The subgraphs that an operator owns.
  private mutating func regions(of node: Node) -> [(argument: String, block: TextBlock)] {
    var regions: [(argument: String, block: TextBlock)] = []
    for (argument, value) in node.operation.attributeValues {
      guard case .graph(let shared) = value else { continue }
      let name = names.unique(BoxNames.identifier("\(node.origin.path)_\(argument)"))
      do {
        let inner = try GraphBoxes(shared.graph, tensors: [:], names: names, isRegion: true)
        names = inner.names
        regions.append((argument, TextBlock(name: name, parameters: [], boxes: inner.boxes)))
      } catch {
        failures += (error as? DiagnosticsError)?.diagnostics ?? []
      }
    }
    return regions
  }

  /// The slots that edges without a name fill, in order.
  private func freeSlots(_ node: Node, besides box: TextBox, _ type: any Operation.Type) -> [Int] {
    type.operands.indices.filter { slot in !box.arguments.contains { $0.hasPrefix("\(type.operands[slot].name) = ") } }
  }

  private mutating func append(_ box: TextBox, _ results: [ValueID], resultNames: [Slot]) {
    for (number, result) in results.enumerated() {
      let name =
        number < resultNames.count && resultNames[number].kind != .variadic ? resultNames[number].name : "\(number)"
      sources[result] = (boxes.count, results.count == 1 ? nil : name)
    }
    boxes.append(box)
  }

  // MARK: Dense

  /// Activations that a layer applies as the operator itself does.
  private func activation(_ operation: any Operation) -> String? {
    switch operation {
    case is Relu: "relu"
    case is Sigmoid: "sigmoid"
    case is Tanh: "tanh"
    default: nil
    }
  }

  /// A product with a matrix of weights, and a bias and an activation behind it, is a Dense layer.
  private mutating func addDense(_ node: Node) -> Bool {
    var bias: Tensor?
    if let gemm = node.operation as? Gemm {
      guard !gemm.transA, !gemm.transB, gemm.alpha == 1, gemm.beta == 1 else { return false }
      if node.operands.count > 2, let operand = node.operands[2] {
        bias = weight(operand)
        if bias == nil { return false }
      }
    } else if !(node.operation is MatMul) {
      return false
    }
    guard let x = node.operands[0], leaves[x] == nil, graph.type(x).rank >= 2, let matrix = node.operands[1],
      let kernel = weight(matrix), kernel.shape.count == 2, kernel.shape[1] > 0
    else { return false }
    let units = kernel.shape[1]
    if let bias, bias.shape != [units] { return false }
    var result = node.results[0]
    if node.operation is MatMul, let (place, next) = onlyUser(of: result), next.operation is Add,
      let other = next.operands.first(where: { $0 != result }) ?? nil, let tensor = weight(other),
      tensor.shape == [units],
      tensor.dtype == kernel.dtype
    {
      bias = tensor
      absorbed.insert(place)
      result = next.results[0]
    }
    var arguments = ["\(units)"]
    if let (place, next) = onlyUser(of: result), let name = activation(next.operation) {
      arguments.append(name)
      absorbed.insert(place)
      result = next.results[0]
    }
    if bias == nil { arguments.append("use_bias = false") }
    let source = source(of: x)
    // `query/MatMul` is the layer `query`.
    let parts = node.origin.path.split(separator: "/")
    let isNamed = parts.count > 1 && parts.last.map { $0.hasPrefix("MatMul") || $0.hasPrefix("Gemm") } == true
    var box = TextBox(
      path: isNamed ? parts.dropLast().joined(separator: "/") : node.origin.path, operation: "Dense",
      arguments: arguments,
      results: [graph.type(result)])
    box.edges = [TextBox.Edge(source: source.box, port: source.port)]
    box.weights = [TextBox.Weight(name: "kernel", tensor: kernel)]
    if let bias { box.weights.append(TextBox.Weight(name: "bias", tensor: bias)) }
    append(box, [result], resultNames: [])
    return true
  }

  /// A float weight that only one box reads.
  private func weight(_ value: ValueID) -> Tensor? {
    guard let (tensor, _) = leaves[value] ?? pendingLeaf(value), sources[value] == nil, users[value.index].count == 1,
      tensor.dtype.isFloat
    else { return nil }
    return tensor
  }

  /// A weight whose node comes later in the graph.
  private func pendingLeaf(_ value: ValueID) -> (tensor: Tensor, name: String)? {
    switch graph.producer(value)?.operation {
    case let constant as Constant: (constant.value.tensor, "")
    case let parameter as Parameter: tensors[parameter.name].map { ($0, parameter.name) }
    default: nil
    }
  }

  private func onlyUser(of value: ValueID) -> (place: Int, node: Node)? {
    guard users[value.index].count == 1, !outputs.contains(value), let user = users[value.index].first else {
      return nil
    }
    return (user.index, graph[user])
  }
}

/// The arguments of an `Input` box.
func inputArguments(_ type: TensorType) -> [String] {
  type.shape.map(\.description) + (type.dtype == .f32 ? [] : [type.dtype.name])
}
