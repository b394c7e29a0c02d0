// SPDX-License-Identifier: Apache-2.0
// What must hold for a kernel: definitions before uses, types, loop modes, contractions, distinct elements per tile.
//
// Whether offsets stay inside their buffers depends on the caller's buffers; `KernelEvaluator` checks that.

import GraphSupport
import TensorCore

/// Verifies a kernel in time linear in its text.
package struct KernelVerifier {
  let kernel: Kernel
  var findings: [Diagnostic] = []

  /// What the statement being looked at may use.
  struct Scope {
    var axes: [Int: Axis] = [:]
    var locals: [Int: LocalState] = [:]
    /// The innermost vector loop or epilogue around, by its number; 0 outside of any.
    var vector = 0
    var isEpilogue = false
    var depth = 0
    /// Inside a branch that may be taken for some tiles only.
    var isConditional = false
  }

  struct LocalState {
    var local: Local
    var isVariable: Bool
    /// The vector loop the definition stands in.
    var vector: Int
    /// Whether the value can differ between tiles.
    var dependsOnTile: Bool
  }

  /// How the innermost vector loop uses a variable from outside it.
  struct OuterUse {
    var combiner: Combiner?
    var isRead = false
  }

  var vectorCount = 0
  var outerUses: [Local: OuterUse] = [:]
  /// Nodes whose own types were checked, so that shared expressions cost once.
  private var typed: Set<Expr> = []

  /// Everything wrong with a kernel, in the order of its text; empty when it is legal.
  package static func verify(_ kernel: Kernel) -> [Diagnostic] {
    var verifier = KernelVerifier(kernel: kernel)
    verifier.verifyHeader()
    var scope = Scope()
    scope.axes[kernel.tileAxis.id] = kernel.tileAxis
    verifier.verify(kernel.body, &scope)
    return verifier.findings
  }

  private init(kernel: Kernel) { self.kernel = kernel }

  // MARK: Findings

  mutating func report(_ id: String, _ message: String, _ statement: Statement? = nil) {
    guard findings.count < 50 else { return }
    var message = message
    if let statement { message += ", in '\(KernelPrinter.summary(statement, of: kernel))'" }
    findings.append(Diagnostic(.error, id, "kernel '\(kernel.name)': \(message)"))
  }

  // MARK: Header

  private mutating func verifyHeader() {
    for scratch in kernel.scratch {
      let bytes = scratch.dtype.byteCount(scratch.count) ?? .max
      if scratch.count < 1 || bytes > 1 << 30 {
        report("kernel-scratch", "the scratch memory '\(scratch.name)' has \(scratch.count) elements")
      }
    }
    verify([kernel.tiles], Scope(), nil)
    expect(kernel.tiles, .i64, "the number of tiles", nil)
    let usesMore = kernel.tiles.contains {
      switch $0.kind {
      case .load, .local, .axis: true
      default: false
      }
    }
    if usesMore { report("kernel-tiles", "the number of tiles depends on more than sizes and constants") }
  }

  // MARK: Expressions

  /// Types, scopes and buffers of every node of a statement's expressions.
  mutating func verify(_ expressions: [Expr], _ scope: Scope, _ statement: Statement?) {
    var seen: Set<Expr> = []
    for expression in expressions {
      guard expression.height <= KernelLimits.expressionHeight else {
        report("kernel-too-deep", "an expression is higher than \(KernelLimits.expressionHeight) nodes")
        continue
      }
      var nodes: [Expr] = []
      expression.visit(&seen) { nodes.append($0) }
      for node in nodes { verify(node: node, scope, statement) }
    }
  }

  private mutating func verify(node: Expr, _ scope: Scope, _ statement: Statement?) {
    if typed.insert(node).inserted, let message = node.typeError() { report("kernel-type", message, statement) }
    switch node.kind {
    case .axis(let axis):
      if scope.axes[axis.id] != axis { report("kernel-scope", "the axis '\(axis.name)' is not in scope", statement) }
    case .size(let index):
      if !kernel.sizes.indices.contains(index) { report("kernel-size", "there is no size \(index)", statement) }
    case .local(let local):
      guard let state = scope.locals[local.id], state.local == local else {
        report("kernel-scope", "the variable '\(local.name)' is not in scope", statement)
        return
      }
      if state.isVariable && state.vector < scope.vector { outerUses[local, default: OuterUse()].isRead = true }
    case .load(let buffer, _, _):
      guard let dtype = kernel.dtype(ofBuffer: buffer) else {
        report("kernel-buffer", "there is no buffer \(buffer)", statement)
        return
      }
      if node.dtype != dtype.computeType {
        report("kernel-type", "a load of \(dtype) elements has the type \(node.dtype)", statement)
      }
      if buffer < kernel.parameters.count && kernel.parameters[buffer].access == .write {
        report("kernel-access", "the buffer '\(kernel.parameters[buffer].name)' is read but only writable", statement)
      }
    default: break
    }
  }

  mutating func expect(_ e: Expr, _ dtype: DType, _ what: String, _ statement: Statement?) {
    if e.dtype != dtype { report("kernel-type", "\(what) is \(e.dtype), expected \(dtype)", statement) }
  }

  /// Whether a value can differ between tiles.
  func dependsOnTile(_ e: Expr, _ scope: Scope) -> Bool {
    e.contains {
      switch $0.kind {
      case .axis(let axis): axis == kernel.tileAxis
      case .local(let local): scope.locals[local.id]?.dependsOnTile ?? true
      // A tile may have stored anything there.
      case .load(let buffer, _, _): buffer >= kernel.parameters.count || kernel.parameters[buffer].access != .read
      default: false
      }
    }
  }
}
