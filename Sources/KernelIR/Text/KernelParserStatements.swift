// SPDX-License-Identifier: Apache-2.0
// Reading the statements of kernel text.

import TensorCore

extension KernelParser {
  /// `{`, statements at a line each (or separated by `;`), `}`.
  mutating func block() throws -> [Statement] {
    try nested { parser in
      try parser.expect("{")
      var statements: [Statement] = []
      while true {
        parser.skipLineEnds()
        if parser.take(";") { continue }
        if parser.take("}") { return statements }
        if let statement = try parser.statement() { statements.append(statement) }
        guard parser.next == .lineEnd || parser.next == .sign(";") || parser.next == .sign("}") else {
          throw parser.error("found \(parser.found), expected the end of the statement")
        }
      }
    }
  }

  /// One statement; nil for the definition of a shared expression.
  private mutating func statement() throws -> Statement? {
    switch next {
    case .sign("$"):
      let number = try sharedNumber()
      try expect("=")
      shared[number] = try expression()
      return nil
    case .sign("%"):
      let buffer = try usedBuffer()
      let (offset, condition) = try subscripts()
      try expect("=")
      return .store(buffer: buffer.index, offset: offset, value: try expression(), guard: condition)
    case .sign("("):
      return try accumulateIndex()
    case .word("for", false):
      position += 1
      return try loop()
    case .word("let", false):
      position += 1
      return try definition { .define($0, $1) }
    case .word("var", false):
      position += 1
      return try definition { .variable($0, $1) }
    case .word("if", false):
      position += 1
      let condition = try expression()
      let then = try block()
      return .branch(condition, then: then, else: take(word: "else") ? try block() : [])
    case .word("prefetch", false):
      position += 1
      let buffer = try usedBuffer()
      return .prefetch(buffer: buffer.index, offset: try subscripts().offset)
    case .word("while", false):
      position += 1
      return .repeatWhile(try expression(), try block())
    case .word("contract", false):
      position += 1
      return try contract()
    case .word:
      let local = try usedLocal()
      if take("=") { return .assign(local, try expression()) }
      return .accumulate(local, try combiner(), try expression())
    default:
      throw error("found \(found), expected a statement")
    }
  }

  private mutating func definition(_ make: (Local, Expr) -> Statement) throws -> Statement {
    let local = try definedLocal()
    try expect("=")
    return make(local, try expression())
  }

  private mutating func loop() throws -> Statement {
    let axis = try definedAxis()
    try expect(word: "in")
    let extent = try expression()
    var mode = LoopMode.serial
    if take(word: "unrolled") {
      mode = .unrolled
    } else if take(word: "vector") {
      try expect("(")
      mode = .vector(unroll: try integer())
      try expect(")")
    }
    return .loop(Loop(axis, extent, mode, try block()))
  }

  /// `+=`, `*=`, `max=`, ….
  private mutating func combiner() throws -> Combiner {
    if take("+=") { return .sum }
    if take("*=") { return .product }
    if case .word(let name, _) = next, let combiner = Combiner(rawValue: name), following == .sign("=") {
      position += 2
      return combiner
    }
    throw error("found \(found), expected '=' or a combination such as '+=' or 'max='")
  }

  private mutating func accumulateIndex() throws -> Statement {
    try expect("(")
    let value = try usedLocal()
    try expect(",")
    let index = try usedLocal()
    try expect(")")
    let combiner = try combiner()
    let e = try expression()
    try expect(word: "at")
    let at = try expression()
    return .accumulateIndex(value: value, index: index, combiner, e, at: at, lastIndex: take(word: "last"))
  }

  private mutating func contract() throws -> Statement {
    var accumulators = [try definedLocal()]
    while take(",") { accumulators.append(try definedLocal()) }
    try expect(word: "rows")
    let rowAxis = try definedAxis()
    try expect(word: "in")
    let rows = try expression()
    try expect(word: "columns")
    let columnAxis = try definedAxis()
    try expect(word: "in")
    let columns = try expression()
    try expect(word: "tile")
    try expect("(")
    let tileRows = try integer()
    try expect(",")
    let tileColumns = try integer()
    try expect(",")
    let unroll = try integer()
    var prefetches = false
    if take(",") {
      try expect(word: "prefetch")
      prefetches = true
    }
    try expect(")")
    try expect("{")
    skipLineEnds()
    try expect(word: "a")
    let a = try usedBuffer()
    let aOffset = try subscripts().offset
    skipLineEnds()
    try expect(word: "b")
    let bIsPacked = take(word: "packed")
    let bIsInterleaved = bIsPacked && take(word: "interleaved")
    let b = try usedBuffer()
    let bOffset = try subscripts().offset
    skipLineEnds()
    var depth: [DepthAxis] = []
    while take(word: "depth") {
      let extent = try expression()
      try expect(word: "step")
      try expect(word: "a")
      let aStride = try expression()
      try expect(",")
      try expect(word: "b")
      depth.append(DepthAxis(extent: extent, aStride: aStride, bStride: try expression()))
      skipLineEnds()
    }
    try expect("}")
    try expect(word: "epilogue")
    return .contract(
      Contract(
        rows: rows, columns: columns, depth: depth, rowAxis: rowAxis, columnAxis: columnAxis, a: a.index,
        aOffset: aOffset, b: b.index, bOffset: bOffset, bIsPacked: bIsPacked,
        bIsInterleaved: bIsInterleaved,
        tile: Contract.Tile(rows: tileRows, columns: tileColumns, unroll: unroll, prefetches: prefetches),
        accumulators: accumulators, epilogue: try block()))
  }
}
