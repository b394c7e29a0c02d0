// SPDX-License-Identifier: Apache-2.0
// Building one kernel: its parameters, sizes and names, and pulling element expressions through producers.

import GraphIR
import KernelIR
import PlanIR
import TensorCore

/// What a kernel parameter stands for.
enum Argument: Hashable {
  case value(ValueID)
  case constant(ConstantKey)
}

/// A constant as kernels read it.
struct ConstantKey: Hashable {
  /// The value of the constant node.
  let value: ValueID
  /// How it is packed for a contraction; nil for row-major.
  let packing: Packing?
}

/// A kernel under construction.
final class KernelScope {
  let context: LoweringState
  private(set) var parameters: [Kernel.Parameter] = []
  private(set) var arguments: [Argument] = []
  private(set) var scratch: [Kernel.Scratch] = []
  private(set) var sizeNames: [String] = []
  private var nextID = 0
  /// Values that the kernel holds already, as functions of their index.
  var bound: [ValueID: (_ index: [Expr]) -> Expr] = [:]
  private var memo: [PullKey: Expr] = [:]

  private struct PullKey: Hashable {
    let value: ValueID
    let index: [Expr]
    let condition: Expr?
  }

  init(_ context: LoweringState) { self.context = context }

  // MARK: Names

  func axis(_ name: String) -> Axis {
    nextID += 1
    return Axis(id: nextID, name: name)
  }

  func local(_ name: String, _ dtype: DType) -> Local {
    nextID += 1
    return Local(id: nextID, name: name, dtype: dtype)
  }

  var lastID: Int { nextID }

  /// A size as an index expression over the kernel's run-time sizes.
  func size(_ dim: Dim) -> Expr {
    if let value = dim.value { return .int(value) }
    var sum = Expr.int(dim.constant)
    for term in dim.terms {
      var product = Expr.int(term.coefficient)
      for atom in term.factors { product = atomExpr(atom) * product }
      sum = product + sum
    }
    return sum
  }

  private func atomExpr(_ atom: Dim.Atom) -> Expr {
    switch atom {
    case .symbol(let name):
      if let index = sizeNames.firstIndex(of: name) { return .size(index) }
      sizeNames.append(name)
      return .size(sizeNames.count - 1)
    case .floorDiv(let a, let b): return .floorDiv(size(a), size(b))
    case .mod(let a, let b): return .mod(size(a), size(b))
    case .min(let a, let b): return .min(size(a), size(b))
    case .max(let a, let b): return .max(size(a), size(b))
    }
  }

  func sizes(_ shape: [Dim]) -> [Expr] { shape.map(size) }

  // MARK: Buffers

  /// The buffer number of what the kernel reads or writes.
  func buffer(_ argument: Argument, _ dtype: DType, _ access: Kernel.Access) -> Int {
    if let index = arguments.firstIndex(of: argument) {
      if parameters[index].access != access { parameters[index].access = .readWrite }
      return index
    }
    let letter = access == .read ? "x" : "y"
    parameters.append(Kernel.Parameter("\(letter)\(arguments.count)", dtype, access))
    arguments.append(argument)
    return arguments.count - 1
  }

  /// Per-thread memory; its number is fixed only when all parameters are known, so it is negative until `finish`.
  func addScratch(_ name: String, _ dtype: DType, count: Int) -> Int {
    scratch.append(Kernel.Scratch(name, dtype, count: count))
    return -scratch.count
  }

  // MARK: Pulling

  /// The element of a value at an index: from a local, from its buffer, or computed here.
  func pull(_ value: ValueID, at index: [Expr], where condition: Expr? = nil) -> Expr {
    if let known = bound[value] { return known(index) }
    let type = context.graph.type(value)
    if let node = context.graph.producer(value), let constant = node.operation as? Constant {
      if type.elementCount == 1, type.dtype != .u64 {
        return .constant(constant.value.tensor.double(0), type.dtype)
      }
      let number = buffer(.constant(ConstantKey(value: value, packing: nil)), type.dtype, .read)
      return load(number, type, index, condition)
    }
    if context.isStored(value) { return loadStored(value, index, condition) }
    return compute(value, at: index, where: condition)
  }

  private func load(_ number: Int, _ type: TensorType, _ index: [Expr], _ condition: Expr?) -> Expr {
    .load(number, type.dtype, at: flatOffset(index, sizes(type.shape)), guard: condition)
  }

  private func loadStored(_ value: ValueID, _ index: [Expr], _ condition: Expr?) -> Expr {
    let (number, offset) = element(of: value, at: index, .read)
    return .load(number, context.graph.type(value).dtype, at: offset, guard: condition)
  }

  /// The buffer that a stored value is in, and the offset there of its element at an index.
  func element(of value: ValueID, at index: [Expr], _ access: Kernel.Access) -> (buffer: Int, offset: Expr) {
    let memory = context.memory(of: value)
    let number = buffer(.value(memory.whole), context.graph.type(value).dtype, access)
    let inside = zip(index, memory.start).map { $1 == 0 ? $0 : $0 + size($1) }
    return (number, flatOffset(inside, sizes(context.graph.type(memory.whole).shape)))
  }

  /// The element of a value computed from its producer's operands, even where the value is stored.
  func compute(_ value: ValueID, at index: [Expr], where condition: Expr? = nil) -> Expr {
    let key = PullKey(value: value, index: index, condition: condition)
    if let known = memo[key] { return known }
    guard let id = context.graph[value].producer else { return .int(0) }
    let node = context.graph[id]
    let result: Expr
    switch context.lowerings[id.index] {
    case .reshape:
      guard let source = node.operands[0] else { return .int(0) }
      let from = context.graph.type(source).shape
      let to = context.graph.type(value).shape
      result = pull(source, at: reshapeIndex(index, from: from, to: to, size: size), where: condition)
    case .pointwise(let body):
      let place = node.results.firstIndex(of: value) ?? 0
      result = body(pullContext(node, condition), index)[place]
    default:
      // The fusion decisions store everything else.
      result = loadStored(value, index, condition)
    }
    memo[key] = result
    return result
  }

  /// Values of the kernel's own nodes are computed here wherever they are read, though others read them from memory.
  func bindMembers(_ nodes: some Sequence<NodeID>) {
    for node in nodes {
      for value in context.graph[node].results where bound[value] == nil {
        bound[value] = { [unowned self] index in compute(value, at: index) }
      }
    }
  }

  /// What a lowering's closures read through.
  func pullContext(_ node: Node, _ condition: Expr? = nil) -> PullContext {
    PullContext(types: context.graph.types(node), dim: size) { [self] operand, index, inner in
      guard let source = node.operands[operand] else { return .int(0) }
      let both = condition.map { outer in inner.map { outer && $0 } ?? outer } ?? inner
      return pull(source, at: index, where: both)
    }
  }

  /// Expressions memoised under other bindings are forgotten.
  func forgetPulled() { memo.removeAll() }

  // MARK: Finishing

  /// Results that no cache holds until they are read again are stored past the caches.
  private func streaming(_ parameters: [Kernel.Parameter]) -> [Kernel.Parameter] {
    zip(parameters, arguments).map { parameter, argument in
      guard parameter.access == .write, case .value(let value) = argument, isLargerThanCaches(value) else { return parameter }
      var parameter = parameter
      parameter.isStreamed = true
      return parameter
    }
  }

  /// Whether a tensor of known size is so large that little of it is in a cache when it is read next.
  func isLargerThanCaches(_ value: ValueID) -> Bool {
    guard value.index < context.graph.values.count else { return false }
    let type = context.graph.type(value)
    return type.elementCount.value.map { $0 >= Self.cachedByteCount / max(1, type.dtype.size) } ?? false
  }

  private static let cachedByteCount = 16 << 20

  /// The finished kernel: indices simplified, scratch numbered after the parameters.
  func finish(name: String, tileAxis: Axis, tiles: Expr, body: [Statement]) -> Kernel {
    let count = parameters.count
    var numbering = Substitution(
      buffers: Dictionary(uniqueKeysWithValues: scratch.indices.map { (-1 - $0, count + $0) }))
    let numbered = scratch.isEmpty ? body : numbering(body)
    let kernel = Kernel(
      name: name, parameters: streaming(parameters), scratch: scratch, sizes: sizeNames.indices.map { "s\($0)" },
      tileAxis: tileAxis, tiles: tiles, body: numbered)
    return KernelPasses.hoistInvariants(KernelPasses.simplifyIndices(kernel))
  }
}
