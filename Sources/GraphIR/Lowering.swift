// SPDX-License-Identifier: Apache-2.0
// The few forms that kernels are made of. Every operator lowers to one of them, or decomposes into operators that do.

import KernelIR
import TensorCore

/// How kernels compute an operator.
package enum Lowering: Sendable {
  /// Each result element is a function of its index, reading operand elements at indices computed from it: arithmetic
  /// with broadcasting, and every data movement (transpose, slice, pad, gather, concat …). All results have one shape.
  case pointwise(@Sendable (_ context: PullContext, _ index: [Expr]) -> [Expr])
  /// Each result element combines many elements.
  case reduction(ReductionLowering)
  /// Sums of products.
  case contraction(ContractionLowering)
  /// Other operators compute it.
  case decompose(@Sendable (_ builder: inout GraphBuilder, _ operands: [ValueID?]) throws(TypeError) -> [ValueID])
  /// The result is operand 0 with other sizes, the same elements in the same row-major order.
  case reshape
  /// A loop nest of its own, for operators that none of the forms above describes (sorting, recurrences). One that
  /// `isElementwise` has one result, gives each element once, by `LoopContext.finish`, and needs no scratch: the
  /// elementwise operators after it are computed with it.
  case loops(isElementwise: Bool = false, _ body: @Sendable (_ context: inout LoopContext) -> [Statement])
  /// Nested steps of the plan.
  case control(Control)
  /// A value that exists before anything runs: inputs, constants, parameters.
  case leaf
}

/// What a lowering can read. Index and element expressions are pulled through producers, so a chain of operators
/// becomes one expression.
package struct PullContext {
  package let types: NodeTypes
  private let pull: (_ operand: Int, _ index: [Expr], _ condition: Expr?) -> Expr
  private let dim: (Dim) -> Expr

  package init(
    types: NodeTypes, dim: @escaping (Dim) -> Expr,
    pull: @escaping (_ operand: Int, _ index: [Expr], _ condition: Expr?) -> Expr
  ) {
    self.types = types
    self.dim = dim
    self.pull = pull
  }

  /// The element of an operand at an index. Where the condition is false nothing is read and the value is unspecified
  /// (wrap the use in `Expr.select(condition, …)`).
  package func operand(_ number: Int, at index: [Expr], where condition: Expr? = nil) -> Expr {
    pull(number, index, condition)
  }

  /// The element of an operand that is broadcast to the result (numpy's rule).
  package func broadcast(_ number: Int, at index: [Expr]) -> Expr {
    guard let type = types.operands[number] else { return .int(0) }
    let shift = index.count - type.rank
    return pull(number, (0..<type.rank).map { type.shape[$0] == 1 ? .int(0) : index[$0 + shift] }, nil)
  }

  /// A size as an index expression.
  package func size(_ dim: Dim) -> Expr { self.dim(dim) }
}

/// `out[i] = finish(combine over r of element(i, r))`
package struct ReductionLowering: Sendable {
  package enum Kind: Sendable, Hashable {
    case combine(Combiner)
    /// The position (in the row-major order of the reduced axes) of the largest or smallest element.
    case index(Combiner, last: Bool)
  }

  /// The sizes of the axes that are reduced.
  package var extents: [Dim]
  package var kind: Kind
  /// The type elements are combined in.
  package var accumulator: DType
  /// When operand 0 has the result's axes (all of size 1 or dropped where reduced) and the element at (out, reduced) reads
  /// only operand 0 at the merged index: the reduced axes of operand 0. Lets a reduction fuse with its consumers by rows.
  package var axes: [Int]?
  /// The element to combine; for `index` its value.
  package var element: @Sendable (_ context: PullContext, _ index: [Expr], _ reduced: [Expr]) -> Expr
  /// From the combined value (of type `accumulator`, or i64 for `index`) to the result.
  package var finish: @Sendable (_ context: PullContext, _ index: [Expr], _ value: Expr) -> Expr

  package init(
    extents: [Dim], kind: Kind, accumulator: DType, axes: [Int]? = nil,
    element: @escaping @Sendable (_ context: PullContext, _ index: [Expr], _ reduced: [Expr]) -> Expr,
    finish: @escaping @Sendable (_ context: PullContext, _ index: [Expr], _ value: Expr) -> Expr = { _, _, value in value }
  ) {
    self.extents = extents
    self.kind = kind
    self.accumulator = accumulator
    self.axes = axes
    self.element = element
    self.finish = finish
  }
}

/// `out[…] = Σ over depth axes of A[…] · B[…]`, with every index an affine function of the axes: matrix products,
/// einsum and convolutions (whose padding is an operator of its own before them).
package struct ContractionLowering: Sendable {
  /// `batch` axes index A, B and the result; `row` axes A and the result; `column` axes B and the result; `depth` axes
  /// A and B.
  package enum Role: Sendable, Hashable { case batch, row, column, depth }

  package struct Axis: Sendable, Hashable {
    package var extent: Dim
    package var role: Role
    package init(_ extent: Dim, _ role: Role) {
      self.extent = extent
      self.role = role
    }
  }

  /// `Σ coefficient · axis`
  package struct Index: Sendable, Hashable {
    package var terms: [Term]
    package struct Term: Sendable, Hashable {
      package var axis: Int
      package var coefficient: Dim
    }
    package init(_ axis: Int) { terms = [Term(axis: axis, coefficient: 1)] }
    package init(_ terms: [(axis: Int, coefficient: Dim)]) {
      self.terms = terms.map { Term(axis: $0.axis, coefficient: $0.coefficient) }
    }
  }

  package var axes: [Axis]
  /// For each axis of operand 0 its index.
  package var a: [Index]
  /// For each axis of operand 1 its index.
  package var b: [Index]
  /// For each axis of the result, its axis.
  package var output: [Int]
  /// The type products are summed in.
  package var accumulator: DType

  package init(axes: [Axis], a: [Index], b: [Index], output: [Int], accumulator: DType) {
    self.axes = axes
    self.a = a
    self.b = b
    self.output = output
    self.accumulator = accumulator
  }
}

/// What a loop nest of its own is built with. Buffers are numbered: operands, then results, then scratch.
package struct LoopContext {
  package let types: NodeTypes
  /// The axis that is split among threads; set `tileCount` to its extent.
  package let tileAxis: Axis
  package var tileCount = Dim(1)
  /// The number of tiles as an expression.
  package var tiles: Expr { dim(tileCount) }
  package private(set) var scratch: [Kernel.Scratch] = []
  private let dim: (Dim) -> Expr
  private var nextID: Int
  private let buffers: [Int?]
  package typealias Finish = (_ index: [Expr], _ value: Expr, _ condition: Expr?) -> [Statement]
  private let finishing: Finish?

  /// `buffers` gives the kernel's buffer number of each operand (nil: missing) and each result; `finishing` makes what
  /// happens to the elements of the result, if not just a store.
  package init(
    types: NodeTypes, tileAxis: Axis, firstID: Int, buffers: [Int?], dim: @escaping (Dim) -> Expr,
    finishing: Finish? = nil
  ) {
    self.finishing = finishing
    self.types = types
    self.tileAxis = tileAxis
    self.buffers = buffers
    self.dim = dim
    nextID = firstID
  }

  package func size(_ dim: Dim) -> Expr { self.dim(dim) }

  package mutating func axis(_ name: String) -> Axis {
    nextID += 1
    return Axis(id: nextID, name: name)
  }

  package mutating func local(_ name: String, _ dtype: DType) -> Local {
    nextID += 1
    return Local(id: nextID, name: name, dtype: dtype)
  }

  /// Per-thread memory; the returned number is a buffer's.
  package mutating func scratch(_ name: String, _ dtype: DType, count: Int) -> Int {
    scratch.append(Kernel.Scratch(name, dtype, count: count))
    return (buffers.compactMap { $0 }.max() ?? -1) + scratch.count
  }

  package func resultBuffer(_ number: Int) -> Int { buffers[types.operands.count + number] ?? 0 }

  /// An element of an operand by flat offset.
  package func load(_ operand: Int, at offset: Expr, where condition: Expr? = nil) -> Expr {
    guard let buffer = buffers[operand], let type = types.operands[operand] else { return .int(0) }
    return .load(buffer, type.dtype, at: offset, guard: condition)
  }

  package func store(_ result: Int, at offset: Expr, _ value: Expr, where condition: Expr? = nil) -> Statement {
    .store(buffer: resultBuffer(result), offset: offset, value: value, guard: condition)
  }

  /// What is done with an element of the result, unless the condition is false.
  package func finish(at index: [Expr], _ value: Expr, where condition: Expr? = nil) -> [Statement] {
    if let finishing { return finishing(index, value, condition) }
    let offset = zip(index, types.results[0].shape).reduce(Expr.int(0)) { $0 * size($1.1) + $1.0 }
    return [store(0, at: offset, value, where: condition)]
  }
}
