// SPDX-License-Identifier: Apache-2.0
// Sums over decision trees.

import GraphIR
import KernelIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// A node leads to a node or, where its flag says so, to a leaf. A node that tests for membership is a chain of tests
/// for equality here. NaN fails every test unless the node says that it passes.
package struct TreeEnsemble: Operation {
  package static let name = "TreeEnsemble"
  package static let summary =
    "For each row the leaves that decision trees lead to, summed by target (or mean, min, max)."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("tree_roots", \.roots, "the first node of each tree"),
      Attribute("nodes_featureids", \.features, "for each node the column it tests"),
      Attribute("nodes_splits", \.splits, "for each node what it compares with"),
      Attribute(
        "nodes_modes", \.modes, "for each node the test: 0 ≤, 1 <, 2 ≥, 3 >, 4 =, 5 ≠, 6 in `membership_values`"),
      Attribute("nodes_truenodeids", \.passed, "where each node leads when its test passes"),
      Attribute("nodes_trueleafs", \.passedLeaves, "whether that is a leaf"),
      Attribute("nodes_falsenodeids", \.failed, "where each node leads when its test fails"),
      Attribute("nodes_falseleafs", \.failedLeaves, "whether that is a leaf"),
      Attribute("nodes_missing_value_tracks_true", \.missing, "for each node whether NaN passes"),
      Attribute("membership_values", \.members, "the values of each node of mode 6, each list ended by NaN"),
      Attribute("leaf_targetids", \.targets, "for each leaf its target"),
      Attribute("leaf_weights", \.weights, "for each leaf its weight"),
      Attribute("n_targets", \.targetCount, "the number of targets"),
      Attribute("aggregate_function", \.aggregate, "0 mean, 1 sum, 2 smallest, 3 largest"),
      Attribute("post_transform", \.transform, "0 none, 1 softmax, 2 logistic"),
      Attribute("nodes_hitrates", \.hitRates, "a hint without meaning here"),
    ]
  }
  package var roots: [Int] = []
  package var features: [Int] = []
  package var splits: SharedTensor?
  package var modes: SharedTensor?
  package var passed: [Int] = []
  package var passedLeaves: [Int] = []
  package var failed: [Int] = []
  package var failedLeaves: [Int] = []
  package var missing: [Int] = []
  package var members: SharedTensor?
  package var targets: [Int] = []
  package var weights: SharedTensor?
  package var targetCount = 1
  package var aggregate = 1
  package var transform = 0
  package var hitRates: SharedTensor?
  package init() {}

  /// Trees of simple tests. Places from `tests.count` on are leaves.
  private struct Trees {
    struct Test {
      var feature: Int
      var split: Double
      var mode: Int
      var passed, failed: Int
      var nanPasses: Bool
    }
    var tests: [Test]
    var depth: Int
  }

  /// Every step of the walk is a step of the graph.
  private static let depthLimit = 256

  private func trees(columns: Dim) throws(TypeError) -> Trees {
    let (count, leaves) = (features.count, targets.count)
    guard let splits = splits?.tensor, let modes = modes?.tensor, let weights = weights?.tensor, splits.dtype.isFloat,
      weights.dtype.isFloat, splits.count == count, modes.count == count, weights.count == leaves, leaves > 0,
      passed.count == count, failed.count == count, passedLeaves.count == count, failedLeaves.count == count,
      missing.isEmpty || missing.count == count, !roots.isEmpty
    else { throw TypeError("the lists of 'TreeEnsemble' must have one entry for each node, or for each leaf") }
    guard targetCount > 0, targets.allSatisfy({ (0..<targetCount).contains($0) }), (0...3).contains(aggregate),
      (0...2).contains(transform), features.allSatisfy({ $0 >= 0 }),
      features.allSatisfy({ Dim.isKnown(Dim($0 + 1), atMost: columns) })
    else { throw TypeError("'TreeEnsemble' names a target, a column or a function that does not exist") }
    // Chains of equality tests come after the nodes themselves; leaves after those.
    var lists: [[Double]] = []
    if let members = members?.tensor {
      lists = members.doubles().split(omittingEmptySubsequences: false, whereSeparator: \.isNaN).map(Array.init)
    }
    let chained = (0..<count).filter { modes.integer($0) == 6 }
    guard chained.count <= lists.count else {
      throw TypeError("'membership_values' of 'TreeEnsemble' has \(lists.count) lists for \(chained.count) nodes")
    }
    var extra = 0
    for number in chained.indices { extra += max(0, lists[number].count - 1) }
    func place(_ target: Int, _ isLeaf: Int) throws(TypeError) -> Int {
      guard target >= 0, target < (isLeaf != 0 ? leaves : count) else {
        throw TypeError("'TreeEnsemble' leads to node \(target), which does not exist")
      }
      return isLeaf != 0 ? count + extra + target : target
    }
    var tests: [Trees.Test] = []
    for node in 0..<count {
      let mode = Int(modes.integer(node))
      guard (0...6).contains(mode) else { throw TypeError("'TreeEnsemble' has no test \(mode)") }
      tests.append(
        Trees.Test(
          feature: features[node], split: splits.double(node), mode: mode,
          passed: try place(passed[node], passedLeaves[node]), failed: try place(failed[node], failedLeaves[node]),
          nanPasses: !missing.isEmpty && missing[node] != 0))
    }
    for (number, node) in chained.enumerated() {
      var current = node
      let otherwise = tests[node].failed
      for (index, value) in lists[number].enumerated() {
        if index > 0 {
          tests[current].failed = tests.count
          current = tests.count
          tests.append(tests[node])
          tests[current].nanPasses = false
        }
        (tests[current].split, tests[current].mode, tests[current].failed) = (value, 4, otherwise)
      }
      // In no list is nothing.
      if lists[number].isEmpty { (tests[node].mode, tests[node].passed) = (4, otherwise) }
    }
    return Trees(tests: tests, depth: try depth(tests))
  }

  /// The longest way from a root to a leaf; a way that comes back to where it was is refused.
  private func depth(_ tests: [Trees.Test]) throws(TypeError) -> Int {
    var depths = [Int?](repeating: nil, count: tests.count)
    var isOpen = [Bool](repeating: false, count: tests.count)
    guard roots.allSatisfy({ (0..<features.count).contains($0) }) else {
      throw TypeError("'tree_roots' of 'TreeEnsemble' names a node that does not exist")
    }
    var stack = roots
    while let node = stack.last {
      let next = [tests[node].passed, tests[node].failed].filter { $0 < tests.count }
      let unknown = next.filter { depths[$0] == nil }
      if depths[node] != nil || unknown.isEmpty {
        depths[node] = 1 + (next.compactMap { depths[$0] }.max() ?? 0)
        isOpen[node] = false
        stack.removeLast()
        continue
      }
      isOpen[node] = true
      guard unknown.allSatisfy({ !isOpen[$0] }) else { throw TypeError("a tree of 'TreeEnsemble' leads in a circle") }
      stack += unknown
    }
    let longest = roots.compactMap { depths[$0] }.max() ?? 0
    guard longest <= Self.depthLimit else {
      throw TypeError("a tree of 'TreeEnsemble' is \(longest) nodes deep, more than \(Self.depthLimit)")
    }
    return longest
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], x.dtype.isFloat, x.rank == 2 else {
      throw TypeError("'TreeEnsemble' takes rows of floats", operand: 0)
    }
    _ = try trees(columns: x.shape[1])
    return [TensorType(x.dtype, [x.shape[0], Dim(targetCount)])]
  }

  private func passes(_ test: Trees.Test, _ x: Double) -> Bool {
    if x.isNaN && test.nanPasses { return true }
    switch test.mode {
    case 0: return x <= test.split
    case 1: return x < test.split
    case 2: return x >= test.split
    case 3: return x > test.split
    case 4: return x == test.split
    default: return x != test.split
    }
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'TreeEnsemble' needs an operand") }
    let shape = try staticSizes(inferTypes([x.type])[0].shape, for: Self.name)
    let trees = try trees(columns: x.type.shape[1])
    guard let weights = weights?.tensor else { throw TypeError("'TreeEnsemble' needs weights") }
    var result = Reference(zeros: x.dtype, shape)
    for row in 0..<shape[0] {
      var found = [[Double]](repeating: [], count: targetCount)
      for root in roots {
        var node = root
        while node < trees.tests.count {
          let test = trees.tests[node]
          node = passes(test, x.reals[row * x.shape[1] + test.feature]) ? test.passed : test.failed
        }
        let leaf = node - trees.tests.count
        found[targets[leaf]].append(weights.double(leaf))
      }
      var scores = found.map { values -> Double in
        switch aggregate {
        case 0: values.reduce(0, +) / Double(roots.count)
        case 2: values.min() ?? 0
        case 3: values.max() ?? 0
        default: values.reduce(0, +)
        }
      }
      if transform == 1 {
        let largest = scores.max() ?? 0
        let sum = scores.reduce(0) { $0 + exp($1 - largest) }
        scores = scores.map { exp($0 - largest) / sum }
      }
      if transform == 2 { scores = scores.map(sigmoid) }
      for (target, score) in scores.enumerated() { result.reals[row * targetCount + target] = score }
    }
    return [result]
  }

  /// All trees of all rows walk together, one test a step; who has come to a leaf stays there.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0], let trees = try? trees(columns: x.shape[1]), let weights = weights?.tensor else {
      return .leaf
    }
    let (count, leaves) = (trees.tests.count, targets.count)
    return .decompose { builder, operands throws(TypeError) in
      let value = try builder.widened(operands[0])
      let wide = builder.type(value).dtype
      func list(_ values: [Int]) throws(TypeError) -> ValueID {
        try builder.constant(try Tensor(.i64, [values.count], integers: values.map { Int64($0) }).orThrow())
      }
      let stay = (count..<count + leaves).map { $0 }
      let none = stay.map { _ in 0 }
      let columns = try list(trees.tests.map(\.feature) + none)
      let modes = try list(trees.tests.map(\.mode) + none)
      let marks = try list(trees.tests.map { $0.nanPasses ? 1 : 0 } + none)
      let (yes, no) = (try list(trees.tests.map(\.passed) + stay), try list(trees.tests.map(\.failed) + stay))
      let limits = try builder.constant(
        try Tensor(wide, [count + leaves], doubles: trees.tests.map(\.split) + none.map(Double.init)).orThrow())
      var nodes = try builder.expanded(try list(roots), to: [x.shape[0], Dim(roots.count)])
      func at(_ table: ValueID) throws(TypeError) -> ValueID { try builder.emit(Gather(axis: 0), table, nodes) }
      let used = Set(trees.tests.map(\.mode)).union([0]).sorted()
      for _ in 0..<trees.depth {
        let input = try builder.emit(GatherElements(axis: 1), value, try at(columns))
        let limit = try at(limits)
        let mode = try at(modes)
        var passes: ValueID?
        for number in used {
          let operation: any Operation =
            [LessOrEqual(), Less(), GreaterOrEqual(), Greater(), Equal(), Equal()][min(number, 5)]
          var hit = try builder.emitAny(operation, [input, limit])[0]
          if number == 5 { hit = try builder.emit(Not(), hit) }
          if let known = passes {
            let isMode = try builder.emit(Equal(), mode, try builder.scalar(Double(number), .i64))
            passes = try builder.emit(Where(), isMode, hit, known)
          } else {
            passes = hit
          }
        }
        let isMissing = try builder.emit(
          And(), try builder.emit(IsNaN(), input), try builder.emit(Cast(to: .bool), try at(marks)))
        let goes = try builder.emit(Or(), passes, isMissing)
        nodes = try builder.emit(Where(), goes, try at(yes), try at(no))
      }
      let leaf = try builder.plus(nodes, Double(-count))
      let score = try builder.emit(
        Gather(axis: 0), try builder.constant(try Tensor(wide, [leaves], doubles: weights.doubles()).orThrow()), leaf)
      let target = try builder.emit(Gather(axis: 0), try list(targets), leaf)
      let y = try total(score, target, x.shape[0], &builder)
      return [try builder.narrowed(y, to: x.dtype)]
    }
  }

  /// Scores `[rows, trees]` brought together by target.
  private func total(
    _ score: ValueID, _ target: ValueID, _ rows: Dim, _ builder: inout GraphBuilder
  ) throws(TypeError) -> ValueID {
    let all = [rows, Dim(roots.count), 1]
    let isTarget = try builder.emit(
      Equal(), try builder.reshaped(target, all), try builder.range(Dim(targetCount), .i64))
    let shaped = try builder.reshaped(score, all)
    func reduced(_ reduction: some Operation, else number: Double) throws(TypeError) -> ValueID {
      try builder.emit(reduction, try builder.masked(shaped, where: isTarget, else: number))
    }
    var y: ValueID
    switch aggregate {
    case 2, 3:
      let isLargest = aggregate == 3
      let empty: Double = isLargest ? -.infinity : .infinity
      y =
        isLargest
        ? try reduced(ReduceMax(axes: [1], keepDims: false), else: empty)
        : try reduced(ReduceMin(axes: [1], keepDims: false), else: empty)
      let isEmpty = try builder.emit(Equal(), y, try builder.scalar(empty, like: y))
      y = try builder.emit(Where(), isEmpty, try builder.scalar(0, like: y), y)
    default:
      y = try reduced(ReduceSum(axes: [1], keepDims: false), else: 0)
      if aggregate == 0 { y = try builder.scaled(y, by: 1 / Double(roots.count)) }
    }
    if transform == 1 { y = try builder.emit(Softmax(axis: 1), y) }
    return transform == 2 ? try builder.emit(Sigmoid(), y) : y
  }

  /// Steps have no derivative.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = TreeEnsemble()
    let dtype = random.dtype([.f32, .f64])
    func tensor(_ dtype: DType, _ values: [Double]) -> SharedTensor? {
      Tensor(dtype, [values.count], doubles: values).map { SharedTensor($0) }
    }
    operation.roots = [0, 2]
    operation.features = [0, 2, 1]
    operation.splits = tensor(dtype, [0.25, -0.5, 1])
    operation.modes = tensor(.u8, (0..<3).map { _ in Double(random.int(0...6)) })
    operation.members = tensor(dtype, [1, 0.5, .nan, 2, .nan, 0, .nan])
    (operation.passed, operation.passedLeaves) = ([1, 0, 1], [0, 1, 1])
    (operation.failed, operation.failedLeaves) = ([3, 2, 0], [1, 1, 1])
    operation.missing = [1, 0, 0]
    operation.targets = [0, 1, 0, 1]
    operation.weights = tensor(dtype, [1, 2.5, -3, 0.5])
    operation.targetCount = 2
    operation.aggregate = random.int(0...3)
    operation.transform = random.int(0...2)
    return Sample(operation, [TensorType(dtype, [Dim(random.int(1...4)), 3])])
  }
}
