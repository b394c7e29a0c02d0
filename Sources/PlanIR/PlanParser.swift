// SPDX-License-Identifier: Apache-2.0
// Reads the text that `Plan.description` prints.

import GraphSupport
import TensorCore

extension Plan {
  /// Parses `.plan` text. The result is well formed, not yet verified; call `verify()` before using it.
  package init(parsing source: SourceText) throws(DiagnosticsError) {
    var scanner = PlanScanner(source)
    try scanner.expect("plan")
    self.init(name: try scanner.string())
    while !scanner.isAtEnd { try readDeclaration(&scanner) }
  }

  private mutating func readDeclaration(_ scanner: inout PlanScanner) throws(DiagnosticsError) {
    if scanner.takes("metadata") {
      metadata.append(Metadata(try scanner.string(), try scanner.string()))
    } else if scanner.takes("symbol") {
      let name = try scanner.word("a name")
      let low = try scanner.integer()
      try scanner.expect("...")
      let high = try scanner.integer()
      guard low <= high else {
        throw scanner.failure(expected: "a range '\(low)...' whose end is not below, before this")
      }
      var symbol = Symbol(name, low...high)
      if scanner.takes("up") {
        try scanner.expect("to")
        symbol.bound = try scanner.dim()
      }
      symbols.append(symbol)
    } else if scanner.takes("input") {
      try scanner.expect("\(inputs.count)")
      inputs.append(Port(try scanner.string(), try scanner.type()))
    } else if scanner.takes("output") {
      try scanner.expect("\(outputs.count)")
      var port = Port(try scanner.string(), try scanner.type())
      if scanner.takes("room") {
        try scanner.expect("for")
        port.capacity = try scanner.dim()
      }
      outputs.append(port)
    } else if scanner.takes("weights") {
      weightsByteCount = try scanner.integer()
    } else if scanner.takes("constant") {
      try scanner.expect("\(constants.count)")
      let (name, type) = (try scanner.string(), try scanner.type())
      try scanner.expect("at")
      let offset = try scanner.integer()
      try scanner.expect("bytes")
      var constant = Constant(name, type, offset: offset, byteCount: try scanner.integer())
      if scanner.takes("packed") { constant.packing = try scanner.string() }
      constants.append(constant)
    } else if scanner.takes("buffer") {
      try scanner.expect("\(buffers.count)")
      buffers.append(try Plan.buffer(&scanner))
    } else if scanner.takes("kernel") {
      try scanner.expect("\(kernels.count)")
      kernels.append(try scanner.string())
    } else if scanner.takes("step") {
      try scanner.expect("\(steps.count)")
      steps.append(try Plan.step(&scanner))
    } else if scanner.takes("variant") {
      try scanner.expect("from")
      var variant = Variant([:], firstStep: try scanner.integer())
      try scanner.expect("sizes")
      try scanner.expect("(")
      let sizes = try scanner.list(")") { (scanner) throws(DiagnosticsError) in
        (name: try scanner.word("a symbol"), size: try scanner.integer())
      }
      for (name, size) in sizes { variant.sizes[name] = size }
      variants.append(variant)
    } else {
      throw scanner.failure(
        expected: "one of metadata symbol input output weights constant buffer kernel step variant")
    }
  }

  private static func buffer(_ scanner: inout PlanScanner) throws(DiagnosticsError) -> Buffer {
    let name = try scanner.string()
    try scanner.expect("bytes")
    let byteCount = try scanner.dim()
    try scanner.expect("live")
    let first = try scanner.integer()
    try scanner.expect("to")
    var buffer = Buffer(name, byteCount: byteCount, firstStep: first, lastStep: try scanner.integer())
    if scanner.takes("above") {
      repeat { buffer.below.append(try scanner.integer()) } while scanner.takes(",")
    }
    return buffer
  }

  private static func step(_ scanner: inout PlanScanner) throws(DiagnosticsError) -> Step {
    if let control = try control(&scanner) {
      try scanner.expect("(")
      let buffers = try scanner.list(")") { (scanner) throws(DiagnosticsError) in try reference(&scanner) }
      let tiles = scanner.takes("times") ? try scanner.dim() : 1
      try scanner.expect("label")
      return Step(control, buffers: buffers, tiles: tiles, label: try scanner.string())
    }
    try scanner.expect("kernel")
    let kernel = try scanner.integer()
    try scanner.expect("(")
    let buffers = try scanner.list(")") { (scanner) throws(DiagnosticsError) in try reference(&scanner) }
    try scanner.expect("sizes")
    try scanner.expect("(")
    let sizes = try scanner.list(")") { (scanner) throws(DiagnosticsError) in try scanner.dim() }
    try scanner.expect("tiles")
    let tiles = try scanner.dim()
    try scanner.expect("nanoseconds")
    let cost = try scanner.decimal()
    try scanner.expect("scratch")
    let scratch = try scanner.dim()
    try scanner.expect("label")
    return Step(
      kernel: kernel, buffers: buffers, sizes: sizes, tiles: tiles, nanosecondsPerTile: cost, scratchBytes: scratch,
      label: try scanner.string())
  }

  private static func control(_ scanner: inout PlanScanner) throws(DiagnosticsError) -> Control? {
    if scanner.takes("loop") {
      let body = try scanner.integer()
      try scanner.expect("counter")
      let counter = try scanner.word("a symbol")
      let count = scanner.takes("count") ? try scanner.word("a symbol") : nil
      return .loop(
        body: body, counter: counter, count: count, limit: scanner.takes("limit"),
        condition: scanner.takes("condition"), next: scanner.takes("next"))
    }
    if scanner.takes("branch") {
      let then = try scanner.integer()
      try scanner.expect("else")
      return .branch(then: then, otherwise: try scanner.integer())
    }
    return scanner.takes("size") ? .size(try scanner.word("a symbol")) : nil
  }

  private static func reference(_ scanner: inout PlanScanner) throws(DiagnosticsError) -> Reference {
    let space: Space
    if scanner.takes("arena") {
      space = .arena(try scanner.integer())
    } else if scanner.takes("constant") {
      space = .constant(try scanner.integer())
    } else if scanner.takes("input") {
      space = .input(try scanner.integer())
    } else if scanner.takes("output") {
      space = .output(try scanner.integer())
    } else {
      throw scanner.failure(expected: "one of arena constant input output")
    }
    return Reference(space, byteOffset: scanner.takes("at") ? try scanner.dim() : 0)
  }
}
