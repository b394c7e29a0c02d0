// SPDX-License-Identifier: Apache-2.0
// Loops and branches: a control step, and the steps of the regions after it.
//
// A loop's states lie twice in memory: an iteration reads one half and writes the other. Slices are pieces of the whole
// tensors, at offsets that follow from the number of the iteration. So nothing is copied from iteration to iteration.

import GraphIR
import GraphOps
import GraphSupport
import KernelIR
import PlanIR
import TensorCore

extension PlanAssembly {
  mutating func lower(_ control: Control, of node: Node, _ scope: LoweringScope) throws {
    switch control {
    case .branch(let then, let otherwise): try branch(then, otherwise, of: node, scope)
    case .loop(let loop): try self.loop(loop, of: node, scope)
    case .size(let size):
      guard let operand = node.operands.first.flatMap({ $0 }), let name = size.symbols.first else {
        throw InternalError("a run-time size without a value or a name")
      }
      let place = try place(operand, scope)
      _ = add(.size(name), reading: [place], label: label(node))
      scope.places[node.results[0]] = place
    }
  }

  private func label(_ node: Node) -> String {
    node.origin.path.isEmpty ? type(of: node.operation).name : node.origin.path
  }

  private mutating func branch(_ then: Graph, _ otherwise: Graph, of node: Node, _ scope: LoweringScope) throws {
    guard let condition = node.operands.first.flatMap({ $0 }) else { throw InternalError("a branch without a condition") }
    let captures = try node.operands.dropFirst().map { try place($0, scope) }
    let results = try node.results.map { try place($0, scope) }
    let control = add(.branch(then: 0, otherwise: 0), reading: [try place(condition, scope)], label: label(node))
    var ends: [Int] = []
    for region in [then, otherwise] {
      let inner = try LoweringScope(LoweringState(renamingSizes(of: region), options))
      for (input, capture) in zip(inner.state.graph.inputs, captures) { inner.places[input] = capture }
      for (output, result) in zip(inner.state.graph.outputs, results) {
        inner.write(output.value, to: result, label: "\(label(node))/\(output.name)")
      }
      try lower(inner)
      ends.append(steps.count)
    }
    set(.branch(then: ends[0] - control - 1, otherwise: ends[1] - ends[0]), of: control)
  }

  /// Where a value of an optional operand lives.
  private mutating func place(_ value: ValueID?, _ scope: LoweringScope) throws -> Plan.Reference {
    guard let value else { throw InternalError("an operand of a region is missing") }
    return try place(value, scope)
  }

  /// A region whose own run-time sizes have names that nothing else in the plan has.
  private mutating func renamingSizes(of region: Graph) throws -> Graph {
    var renamed: [String: Dim] = [:]
    for node in region.nodes {
      for size in node.operation.definedSizes {
        for symbol in region.symbols where size.symbols.contains(symbol.name) {
          guard let bound = symbol.bound else { continue }
          renamed[symbol.name] = Dim(symbol: try runtimeSymbol(near: "_size", bound: bound.substituting(renamed)))
        }
      }
    }
    return region.substituting(renamed)
  }

  // MARK: Loops

  private mutating func loop(_ loop: LoopControl, of node: Node, _ scope: LoweringScope) throws {
    let trips = try self.trips(loop, of: node, scope)
    let mostTrips = try trips.known.map { try bound($0) } ?? Self.endless
    let counter = try runtimeSymbol(near: "_i", bound: Dim.max(mostTrips - 1, 0))
    let iteration = Dim(symbol: counter)
    let isNeverEmpty = (trips.count.bounds(scope.state.graph.ranges).low ?? 0) >= 1
    /// Where an iteration's slice starts in a whole tensor.
    func slice(_ whole: Plan.Reference, _ type: TensorType, isReversed: Bool) -> Plan.Reference {
      // Without an iteration there is no last slice; its place is evaluated all the same.
      let last = trips.count - 1 - iteration
      let position = !isReversed ? iteration : isNeverEmpty ? last : Dim.max(last, 0)
      return Plan.Reference(
        whole.space, byteOffset: whole.byteOffset + position * type.elementCount * Dim(type.dtype.size))
    }
    let body = try LoopBody(loop, isRead: node.results.map { scope.state.isRead($0) }, counter: counter, mostTrips: mostTrips)
    let inner = LoweringScope(LoweringState(try renamingSizes(of: body.graph), options))
    let graph = inner.state.graph

    var states: [Int: (place: Plan.Reference, half: Dim)] = [:]
    for (input, role) in zip(graph.inputs, body.inputs) {
      let type = graph.type(input)
      switch role {
      case .state(let number, let initial):
        let half = Dim.ceilDiv(type.elementCount * Dim(type.dtype.size), Dim(Plan.alignment)) * Dim(Plan.alignment)
        let place = try buffer("\(label(node))/\(graph.displayName(input))", byteCount: 2 * half)
        states[number] = (place, half)
        guard let value = node.operands[initial] else { throw InternalError("a state starts from nothing") }
        let copy = LoweringScope.Copy(value: scope.state.memoryRoot(value), place: place, label: label(node))
        try add(copy, scope)
        inner.places[input] = Plan.Reference(place.space, byteOffset: Dim.mod(iteration, 2) * half)
      case .slice(let operand, let isReversed):
        inner.places[input] = slice(try place(node.operands[operand], scope), type, isReversed: isReversed)
      case .whole(let operand): inner.places[input] = try place(node.operands[operand], scope)
      case .counter, .condition: throw InternalError("a loop's own values are no inputs")
      }
    }
    var next: Plan.Reference?
    for (output, role) in zip(graph.outputs, body.outputs) {
      let name = "\(label(node))/\(output.name)"
      switch role {
      case .condition:
        let place = try buffer(name, byteCount: 1)
        next = place
        inner.write(output.value, to: place, label: name)
      case .state(let number, _):
        guard let state = states[number] else { throw InternalError("a state that no input has") }
        let other = Plan.Reference(state.place.space, byteOffset: Dim.mod(iteration + 1, 2) * state.half)
        inner.write(output.value, to: other, label: name)
      case .slice(let result, let isReversed):
        let whole = try place(node.results[result], scope)
        inner.write(output.value, to: slice(whole, graph.type(output.value), isReversed: isReversed), label: name)
      case .unused: continue
      }
    }

    func control(_ steps: Int) -> Plan.Control {
      .loop(
        body: steps, counter: counter, count: trips.symbol, limit: trips.limit != nil,
        condition: trips.condition != nil, next: next != nil)
    }
    let step = add(
      control(0), reading: [trips.limit, trips.condition, next].compactMap { $0 }, tiles: trips.known ?? mostTrips,
      label: label(node))
    try lower(inner)
    set(control(steps.count - step - 1), of: step)
    for case .state(let number, let result?) in loop.outputs {
      guard let state = states[number] else { continue }
      scope.places[node.results[result]] = Plan.Reference(
        state.place.space, byteOffset: Dim.mod(trips.count, 2) * state.half)
    }
  }

  /// Iterations of a loop that only its condition ends.
  private static var endless: Dim { Dim(1 << 46) }

  private struct Trips {
    /// The number of iterations, or the most there can be, where that is known before the loop starts.
    var known: Dim?
    /// The number of iterations there were.
    var count: Dim
    /// The symbol that is set to it.
    var symbol: String?
    var limit: Plan.Reference?
    var condition: Plan.Reference?
  }

  private mutating func trips(_ loop: LoopControl, of node: Node, _ scope: LoweringScope) throws -> Trips {
    switch loop.trips {
    case .exactly(let count): return Trips(known: count, count: count)
    case .until(let limit, let condition, let size):
      let known = try size.map { try bound($0) }
      let name = try size?.symbols.first ?? runtimeSymbol(near: "_trips", bound: Self.endless)
      return Trips(
        known: known, count: Dim(symbol: name), symbol: name,
        limit: try limit.map { try place(node.operands[$0], scope) },
        condition: try condition.map { try place(node.operands[$0], scope) })
    }
  }
}

extension LoweringState {
  /// Whether a node or the graph's user reads a value.
  func isRead(_ value: ValueID) -> Bool { isOutput[value.index] || !users[value.index].isEmpty }
}

/// A loop's region as the plan runs it: the iteration's number is a size, the condition is true inside, and results
/// that nobody reads are not computed.
private struct LoopBody {
  private(set) var graph: Graph
  private(set) var inputs: [LoopControl.Input] = []
  private(set) var outputs: [LoopControl.Output] = []

  init(_ loop: LoopControl, isRead: [Bool], counter: String, mostTrips: Dim) throws {
    let region = loop.body
    var builder = GraphBuilder(name: region.name, symbols: region.symbols)
    let highest = max(0, min(mostTrips.value ?? .max, Int(Int32.max)) - 1)
    builder.declare(Symbol(counter, 0...highest, bound: Dim.max(mostTrips - 1, 0)))
    do throws(TypeError) {
      var operands: [ValueID] = []
      for (input, role) in zip(region.inputs, loop.inputs) {
        switch role {
        case .counter: operands.append(try builder.emit(Dimension(Dim(symbol: counter), .i64)))
        case .condition: operands.append(try builder.scalar(1, .bool))
        case .state, .slice, .whole:
          operands.append(builder.input(region[input].name ?? "", region.type(input)))
          inputs.append(role)
        }
      }
      let results = try builder.inline(region, operands)
      var written: Set<ValueID> = []
      for ((output, value), role) in zip(zip(region.outputs, results), loop.outputs) {
        if role == .unused { continue }
        if case .slice(let result, _) = role, !isRead[result] { continue }
        // What goes to two places is two values, so that one kernel may write both.
        let isWritten = !written.insert(value).inserted
        let order = Array(builder.type(value).shape.indices)
        builder.output(output.name, isWritten ? try builder.emit(Transpose(perm: order), value) : value)
        outputs.append(role)
      }
    } catch {
      throw InternalError("a loop's region is broken: \(error.message)")
    }
    graph = try GraphPass.rebuild(builder.graph) { _, _, _, _ in nil }
  }
}
