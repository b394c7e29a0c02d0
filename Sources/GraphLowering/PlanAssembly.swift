// SPDX-License-Identifier: Apache-2.0
// Building the plan: where every value lives, which kernels are the same, what each step is called with.

import GraphIR
import GraphSupport
import KernelIR
import PlanIR
import TensorCore

struct PlanAssembly {
  let options: LoweringOptions
  private let graph: Graph
  private var kernels: [Kernel] = []
  private var kernelNumbers: [Kernel: Int] = [:]
  private(set) var steps: [Plan.Step] = []
  private var variants: [Plan.Variant] = []
  /// For each step its kernel's call; nil for control steps.
  private var calls: [LoweredKernel?] = []
  private var buffers: [(name: String, byteCount: Dim)] = []
  /// Sizes that steps set.
  private var runtimeSymbols: [Plan.Symbol] = []
  private var names: Set<String>
  private var constants: [StoredConstant: Int] = [:]
  private var constantList: [(plan: Plan.Constant, source: ConstantSource)] = []
  private var weightsByteCount = 0
  /// Smaller constants are copied: a mapping costs as much as some pages.
  private static let leastMappedByteCount = 1 << 20

  /// A constant's memory: regions share it with the graph around them.
  private struct StoredConstant: Hashable {
    let storage: ObjectIdentifier
    let byteOffset: Int
    let type: TensorType
    let packing: Packing?
  }

  init(_ graph: Graph, _ options: LoweringOptions) {
    self.graph = graph
    self.options = options
    names = Set(graph.symbols.map(\.name))
    for symbol in graph.symbols {
      if let bound = symbol.bound { runtimeSymbols.append(Plan.Symbol(symbol.name, symbol.range, bound: bound)) }
    }
  }

  // MARK: Run-time sizes

  /// A size that steps set, under a name of its own.
  mutating func runtimeSymbol(near name: String, bound: Dim) throws -> String {
    let bound = try self.bound(bound)
    var number = names.count
    while names.contains("\(name)\(number)") { number += 1 }
    names.insert("\(name)\(number)")
    let high = bound.bounds(graph.ranges).high ?? Symbol.unbounded.upperBound
    runtimeSymbols.append(Plan.Symbol("\(name)\(number)", 0...max(0, high), bound: bound))
    return "\(name)\(number)"
  }

  /// What a size never exceeds, over sizes that the caller binds.
  func bound(_ dim: Dim) throws -> Dim {
    var bounds: [String: Dim] = [:]
    for symbol in runtimeSymbols { bounds[symbol.name] = symbol.bound }
    guard let bound = dim.upperBound(bounds) else {
      throw DiagnosticsError("unbounded-size", "no bound is known for the size \(dim), which is found while the model runs")
    }
    return bound
  }

  // MARK: Memory

  /// New memory in the arena.
  mutating func buffer(_ name: String, byteCount: Dim) throws -> Plan.Reference {
    buffers.append((name, try bound(byteCount)))
    return Plan.Reference(.arena(buffers.count - 1))
  }

  /// Where a value lives; it gets memory when it has none yet.
  mutating func place(_ value: ValueID, _ scope: LoweringScope) throws -> Plan.Reference {
    if let known = scope.places[value] { return known }
    let root = scope.state.memoryRoot(value)
    if let known = scope.places[root] { return known }
    if scope.state.isConstant(root) {
      return Plan.Reference(.constant(constantNumber(ConstantKey(value: root, packing: nil), scope.state)))
    }
    let type = scope.state.graph.type(root)
    let place = try buffer(scope.state.graph.displayName(root), byteCount: type.elementCount * Dim(type.dtype.size))
    scope.places[root] = place
    return place
  }

  private mutating func constantNumber(_ key: ConstantKey, _ state: LoweringState) -> Int {
    guard let tensor = state.constant(key.value) else { return 0 }
    let stored = StoredConstant(
      storage: ObjectIdentifier(tensor.storage), byteOffset: tensor.byteOffset, type: tensor.type, packing: key.packing)
    if let known = constants[stored] { return known }
    let count = key.packing?.elementCount ?? tensor.count
    let bytes = tensor.dtype.byteCount(count) ?? 0
    let isMapped =
      state.options.mapsConstants && key.packing == nil && tensor.storage.file != nil
      && bytes >= Self.leastMappedByteCount && tensor.byteOffset % tensor.dtype.size == 0
    let alignment = isMapped ? TensorStorage.pageSize : Plan.alignment
    func roundedUp(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
    let offset = isMapped ? roundedUp(weightsByteCount) + tensor.byteOffset % alignment : weightsByteCount
    weightsByteCount = roundedUp(offset + bytes)
    constantList.append(
      (
        Plan.Constant(
          state.graph.displayName(key.value), tensor.type, offset: offset, byteCount: bytes,
          packing: key.packing?.description),
        ConstantSource(
          tensor: tensor, packing: key.packing, offset: offset, byteCount: bytes, isMapped: isMapped)
      ))
    constants[stored] = constantList.count - 1
    return constantList.count - 1
  }

  // MARK: Steps

  /// The steps added from here on are for these sizes only.
  mutating func beginVariant(_ sizes: [String: Int]) { variants.append(Plan.Variant(sizes, firstStep: steps.count)) }

  mutating func add(_ lowered: LoweredKernel, label: String, _ scope: LoweringScope) throws {
    var references: [Plan.Reference] = []
    for argument in lowered.arguments {
      switch argument {
      case .constant(let key): references.append(Plan.Reference(.constant(constantNumber(key, scope.state))))
      case .value(let value): references.append(try place(value, scope))
      }
    }
    let scratch = lowered.kernel.scratch.reduce(0) { $0 + ($1.count * $1.dtype.size + 63) / 64 * 64 }
    // Named sizes are taken as small: an estimate too low only keeps work on one thread.
    let sizes = lowered.sizes.map { dim in dim.bounds(scope.state.graph.ranges).high.map { min($0, 64) } ?? 64 }
    steps.append(
      Plan.Step(
        kernel: kernelNumber(lowered.kernel), buffers: references, sizes: lowered.sizes, tiles: lowered.tiles,
        nanosecondsPerTile: KernelCost.estimate(lowered.kernel, sizes: sizes).nanoseconds, scratchBytes: Dim(scratch),
        label: label))
    calls.append(lowered)
  }

  /// Adds a step that controls others; returns its number, for `own`.
  mutating func add(_ control: Plan.Control, reading buffers: [Plan.Reference], tiles: Dim = 1, label: String) -> Int {
    steps.append(Plan.Step(control, buffers: buffers, tiles: tiles, label: label))
    calls.append(nil)
    return steps.count - 1
  }

  /// Replaces what a step controls, once it is known how many steps are its own.
  mutating func set(_ control: Plan.Control, of step: Int) { steps[step].control = control }

  /// A value that is an input, a constant, or in memory of its own already, to another place.
  mutating func add(_ copy: LoweringScope.Copy, _ scope: LoweringScope) throws {
    let type = scope.state.graph.type(copy.value)
    let kernelScope = KernelScope(scope.state)
    let axis = kernelScope.axis("i")
    let isConstant = scope.state.isConstant(copy.value)
    let source: Argument = isConstant ? .constant(ConstantKey(value: copy.value, packing: nil)) : .value(copy.value)
    let input = kernelScope.buffer(source, type.dtype, .read)
    // The target has no value in the graph; it is named by one beyond them.
    let target = ValueID(scope.state.graph.values.count)
    scope.places[target] = copy.place
    let result = kernelScope.buffer(.value(target), type.dtype, .write)
    let body = Statement.store(
      buffer: result, offset: .axis(axis), value: .load(input, type.dtype, at: .axis(axis)), guard: nil)
    let space = IndexSpace(axes: [(axis, type.elementCount)])
    try add(tiled(space, [body], kernelScope, name: "copy"), label: copy.label, scope)
  }

  /// Equal kernels are one.
  private mutating func kernelNumber(_ kernel: Kernel) -> Int {
    var anonymous = kernel
    anonymous.name = ""
    if let known = kernelNumbers[anonymous] { return known }
    kernelNumbers[anonymous] = kernels.count
    var named = kernel
    named.name = "\(kernel.name)_\(kernels.count)"
    kernels.append(named)
    return kernels.count - 1
  }

  // MARK: Finishing

  func finish() throws -> LoweredModel {
    var plan = Plan(
      name: graph.name,
      symbols: graph.symbols.filter { $0.bound == nil }.map { Plan.Symbol($0.name, $0.range) } + runtimeSymbols,
      inputs: graph.inputs.map { Plan.Port(graph[$0].name ?? "", graph.type($0)) },
      kernels: kernels.map(\.name))
    for output in graph.outputs {
      let type = graph.type(output.value)
      let capacity = try bound(type.elementCount)
      plan.outputs.append(Plan.Port(output.name, type, capacity: capacity == type.elementCount ? nil : capacity))
    }
    var lifetimes = BufferLifetimes(steps, byteCounts: buffers.map(\.byteCount))
    lifetimes.reuse(steps, calls)
    var numbers: [Int: Int] = [:]
    for (number, buffer) in buffers.enumerated() {
      guard lifetimes.owner(number) == number, let life = lifetimes.life(number) else { continue }
      numbers[number] = plan.buffers.count
      plan.buffers.append(
        Plan.Buffer(buffer.name, byteCount: buffer.byteCount, firstStep: life.lowerBound, lastStep: life.upperBound))
    }
    plan.steps = steps.map { step in
      var step = step
      for index in step.buffers.indices {
        guard case .arena(let number) = step.buffers[index].space else { continue }
        step.buffers[index].space = .arena(numbers[lifetimes.owner(number)] ?? 0)
      }
      return step
    }
    plan.variants = variants
    plan.constants = constantList.map(\.plan)
    plan.weightsByteCount = weightsByteCount
    plan.placeBuffers()
    return LoweredModel(
      plan: plan, kernels: kernels, constants: constantList.map(\.source), contractions: calls.map { $0?.contraction })
  }
}
