// SPDX-License-Identifier: Apache-2.0
// Writes the plan image that the runtime reads in place; `lamina_runtime.h` defines the layout.

import CLaminaRuntime
import GraphSupport
import TensorCore

extension Plan {
  /// The plan image. Its start has to be 8-byte aligned wherever it is put.
  ///
  /// - Throws: The faults that `verify` finds, or that the image would not fit its 32-bit offsets.
  package func image() throws(DiagnosticsError) -> [UInt8] {
    let faults = verify()
    guard faults.isEmpty, let order = bufferOrder else { throw DiagnosticsError(faults) }
    var writer = PlanImageWriter(plan: self, bufferOrder: order)
    return try writer.write()
  }
}

private struct PlanImageWriter {
  let plan: Plan
  /// Buffers are renumbered so that each lies above ones of lower number only.
  let bufferOrder: [Int]
  /// The new number of each buffer.
  let bufferNumbers: [Int]
  let symbolIndices: [String: Int]
  var expressions: [lamina_expression] = []
  var expressionIndices: [Node: Int] = [:]
  var dimIndices: [Dim: UInt32] = [:]
  var indices: [UInt32] = []
  var text: [UInt8] = []
  var textSpans: [[UInt8]: lamina_span] = [:]

  struct Node: Hashable {
    var operation: UInt32
    var left: Int
    var right: Int
  }

  init(plan: Plan, bufferOrder: [Int]) {
    self.plan = plan
    self.bufferOrder = bufferOrder
    var numbers = bufferOrder
    for (number, index) in bufferOrder.enumerated() { numbers[index] = number }
    bufferNumbers = numbers
    symbolIndices = Dictionary(
      plan.symbols.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  mutating func write() throws(DiagnosticsError) -> [UInt8] {
    let name = span(plan.name)
    // First, so that each comes before the uses of its symbol.
    for symbol in plan.symbols { if let bound = symbol.bound { _ = expression(bound) } }
    let metadata = plan.metadata.map { lamina_metadata(key: span($0.key), value: span($0.value)) }
    let inputs = plan.inputs.map { port($0) }
    let outputs = plan.outputs.map { port($0) }
    let constants = plan.constants.map {
      lamina_constant(
        name: span($0.name), shape: list($0.type.shape.map { expression($0) }), dtype: UInt32($0.type.dtype.rawValue),
        reserved: 0, offset: UInt64($0.offset), bytes: UInt64($0.byteCount))
    }
    let buffers = self.buffers()
    let kernels = plan.kernels.map { span($0) }
    var references: [lamina_reference] = []
    let steps = plan.steps.map { step($0, &references) }
    let variants = plan.variants.enumerated().map { number, variant in
      let range = plan.steps(ofVariant: number)
      return lamina_variant(
        dims: list(plan.callerSymbols.map { expression(variant.sizes[$0.name].map { Dim($0) } ?? Dim(symbol: $0.name)) }),
        first_step: UInt32(clamping: range.lowerBound), step_count: UInt32(clamping: range.count))
    }
    let symbols = self.symbols(references, steps)

    var body = Body()
    var header = lamina_plan()
    header.magic = LAMINA_PLAN_MAGIC
    header.version = UInt32(LAMINA_PLAN_VERSION)
    header.alignment = UInt32(LAMINA_ALIGNMENT)
    header.weights_bytes = UInt64(plan.weightsByteCount)
    header.name = name
    // Texts follow the header: their offsets were given out while the tables were made.
    _ = body.append(text)
    header.metadata = body.append(metadata)
    header.symbols = body.append(symbols)
    header.inputs = body.append(inputs)
    header.outputs = body.append(outputs)
    header.constants = body.append(constants)
    header.buffers = body.append(buffers)
    header.steps = body.append(steps)
    header.kernels = body.append(kernels)
    header.expressions = body.append(expressions)
    header.references = body.append(references)
    header.indices = body.append(indices)
    header.variants = body.append(variants)
    guard body.bytes.count < Int(Int32.max) else {
      throw DiagnosticsError("plan-too-large", "the plan image has \(body.bytes.count) bytes, expected less than 2 GB")
    }
    header.image_bytes = UInt64(body.bytes.count)
    body.store(header)
    header.checksum = body.bytes.withUnsafeBytes { lamina_checksum($0.baseAddress, UInt64($0.count)) }
    body.store(header)
    return body.bytes
  }

  // MARK: Records

  private mutating func span(_ string: String) -> lamina_span {
    let bytes = Array(string.utf8)
    if let known = textSpans[bytes] { return known }
    let span = lamina_span(
      offset: UInt32(clamping: MemoryLayout<lamina_plan>.size + text.count), count: UInt32(clamping: bytes.count))
    text += bytes
    textSpans[bytes] = span
    return span
  }

  private mutating func list(_ elements: [UInt32]) -> lamina_list {
    let list = lamina_list(first: UInt32(clamping: indices.count), count: UInt32(clamping: elements.count))
    indices += elements
    return list
  }

  private mutating func port(_ port: Plan.Port) -> lamina_port {
    lamina_port(
      name: span(port.name), shape: list(port.type.shape.map { expression($0) }),
      dtype: UInt32(port.type.dtype.rawValue), capacity: expression(port.capacity ?? port.type.elementCount))
  }

  /// The symbols, each that steps set with everything that follows from it.
  private mutating func symbols(_ references: [lamina_reference], _ steps: [lamina_step]) -> [lamina_symbol] {
    plan.symbols.enumerated().map { number, symbol in
      var record = lamina_symbol()
      record.name = span(symbol.name)
      (record.low, record.high) = (Int64(symbol.range.lowerBound), Int64(symbol.range.upperBound))
      record.bound = UInt32.max
      guard let bound = symbol.bound else { return record }
      record.bound = expression(bound)
      var depends = [Bool](repeating: false, count: expressions.count)
      for (index, node) in expressions.enumerated() {
        depends[index] =
          switch lamina_operation(node.operation) {
          case LAMINA_LITERAL: false
          case LAMINA_SYMBOL: Int(node.right) == number
          default: depends[Int(node.left)] || depends[Int(node.right)]
          }
      }
      record.expressions = list(depends.indices.filter { depends[$0] }.map { UInt32($0) })
      record.references = list(references.indices.filter { depends[Int(references[$0].offset)] }.map { UInt32($0) })
      record.steps = list(
        steps.indices.filter { index in
          let sizes = steps[index].sizes
          return depends[Int(steps[index].tiles)]
            || indices[Int(sizes.first)..<Int(sizes.first) + Int(sizes.count)].contains { depends[Int($0)] }
        }.map { UInt32($0) })
      return record
    }
  }

  private mutating func buffers() -> [lamina_buffer] {
    bufferOrder.map { index in
      let buffer = plan.buffers[index]
      return lamina_buffer(
        name: span(buffer.name), below: list(buffer.below.map { UInt32(bufferNumbers[$0]) }),
        bytes: expression(buffer.byteCount),
        first_step: UInt32(clamping: buffer.firstStep), last_step: UInt32(clamping: buffer.lastStep), reserved: 0)
    }
  }

  private mutating func step(_ step: Plan.Step, _ references: inout [lamina_reference]) -> lamina_step {
    let first = references.count
    for reference in step.buffers {
      let (space, index): (lamina_space, Int) =
        switch reference.space {
        case .arena(let index): (LAMINA_ARENA, bufferNumbers[index])
        case .constant(let index): (LAMINA_CONSTANT, index)
        case .input(let index): (LAMINA_INPUT, index)
        case .output(let index): (LAMINA_OUTPUT, index)
        }
      references.append(
        lamina_reference(
          space: space.rawValue, index: UInt32(clamping: index), offset: expression(reference.byteOffset), reserved: 0
        ))
    }
    var control = lamina_step()
    control.count = UInt32.max
    switch step.control {
    case nil:
      control.kind = LAMINA_CALL.rawValue
      control.kernel = UInt32(clamping: step.kernel)
    case .loop(let body, let counter, let count, let limit, let condition, let next):
      control.kind = LAMINA_LOOP.rawValue
      control.kernel = symbolNumber(counter)
      control.body = UInt32(clamping: body)
      if let count { control.count = symbolNumber(count) }
      if limit { control.operands |= LAMINA_LOOP_LIMIT.rawValue }
      if condition { control.operands |= LAMINA_LOOP_CONDITION.rawValue }
      if next { control.operands |= LAMINA_LOOP_NEXT.rawValue }
    case .branch(let then, let otherwise):
      control.kind = LAMINA_BRANCH.rawValue
      control.body = UInt32(clamping: then)
      control.otherwise = UInt32(clamping: otherwise)
    case .size(let symbol):
      control.kind = LAMINA_SIZE.rawValue
      control.kernel = symbolNumber(symbol)
    }
    return lamina_step(
      kind: control.kind, kernel: control.kernel, tiles: expression(step.tiles), scratch: expression(step.scratchBytes),
      body: control.body, otherwise: control.otherwise, count: control.count, operands: control.operands,
      references: lamina_list(first: UInt32(clamping: first), count: UInt32(clamping: step.buffers.count)),
      sizes: list(step.sizes.map { expression($0) }), label: span(step.label),
      picoseconds_per_tile: UInt64(min(step.nanosecondsPerTile * 1000, 1e15)))
  }

  private func symbolNumber(_ name: String) -> UInt32 { UInt32(clamping: symbolIndices[name] ?? 0) }

  // MARK: Expressions

  private mutating func expression(_ dim: Dim) -> UInt32 {
    if let known = dimIndices[dim] { return known }
    let index = UInt32(clamping: node(dim))
    dimIndices[dim] = index
    return index
  }

  private mutating func node(_ operation: lamina_operation, _ left: Int, _ right: Int) -> Int {
    let node = Node(operation: operation.rawValue, left: left, right: right)
    if let known = expressionIndices[node] { return known }
    expressions.append(
      lamina_expression(operation: operation.rawValue, left: UInt32(clamping: left), right: Int64(right)))
    expressionIndices[node] = expressions.count - 1
    return expressions.count - 1
  }

  private mutating func node(_ dim: Dim) -> Int {
    var sum: Int?
    for term in dim.terms {
      var product: Int?
      for atom in term.factors {
        let factor = node(atom)
        product = product.map { node(LAMINA_MULTIPLY, $0, factor) } ?? factor
      }
      let magnitude = term.coefficient == .min ? term.coefficient : abs(term.coefficient)
      // Subtraction spares a multiplication by -1.
      let isSubtracted = sum != nil && term.coefficient < 0 && magnitude > 0
      let coefficient = isSubtracted ? magnitude : term.coefficient
      var value = product ?? node(LAMINA_LITERAL, 0, 1)
      if coefficient != 1 { value = node(LAMINA_MULTIPLY, value, node(LAMINA_LITERAL, 0, coefficient)) }
      sum = sum.map { node(isSubtracted ? LAMINA_SUBTRACT : LAMINA_ADD, $0, value) } ?? value
    }
    guard let sum else { return node(LAMINA_LITERAL, 0, dim.constant) }
    return dim.constant == 0 ? sum : node(LAMINA_ADD, sum, node(LAMINA_LITERAL, 0, dim.constant))
  }

  private mutating func node(_ atom: Dim.Atom) -> Int {
    switch atom {
    case .symbol(let name): node(LAMINA_SYMBOL, 0, symbolIndices[name] ?? 0)
    case .floorDiv(let a, let b): node(LAMINA_FLOOR_DIVIDE, node(a), node(b))
    case .mod(let a, let b): node(LAMINA_MODULO, node(a), node(b))
    case .min(let a, let b): node(LAMINA_MINIMUM, node(a), node(b))
    case .max(let a, let b): node(LAMINA_MAXIMUM, node(a), node(b))
    }
  }
}

/// The image's bytes as they grow: the header's room, then tables, each 8-byte aligned.
private struct Body {
  var bytes = [UInt8](repeating: 0, count: MemoryLayout<lamina_plan>.size)

  mutating func append<Element>(_ elements: [Element]) -> lamina_span {
    let span = lamina_span(offset: UInt32(clamping: bytes.count), count: UInt32(clamping: elements.count))
    elements.withUnsafeBytes { bytes.append(contentsOf: $0) }
    while bytes.count % 8 != 0 { bytes.append(0) }
    return span
  }

  mutating func store(_ header: lamina_plan) {
    bytes.withUnsafeMutableBytes { $0.storeBytes(of: header, as: lamina_plan.self) }
  }
}
