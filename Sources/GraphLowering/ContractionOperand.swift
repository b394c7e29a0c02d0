// SPDX-License-Identifier: Apache-2.0
// How a contraction reads an operand: a buffer, and a stride for each axis.

import GraphIR
import KernelIR
import TensorCore

/// An operand reached through views, as strides over the contraction's axes.
struct ContractionOperand {
  /// The value whose memory is read, or the constant.
  var base: ValueID
  var isConstant: Bool
  var constant: Dim
  /// For each axis of the contraction, its stride in elements.
  var strides: [Dim]

  /// Follows views from a contraction's operand to memory; nil where the way is not affine.
  init?(_ operand: ValueID, _ indices: [ContractionLowering.Index], _ contraction: ContractionLowering, _ state: LoweringState) {
    let scope = KernelScope(state)
    let axes = contraction.axes.indices.map { scope.axis("c\($0)") }
    let index = indices.map { index -> Expr in
      index.terms.reduce(Expr.int(0)) { sum, term in
        // Axes of size 1 do not move.
        contraction.axes[term.axis].extent == 1 ? sum : sum + .axis(axes[term.axis]) * scope.size(term.coefficient)
      }
    }
    var simplifier = IndexSimplifier()
    for (axis, entry) in zip(axes, contraction.axes) { simplifier.add(axis, extent: scope.size(entry.extent)) }
    // A constant scalar is folded into an immediate when pulled; it has no memory to read.
    var pulled = scope.pull(operand, at: index)
    // The products are of the wider type whichever is read: i8 and u8 are summed in i32.
    if contraction.accumulator == .i32, case .cast(let narrow) = pulled.kind, narrow.dtype.bits <= 8,
      narrow.dtype.isInteger
    { pulled = narrow }
    guard case .load(_, let offset, nil) = pulled.kind, let argument = scope.arguments.first, scope.arguments.count == 1,
      let access = AffineAccess(simplifier.simplify(offset), sizeNames: scope.sizeNames)
    else { return nil }
    switch argument {
    case .value(let value): (base, isConstant) = (value, false)
    case .constant(let key): (base, isConstant) = (key.value, true)
    }
    constant = access.constant
    strides = axes.map(access.stride)
  }

  /// Whether a contraction's second operand is packed when the model is compiled: a constant whose layout is known.
  func isPacked(for contraction: ContractionLowering) -> Bool {
    guard isConstant, constant.isConstant else { return false }
    return zip(contraction.axes, strides).allSatisfy { axis, stride in
      switch axis.role {
      case .row: true
      case .column, .depth: axis.extent == 1 || axis.extent.isConstant && stride.isConstant
      case .batch: axis.extent == 1 || stride == 0 || axis.extent.isConstant
      }
    }
  }

  /// Whether the columns of a contraction are side by side in its second operand.
  func hasNeighbouringColumns(_ contraction: ContractionLowering) -> Bool {
    zip(contraction.axes, strides).allSatisfy { $0.role != .column || $0.extent == 1 || $1 == 1 }
  }

  static func canRead(
    _ operand: ValueID, _ index: [ContractionLowering.Index], _ contraction: ContractionLowering, _ state: LoweringState
  ) -> Bool {
    ContractionOperand(operand, index, contraction, state) != nil
  }
}
