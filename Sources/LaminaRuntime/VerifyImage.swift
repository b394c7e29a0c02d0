// SPDX-License-Identifier: Apache-2.0
// The checks that make a plan image safe to read: sizes, magic, checksum, and every offset and index in it.

import CLaminaRuntime

extension PlanImage {
  /// Throws unless everything that the accessors, `Context` and the C entry points follow stays inside the image.
  func verify(byteCount: Int) throws(RuntimeError) {
    let header = header
    guard header.magic == LAMINA_PLAN_MAGIC else { throw RuntimeError(LAMINA_BAD_IMAGE) }
    guard header.version == UInt32(LAMINA_PLAN_VERSION) else { throw RuntimeError(LAMINA_BAD_VERSION) }
    let isWhole =
      header.image_bytes == UInt64(byteCount) && header.alignment == UInt32(LAMINA_ALIGNMENT)
      && header.checksum == lamina_checksum(base, UInt64(byteCount)) && holds(header.name, byteCount)
      && holdsTable(header.metadata, lamina_metadata.self, byteCount)
      && holdsTable(header.symbols, lamina_symbol.self, byteCount)
      && holdsTable(header.inputs, lamina_port.self, byteCount)
      && holdsTable(header.outputs, lamina_port.self, byteCount)
      && holdsTable(header.constants, lamina_constant.self, byteCount)
      && holdsTable(header.buffers, lamina_buffer.self, byteCount)
      && holdsTable(header.steps, lamina_step.self, byteCount)
      && holdsTable(header.kernels, lamina_span.self, byteCount)
      && holdsTable(header.expressions, lamina_expression.self, byteCount)
      && holdsTable(header.references, lamina_reference.self, byteCount)
      && holdsTable(header.indices, UInt32.self, byteCount)
      && holdsTable(header.variants, lamina_variant.self, byteCount)
    // The tables' own bounds come first: what follows reads them.
    guard isWhole, verifyExpressions(), verifyNames(byteCount), verifyPorts(byteCount), verifyBuffers(byteCount),
      verifySteps(byteCount), verifySymbols(), verifyVariants()
    else { throw RuntimeError(LAMINA_BAD_IMAGE) }
  }

  private func holds(_ text: lamina_span, _ byteCount: Int) -> Bool {
    Int(text.offset) <= byteCount && Int(text.count) <= byteCount - Int(text.offset)
  }

  private func holdsTable<Element>(_ span: lamina_span, _: Element.Type, _ byteCount: Int) -> Bool {
    span.offset % 8 == 0 && Int(span.offset) <= byteCount
      && Int(span.count) <= (byteCount - Int(span.offset)) / MemoryLayout<Element>.stride
  }

  private func verifyExpressions() -> Bool {
    let symbolCount = Int64(symbols.count)
    var index: Int64 = 0
    for expression in expressions {
      switch lamina_operation(expression.operation) {
      case LAMINA_LITERAL: break
      case LAMINA_SYMBOL:
        guard expression.right >= 0, expression.right < symbolCount else { return false }
      default:
        guard expression.operation < LAMINA_OPERATION_END.rawValue, Int64(expression.left) < index,
          expression.right >= 0, expression.right < index
        else { return false }
      }
      index &+= 1
    }
    return true
  }

  private func verifyNames(_ byteCount: Int) -> Bool {
    for item in metadata where !holds(item.key, byteCount) || !holds(item.value, byteCount) { return false }
    for name in kernels where !holds(name, byteCount) { return false }
    for symbol in symbols where !holds(symbol.name, byteCount) || symbol.low < 0 || symbol.high < symbol.low {
      return false
    }
    return true
  }

  /// Whether a list lies in the table of indices and each element is below `limit`.
  private func holds(_ list: lamina_list, below limit: Int) -> Bool {
    let indices = indices
    guard Int(list.first) <= indices.count, Int(list.count) <= indices.count - Int(list.first) else { return false }
    for index in indices[Int(list.first)..<Int(list.first) + Int(list.count)] where Int(index) >= limit {
      return false
    }
    return true
  }

  private func verifyPorts(_ byteCount: Int) -> Bool {
    func isPort(_ port: lamina_port) -> Bool {
      holds(port.name, byteCount) && isShape(port.shape, port.dtype) && Int(port.capacity) < expressions.count
    }
    func isShape(_ shape: lamina_list, _ dtype: UInt32) -> Bool {
      dtype >= LAMINA_F32.rawValue && dtype < LAMINA_DTYPE_END.rawValue && shape.count <= 64
        && holds(shape, below: expressions.count)
    }
    for port in inputs where !isPort(port) { return false }
    for port in outputs where !isPort(port) { return false }
    let weights = header.weights_bytes
    for constant in constants {
      // A constant that its file gives in place stands where the file has it, at a multiple of its element's size.
      guard holds(constant.name, byteCount), isShape(constant.shape, constant.dtype),
        constant.offset % UInt64((PlanImage.bits(constant.dtype) &+ 7) / 8) == 0, constant.offset <= weights,
        constant.bytes <= weights - constant.offset
      else { return false }
    }
    return true
  }

  private func verifyBuffers(_ byteCount: Int) -> Bool {
    var index = 0
    // Lists may not share indices, or a small image could make work for hours.
    var listed = 0
    for buffer in buffers {
      listed &+= Int(buffer.below.count)
      guard holds(buffer.name, byteCount), listed <= indices.count, holds(buffer.below, below: index),
        Int(buffer.bytes) < expressions.count, buffer.first_step <= buffer.last_step,
        Int(buffer.last_step) < steps.count
      else { return false }
      index &+= 1
    }
    return true
  }

  /// Whether a symbol is one that steps set.
  private func isSet(_ symbol: UInt32) -> Bool {
    Int(symbol) < symbols.count && symbols[Int(symbol)].bound != UInt32.max
  }

  /// Whether a step's kernel or symbols exist, and it has the references that its kind reads.
  private func isControlled(_ step: lamina_step) -> Bool {
    let count = step.references.count
    switch lamina_step_kind(step.kind) {
    case LAMINA_CALL: return Int(step.kernel) < kernels.count
    case LAMINA_LOOP:
      let operands = step.operands
      return isSet(step.kernel) && (step.count == UInt32.max || isSet(step.count)) && operands < 8
        && count == (operands & 1) &+ (operands >> 1 & 1) &+ (operands >> 2)
    case LAMINA_BRANCH: return count == 1
    case LAMINA_SIZE: return count == 1 && isSet(step.kernel)
    default: return false
    }
  }

  /// Symbols that the caller binds come first, and what follows from the others exists.
  private func verifySymbols() -> Bool {
    let callers = callerSymbolCount
    var number = 0
    var listed = 0
    for symbol in symbols {
      if number < callers {
        if symbol.bound != UInt32.max { return false }
      } else {
        listed &+= Int(symbol.expressions.count) &+ Int(symbol.references.count) &+ Int(symbol.steps.count)
        guard Int(symbol.bound) < expressions.count, listed <= indices.count,
          holds(symbol.expressions, below: expressions.count), holds(symbol.references, below: references.count),
          holds(symbol.steps, below: steps.count)
        else { return false }
      }
      number &+= 1
    }
    // A bound is evaluated before the symbols that it bounds.
    var index: UInt32 = 0
    for expression in expressions {
      if expression.operation == LAMINA_SYMBOL.rawValue, Int(expression.right) >= callers,
        symbols[Int(expression.right)].bound >= index
      { return false }
      index &+= 1
    }
    return true
  }

  /// Whether variants' steps follow one another to the end, with a size for each symbol that the caller binds.
  private func verifyVariants() -> Bool {
    var end = variants.isEmpty ? steps.count : Int(variants[0].first_step)
    guard end <= steps.count, verifyNesting(0, end, depth: 0) else { return false }
    var listed = 0
    for variant in variants {
      listed &+= Int(variant.dims.count)
      guard Int(variant.first_step) == end, Int(variant.step_count) <= steps.count &- end,
        Int(variant.dims.count) == callerSymbolCount, listed <= indices.count,
        holds(variant.dims, below: expressions.count),
        verifyNesting(end, end &+ Int(variant.step_count), depth: 0)
      else { return false }
      end &+= Int(variant.step_count)
    }
    return end == steps.count
  }

  /// Whether loops and branches end within what holds them, nested no deeper than a run follows.
  private func verifyNesting(_ first: Int, _ end: Int, depth: Int) -> Bool {
    if depth > Int(LAMINA_NESTING_LIMIT) { return false }
    var index = first
    while index < end {
      let step = steps[index]
      index &+= 1
      let kind = lamina_step_kind(step.kind)
      if kind != LAMINA_LOOP && kind != LAMINA_BRANCH { continue }
      let (body, otherwise) = (Int(step.body), kind == LAMINA_BRANCH ? Int(step.otherwise) : 0)
      guard body <= end &- index, otherwise <= end &- index &- body,
        verifyNesting(index, index &+ body, depth: depth &+ 1),
        verifyNesting(index &+ body, index &+ body &+ otherwise, depth: depth &+ 1)
      else { return false }
      index = index &+ body &+ otherwise
    }
    return true
  }

  private func verifySteps(_ byteCount: Int) -> Bool {
    let (expressionCount, references) = (expressions.count, references)
    for reference in references {
      let count: Int
      switch lamina_space(reference.space) {
      case LAMINA_ARENA: count = buffers.count
      case LAMINA_CONSTANT: count = constants.count
      case LAMINA_INPUT: count = inputs.count
      case LAMINA_OUTPUT: count = outputs.count
      default: return false
      }
      guard Int(reference.index) < count, Int(reference.offset) < expressionCount else { return false }
    }
    var listed = 0
    for step in steps {
      listed &+= Int(step.sizes.count)
      guard holds(step.label, byteCount), isControlled(step), Int(step.tiles) < expressionCount,
        Int(step.scratch) < expressionCount, listed <= indices.count, holds(step.sizes, below: expressionCount),
        Int(step.references.first) <= references.count,
        Int(step.references.count) <= references.count - Int(step.references.first)
      else { return false }
    }
    return true
  }
}
