// SPDX-License-Identifier: Apache-2.0
// What must hold of a plan before anything is made from it.

import GraphSupport
import TensorCore

extension Plan {
  /// Every fault found; empty when the plan may be run. Overlap of live buffers is checked at `sampleDims`, so exactly
  /// when the plan has no symbols; placements from `placeBuffers` hold for all sizes.
  package func verify() -> [Diagnostic] {
    var verifier = PlanVerifier(plan: self)
    verifier.run()
    return verifier.found
  }
}

private struct PlanVerifier {
  let plan: Plan
  var found: [Diagnostic] = []
  let names: Set<String>
  /// Symbols that the caller binds.
  let callerNames: Set<String>
  /// Symbols that a step may set.
  let setNames: Set<String>

  init(plan: Plan) {
    self.plan = plan
    callerNames = Set(plan.callerSymbols.map(\.name))
    setNames = Set(plan.symbols.filter { $0.bound != nil }.map(\.name))
    names = Set(plan.symbols.map(\.name))
  }

  mutating func report(_ id: String, _ message: String) { found.append(Diagnostic(.error, "plan-\(id)", message)) }

  mutating func run() {
    unique(plan.symbols.map(\.name), "symbol")
    unique(plan.inputs.map(\.name), "input")
    unique(plan.outputs.map(\.name), "output")
    unique(plan.kernels, "kernel")
    unique(plan.metadata.map(\.key), "metadata key")
    for symbol in plan.symbols where symbol.range.lowerBound < 0 {
      report("symbol", "symbol '\(symbol.name)' starts at \(symbol.range.lowerBound), expected 0 or more")
    }
    if setNames.count + callerNames.count != plan.symbols.count {
      report("symbol", "a symbol that the caller binds comes after one that steps set")
    }
    for symbol in plan.symbols { if let bound = symbol.bound { check(bound, "'\(symbol.name)'", known: callerNames) } }
    for port in plan.inputs { check(port.type, "'\(port.name)'", known: callerNames) }
    for port in plan.outputs {
      check(port.type, "'\(port.name)'", known: port.capacity == nil ? callerNames : nil)
      if let capacity = port.capacity { check(capacity, "'\(port.name)'", known: callerNames) }
    }
    constants()
    buffers()
    for index in plan.steps.indices { step(index) }
    variants()
    if found.isEmpty { overlaps() }
  }

  private mutating func unique(_ names: [String], _ what: String) {
    var seen: Set<String> = []
    for name in names {
      if name.isEmpty { report("name", "a \(what) has no name") }
      if !seen.insert(name).inserted { report("name", "two \(what)s are called '\(name)'") }
    }
  }

  private mutating func check(_ type: TensorType, _ what: String, known: Set<String>? = nil) {
    for dim in type.shape { check(dim, what, known: known) }
  }

  private mutating func check(_ dim: Dim, _ what: String, known: Set<String>? = nil) {
    if !dim.isValid { report("size", "a size of \(what) leaves the range of Int") }
    if let value = dim.value, value < 0 { report("size", "a size of \(what) is \(value), expected 0 or more") }
    for name in dim.symbols.subtracting(known ?? names).sorted() {
      report(
        "size",
        "a size of \(what) uses '\(name)', which is not a symbol "
          + (known == nil ? "of the plan" : "that is known before the plan runs"))
    }
  }

  private mutating func constants() {
    if plan.weightsByteCount < 0 { report("constant", "the weights have \(plan.weightsByteCount) bytes") }
    for constant in plan.constants {
      let what = "constant '\(constant.name)'"
      check(constant.type, what)
      if constant.offset < 0 || constant.offset % constant.type.dtype.size != 0 {
        report("constant", "\(what) is at byte \(constant.offset), expected a multiple of its elements' size")
      } else if constant.byteCount < 0 || constant.offset > plan.weightsByteCount
        || constant.byteCount > plan.weightsByteCount - constant.offset
      {
        report(
          "constant",
          "\(what) has \(constant.byteCount) bytes at \(constant.offset), outside of the weights' "
            + "\(plan.weightsByteCount) bytes")
      }
    }
  }

  private mutating func buffers() {
    for buffer in plan.buffers {
      check(buffer.byteCount, "buffer '\(buffer.name)'", known: callerNames)
      if buffer.firstStep < 0 || buffer.lastStep < buffer.firstStep || buffer.lastStep >= plan.steps.count {
        report(
          "lifetime",
          "buffer '\(buffer.name)' lives from step \(buffer.firstStep) to \(buffer.lastStep) "
            + "of \(plan.steps.count) steps")
      }
    }
    if plan.bufferOrder == nil {
      report("placement", "the buffers lie on each other in a circle, or on one that does not exist")
    }
  }

  private mutating func step(_ index: Int) {
    let step = plan.steps[index]
    let what = "step \(index) '\(step.label)'"
    if let control = step.control {
      self.control(control, step, what)
    } else if !plan.kernels.indices.contains(step.kernel) {
      report("step", "\(what) calls kernel \(step.kernel) of \(plan.kernels.count)")
    }
    if !step.nanosecondsPerTile.isFinite || step.nanosecondsPerTile < 0 {
      report("step", "\(what) costs \(step.nanosecondsPerTile) ns a tile, expected a number from 0 up")
    }
    // Sizes given to a kernel may be negative (offsets, steps); tiles, scratch and byte offsets may not.
    for size in step.sizes where !size.isValid || !size.symbols.isSubset(of: names) {
      report("size", "\(what) passes the size '\(size)', which is out of range or uses an unknown symbol")
    }
    check(step.tiles, what)
    check(step.scratchBytes, what)
    for reference in step.buffers {
      check(reference.byteOffset, what)
      let count =
        switch reference.space {
        case .arena: plan.buffers.count
        case .constant: plan.constants.count
        case .input: plan.inputs.count
        case .output: plan.outputs.count
        }
      switch reference.space {
      case .arena(let number), .constant(let number), .input(let number), .output(let number):
        guard number >= 0, number < count else {
          report("reference", "\(what) refers to '\(reference.space)', there are \(count)")
          continue
        }
        if case .arena = reference.space {
          let buffer = plan.buffers[number]
          if index < buffer.firstStep || index > buffer.lastStep {
            report(
              "lifetime",
              "\(what) uses buffer '\(buffer.name)', which lives from step \(buffer.firstStep) to \(buffer.lastStep)")
          }
        }
      }
    }
  }

  private mutating func control(_ control: Plan.Control, _ step: Plan.Step, _ what: String) {
    var (symbols, references): ([String], Int) = ([], 1)
    switch control {
    case .loop(let body, let counter, let count, let limit, let condition, let next):
      symbols = [counter] + (count.map { [$0] } ?? [])
      references = [limit, condition, next].filter { $0 }.count
      if body < 0 { report("step", "\(what) has \(body) steps of its own") }
    case .branch(let then, let otherwise):
      if then < 0 || otherwise < 0 { report("step", "\(what) has \(then) and \(otherwise) steps of its own") }
    case .size(let symbol): symbols = [symbol]
    }
    for symbol in symbols where !setNames.contains(symbol) {
      report("step", "\(what) sets '\(symbol)', which is not a symbol that steps set")
    }
    if step.buffers.count != references {
      report("step", "\(what) reads \(step.buffers.count) values, expected \(references)")
    }
  }

  /// The steps of variants follow one another, and nothing lives or is nested across their ends.
  private mutating func variants() {
    var end = 0
    for (number, variant) in plan.variants.enumerated() {
      if variant.firstStep < end || variant.firstStep > plan.steps.count {
        report("variant", "variant \(number) starts at step \(variant.firstStep), expected \(end) to \(plan.steps.count)")
      }
      end = max(end, variant.firstStep)
      if variant.sizes.isEmpty { report("variant", "variant \(number) has no sizes") }
      for (name, size) in variant.sizes.sorted(by: { $0.key < $1.key }) {
        guard let symbol = plan.callerSymbols.first(where: { $0.name == name }) else {
          report("variant", "variant \(number) is for '\(name)', which is no symbol that the caller binds")
          continue
        }
        if !symbol.range.contains(size) {
          report("variant", "variant \(number) is for \(name) = \(size), which is outside its range")
        }
      }
    }
    let ranges = [plan.generalSteps] + plan.variants.indices.map { plan.steps(ofVariant: $0) }
    for range in ranges { nesting(range, depth: 0) }
    for buffer in plan.buffers where !plan.variants.isEmpty {
      if !ranges.contains(where: { $0.contains(buffer.firstStep) && $0.contains(buffer.lastStep) }) {
        report("variant", "buffer '\(buffer.name)' lives in the steps of several variants")
      }
    }
  }

  /// Loops and branches end within what holds them, and are nested as deep as the runtime takes.
  private mutating func nesting(_ range: Range<Int>, depth: Int) {
    if depth > Plan.nestingLimit { return report("step", "loops and branches are nested more than \(Plan.nestingLimit) deep") }
    var index = range.lowerBound
    while index < range.upperBound {
      let own = plan.steps[index].control?.stepCount ?? 0
      guard own >= 0, own < range.upperBound - index else {
        return report("step", "step \(index) has \(own) steps of its own, there are \(range.upperBound - index - 1)")
      }
      if case .branch(let then, _) = plan.steps[index].control, then >= 0, then <= own {
        nesting(index + 1..<index + 1 + then, depth: depth + 1)
        nesting(index + 1 + then..<index + 1 + own, depth: depth + 1)
      } else if own > 0 {
        nesting(index + 1..<index + 1 + own, depth: depth + 1)
      }
      index += 1 + own
    }
  }

  private mutating func overlaps() {
    let byStart = plan.buffers.indices.sorted { plan.buffers[$0].firstStep < plan.buffers[$1].firstStep }
    for dims in plan.sampleDims {
      // Sizes out of range are refused when they are bound; here they only leave this sample out.
      guard let places = plan.layout(dims)?.places else { continue }
      for (position, index) in byStart.enumerated() {
        for other in byStart[(position + 1)...] {
          if plan.buffers[other].firstStep > plan.buffers[index].lastStep { break }
          let (a, b) = (places[index], places[other])
          if a.byteCount > 0, b.byteCount > 0, a.offset < b.offset + b.byteCount, b.offset < a.offset + a.byteCount {
            let binding = dims.sorted { $0.key < $1.key }.map { " at \($0.key) = \($0.value)" }.joined()
            report(
              "overlap",
              "buffers '\(plan.buffers[index].name)' and '\(plan.buffers[other].name)' are live at once "
                + "and overlap\(binding)")
            return
          }
        }
      }
    }
  }
}
