// SPDX-License-Identifier: Apache-2.0
// Operators with subgraphs: If, Loop, Scan.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// A condition that is known chooses its branch now.
  static let branch: Translation = { (importer, node) throws(TypeError) in
    let condition = try node.required(0)
    guard let then = try node.graph("then_branch"), let other = try node.graph("else_branch") else {
      throw TypeError("it needs 'then_branch' and 'else_branch'")
    }
    if let value = importer.known.constant(condition), value.count == 1 {
      return try importer.inline(value.double(0) != 0 ? then : other)
    }
    let captures = try importer.captures(of: [then, other])
    let regions = (try importer.region(then, [], captures), try importer.region(other, [], captures))
    let flag = importer.rank(condition) == 0 ? condition : try importer.emit(Reshape(shape: []), condition)
    do throws(TypeError) {
      return try importer.builder.emitBranches(
        then: regions.0.graph, else: regions.1.graph, [flag] + captures.operands)
    } catch {
      // Branches that differ in more than sizes are no fault where the condition's value can be had.
      let unknown = importer.unknown(condition, "cond")
      guard importer.session.findsSizes, unknown.note == nil else {
        throw TypeError(error.message, note: unknown.note ?? error.note)
      }
      // It follows from named sizes: the model is compiled for those with which it is true.
      importer.session.warn(
        "assumed-branch",
        "'\(importer.builder.origin.path)' is taken to choose its first branch: runs in which it would not are refused")
      var results: [ValueID?] = []
      for result in try importer.inline(then) {
        results.append(try result.map { value throws(TypeError) in try importer.holding(value, while: flag) })
      }
      return results
    }
  }

  /// More iterations than these are not written one after the other.
  private static let unrolledLimit = 64

  /// Runs as often as `M` says while its condition holds; without a condition that can fail the number is known.
  static let loop: Translation = { (importer, node) throws(TypeError) in
    guard let body = try node.graph("body") else { throw TypeError("it needs 'body'") }
    let values = Array(node.operands.dropFirst(2))
    let carried = values.compactMap { $0 }
    guard carried.count == values.count else { throw TypeError("a carried value is missing") }
    let captures = try importer.captures(of: [body])
    let own = [TensorType(.i64, []), TensorType(.bool, [])] + carried.map { importer.type($0) }
    let region = try importer.region(body, own, captures)
    let limit = try node.operand(0).flatMap { id throws(TypeError) in try importer.scalar(id) }
    let condition = try node.operand(1).flatMap { id throws(TypeError) in try importer.scalar(id) }
    let trips = limit.flatMap { importer.known.dims($0)?.first }
    var operation = LoopOperator(region.graph, carried: carried.count)
    let isEndless =
      region.isTrue(output: 0, orInput: 1) && (condition.map { importer.known.constant($0)?.double(0) == 1 } ?? true)
    if isEndless, let trips {
      operation.length = (trips.bounds(importer.known.ranges).low ?? -1) >= 0 ? trips : Dim.max(trips, 0)
      do throws(TypeError) {
        return try importer.emitAll(operation, [nil, nil] + carried + captures.operands)
      } catch {
        // What grows from one iteration to the next has no type in a loop, but one in each of a few iterations.
        guard let count = trips.value, (1...unrolledLimit).contains(count) else { throw error }
        return try importer.unrolled(body, count, carried)
      }
    }
    if region.graph.outputs.count - 1 > carried.count {
      guard let limit else {
        throw TypeError("it stacks results, and nothing says how many at most", note: "give the loop a trip count")
      }
      if trips == nil, !importer.session.findsSizes { throw importer.unknown(limit, "M") }
      let most = try importer.room(trips ?? importer.bounds(of: limit).high, "the trip count of 'Loop'", near: "loop")
      operation.count = importer.builder.runtimeSize(near: "loop", atMost: most)
    }
    return try importer.emitAll(operation, [limit, condition] + carried + captures.operands)
  }

  static let scan: Translation = { (importer, node) throws(TypeError) in
    guard let body = try node.graph("body"), let inputCount = try node.int("num_scan_inputs") else {
      throw TypeError("it needs 'body' and 'num_scan_inputs'")
    }
    // In operator set 8 the first operand is the lengths of sequences, and every axis 0 is a batch.
    let isBatched = node.version < 9
    if isBatched, node.operand(0) != nil { throw TypeError("lengths of sequences are not supported in operator set 8") }
    let given = isBatched ? Array(node.operands.dropFirst()) : node.operands
    let values = given.compactMap { $0 }
    let states = values.count - inputCount
    guard values.count == given.count, states >= 0, inputCount > 0 else {
      throw TypeError("it has \(values.count) operands, of which \(inputCount) are scanned")
    }
    var operation = Scan()
    operation.carried = states
    operation.inputCount = inputCount
    operation.inputAxes = try node.ints("scan_input_axes") ?? []
    operation.inputDirections = try node.ints(isBatched ? "directions" : "scan_input_directions") ?? []
    operation.outputAxes = try node.ints("scan_output_axes") ?? []
    operation.outputDirections = try node.ints("scan_output_directions") ?? []
    var types = values.map { importer.type($0) }
    if isBatched {
      guard types.allSatisfy({ $0.rank > 0 }) else { throw TypeError("an operand has no batch axis") }
      for number in types.indices { types[number].shape.removeFirst() }
    }
    let rowTypes = types
    for number in 0..<inputCount {
      let rank = types[states + number].rank
      let axis = number < operation.inputAxes.count ? operation.inputAxes[number] : 0
      let place = axis < 0 ? axis + rank : axis
      guard (0..<rank).contains(place) else { throw TypeError("axis \(axis) is none of \(types[states + number])") }
      types[states + number].shape.remove(at: place)
    }
    let captures = try importer.captures(of: [body])
    operation.body = SharedGraph(try importer.region(body, types, captures).graph)
    guard isBatched else { return try importer.emitAll(operation, values + captures.operands) }
    // One scan for each row of the batch, inside a scan over the batch.
    var row = GraphBuilder(name: "row", symbols: importer.builder.graph.symbols)
    let rowValues = rowTypes.enumerated().map { row.input("x\($0.offset)", $0.element) }
    let shared = captures.operands.enumerated().map { row.input("c\($0.offset)", importer.type($0.element)) }
    for (number, result) in try row.emitAny(operation, rowValues + shared).enumerated() {
      row.output("y\(number)", result)
    }
    return try importer.emitAll(Scan(row.graph, carried: 0, inputs: values.count), values + captures.operands)
  }
}

extension GraphImporter {
  /// The iterations of a loop one after the other: the carried values after the last one, and what each stacks.
  fileprivate mutating func unrolled(
    _ body: GraphProto, _ count: Int, _ carried: [ValueID]
  ) throws(TypeError) -> [ValueID?] {
    guard let yes = Tensor(.bool, [], integers: [1]) else { throw TypeError("out of memory") }
    var values = carried
    var stacked: [[ValueID]] = []
    for iteration in 0..<count {
      let inputs = [try number(iteration), try constant(yes)] + values
      let results = try inline(body, inputs: inputs).compactMap { $0 }
      guard results.count > carried.count else {
        throw TypeError("the body gives \(results.count) results for \(carried.count) carried values")
      }
      values = Array(results[1...carried.count])
      let rows = results[(carried.count + 1)...]
      if stacked.isEmpty { stacked = rows.map { _ in [] } }
      guard rows.count == stacked.count else { throw TypeError("a result of the body is missing") }
      for (place, row) in rows.enumerated() { stacked[place].append(try emit(Unsqueeze(axes: [0]), row)) }
    }
    var results: [ValueID?] = values
    for rows in stacked { results += try emitAll(Concat(axis: 0), rows) }
    return results
  }
}
