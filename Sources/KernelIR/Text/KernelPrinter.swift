// SPDX-License-Identifier: Apache-2.0
// Kernels as text. Equal kernels give equal text; `KernelParser` reads it back.

/// Writes kernel text:
/// ```
/// kernel softmax(%x: f32 read, %y: f32 write; n) tiles t in n {
///   var m: f32 = -inf
///   for j in 768 vector(4) {
///     m max= %x[t * 768 + j]
///   }
/// }
/// ```
package struct KernelPrinter {
  private let names: KernelNames
  private var expressions: ExprPrinter
  private var lines: [String] = []
  private var indent = ""

  /// The text of a kernel, ending in a newline.
  package static func print(_ kernel: Kernel) -> String {
    var printer = KernelPrinter(kernel)
    printer.printKernel(kernel)
    return printer.lines.joined(separator: "\n") + "\n"
  }

  /// One statement's first line, for messages about it.
  package static func summary(_ statement: Statement, of kernel: Kernel) -> String {
    var printer = KernelPrinter(kernel)
    var head = statement.map(expressions: { $0 }, bodies: { _ in [] })
    if case .contract(var contract) = head {
      contract.depth = []
      head = .contract(contract)
    }
    printer.printStatement(head)
    let line = printer.lines.first { !$0.hasPrefix("$") } ?? ""
    return line.hasSuffix(" {") ? String(line.dropLast(2)) : line
  }

  /// An expression of a kernel, for messages about it.
  package static func text(_ expression: Expr, of kernel: Kernel) -> String {
    ExprPrinter(KernelNames(kernel)).print(expression)
  }

  private init(_ kernel: Kernel) {
    names = KernelNames(kernel)
    expressions = ExprPrinter(names)
  }

  private mutating func line(_ text: String) { lines.append(indent + text) }

  private mutating func printKernel(_ kernel: Kernel) {
    let parameters = kernel.parameters.enumerated().map {
      "\(names.buffer($0.offset)): \($0.element.dtype) \($0.element.access.rawValue)"
        + ($0.element.isStreamed ? " streamed" : "")
    }
    var head = "kernel \(KernelNames.quoted(kernel.name))(\(parameters.joined(separator: ", "))"
    if !kernel.sizes.isEmpty {
      head += "; " + kernel.sizes.indices.map(names.size).joined(separator: ", ")
    }
    head += ")"
    if !kernel.scratch.isEmpty {
      let scratch = kernel.scratch.enumerated().map {
        "\(names.buffer(kernel.parameters.count + $0.offset)): \($0.element.dtype)[\($0.element.count)]"
      }
      head += " scratch(\(scratch.joined(separator: ", ")))"
    }
    line("\(head) tiles \(names.text(kernel.tileAxis)) in \(expressions.print(kernel.tiles)) {")
    printBody(kernel.body)
    line("}")
  }

  private mutating func printBody(_ statements: [Statement]) {
    let outer = indent
    indent += "  "
    for statement in statements { printStatement(statement) }
    indent = outer
  }

  private mutating func printStatement(_ statement: Statement) {
    for definition in expressions.share(statement.expressions) { line(definition) }
    switch statement {
    case .loop(let loop):
      line("for \(names.text(loop.axis)) in \(expressions.print(loop.extent))\(Self.text(loop.mode)) {")
      printBody(loop.body)
      line("}")
    case .define(let local, let value):
      line("let \(names.text(local)): \(local.dtype) = \(expressions.print(value))")
    case .variable(let local, let value):
      line("var \(names.text(local)): \(local.dtype) = \(expressions.print(value))")
    case .assign(let local, let value):
      line("\(names.text(local)) = \(expressions.print(value))")
    case .accumulate(let local, let combiner, let value):
      line("\(names.text(local)) \(combiner.assignment) \(expressions.print(value))")
    case .accumulateIndex(let value, let index, let combiner, let e, let at, let last):
      line(
        "(\(names.text(value)), \(names.text(index))) \(combiner.assignment) \(expressions.print(e)) at "
          + expressions.print(at) + (last ? " last" : ""))
    case .store(let buffer, let offset, let value, let condition):
      line("\(expressions.element(buffer, offset, condition)) = \(expressions.print(value))")
    case .prefetch(let buffer, let offset): line("prefetch \(expressions.element(buffer, offset, nil))")
    case .branch(let condition, let then, let otherwise):
      line("if \(expressions.print(condition)) {")
      printBody(then)
      if !otherwise.isEmpty {
        line("} else {")
        printBody(otherwise)
      }
      line("}")
    case .repeatWhile(let condition, let body):
      line("while \(expressions.print(condition)) {")
      printBody(body)
      line("}")
    case .contract(let contract):
      printContract(contract)
    }
  }

  private mutating func printContract(_ c: Contract) {
    let tile = "tile(\(c.tile.rows), \(c.tile.columns), \(c.tile.unroll)\(c.tile.prefetches ? ", prefetch" : ""))"
    let sums = c.accumulators.map { "\(names.text($0)): \($0.dtype)" }.joined(separator: ", ")
    line(
      "contract \(sums) rows \(names.text(c.rowAxis)) in "
        + "\(expressions.print(c.rows)) columns \(names.text(c.columnAxis)) in \(expressions.print(c.columns)) \(tile) {"
    )
    indent += "  "
    line("a \(expressions.element(c.a, c.aOffset, nil))")
    let layout = c.bIsInterleaved ? "packed interleaved " : c.bIsPacked ? "packed " : ""
    line("b \(layout)\(expressions.element(c.b, c.bOffset, nil))")
    for axis in c.depth {
      line(
        "depth \(expressions.print(axis.extent)) step a \(expressions.print(axis.aStride)), "
          + "b \(expressions.print(axis.bStride))")
    }
    indent.removeLast(2)
    line("} epilogue {")
    printBody(c.epilogue)
    line("}")
  }

  private static func text(_ mode: LoopMode) -> String {
    switch mode {
    case .serial: ""
    case .unrolled: " unrolled"
    case .vector(let unroll): " vector(\(unroll))"
    }
  }
}
