// SPDX-License-Identifier: Apache-2.0
// Products in half precision.

import GraphIR
import GraphOps
import TensorCore

/// The type that matrix products and convolutions of f32 tensors multiply; everything else stays f32, sums of products
/// included.
package enum Precision: String, CaseIterable, Sendable {
  case f32, bf16
}

/// A sum of fewer products is not worth the rounding of its operands.
private let shortestDepth = 8
/// A matrix that is no constant is read once for a few rows, and rounding it would cost more than multiplying.
private let fewestRows = 8

extension GraphPass {
  ///     %y = MatMul(%x, %w)  →   %y = MatMul(f32(bf16(%x)), f32(bf16(%w)))
  ///
  /// The operands of contractions go through bf16 and back: `Cast(to: bf16)` rounds, as near to where the value comes
  /// from as views allow, so that the rounded value is what is stored; `Cast(to: f32)` at the contraction loses nothing
  /// and tells kernels to read the rounded one. Constants are rounded here. Contractions are left alone that sum fewer
  /// than 8 products, have no columns, or fewer than 8 rows for a second operand that is no constant.
  package static let lowerPrecision = GraphPass("lower-precision") { graph, context in
    var rounding = Rounding()
    return try GraphPass.rebuild(graph) { graph, node, operands, builder in
      guard case .contraction(let contraction) = node.operation.lower(graph.types(node)),
        contraction.accumulator == .f32, operands.count >= 2, let a = operands[0], let b = operands[1],
        builder.type(a).dtype == .f32, builder.type(b).dtype == .f32,
        isWorthwhile(contraction, hasConstant: isConstant(b, builder.graph)),
        context.mayRewrite("bf16 products of \(type(of: node.operation).name)")
      else { return nil }
      var operands = operands
      for number in 0..<2 {
        guard let operand = operands[number] else { continue }
        operands[number] = try builder.emit(Cast(to: .f32), try rounding.rounded(operand, &builder))
      }
      return try builder.emitAny(node.operation, operands)
    }
  }

  private static func isWorthwhile(_ contraction: ContractionLowering, hasConstant: Bool) -> Bool {
    func extent(_ role: ContractionLowering.Role) -> Dim {
      contraction.axes.filter { $0.role == role }.reduce(Dim(1)) { $0 * $1.extent }
    }
    if extent(.column) == 1 { return false }
    if let depth = extent(.depth).value, depth < shortestDepth { return false }
    if !hasConstant, let rows = extent(.row).value, rows < fewestRows { return false }
    return true
  }

  /// Whether a value is a view of a constant.
  private static func isConstant(_ value: ValueID, _ graph: Graph) -> Bool {
    guard let node = graph.producer(value) else { return false }
    if node.operation is Constant { return true }
    guard isView(node), let source = node.operands[0] else { return false }
    return isConstant(source, graph)
  }

  /// Whether a node moves the elements of its one operand and adds none but zeros.
  private static func isView(_ node: Node) -> Bool {
    guard node.operands.count == 1 else { return false }
    switch node.operation {
    case let pad as Pad: return pad.value == 0
    case is Reshape, is Transpose, is Slice, is Expand: return true
    default: return false
    }
  }

  /// Whether a node's result is the same when its operand is rounded before: views, and the largest of some elements.
  fileprivate static func commutesWithRounding(_ node: Node) -> Bool { isView(node) || node.operation is MaxPool }
}

/// Emits the bf16 forms of f32 values, each once.
private struct Rounding {
  /// Constants by their memory: regions share them with the graph around them.
  private var constants: [StoredTensor: Tensor] = [:]

  private struct StoredTensor: Hashable {
    var storage: ObjectIdentifier
    var byteOffset: Int
    var type: TensorType
  }

  mutating func rounded(_ value: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    guard let node = builder.graph.producer(value) else { return try builder.emit(Cast(to: .bf16), value) }
    if let constant = node.operation as? Constant { return try builder.constant(try rounded(constant.value.tensor)) }
    if node.operation is Cast, let source = node.operands[0], builder.type(source).dtype == .bf16 { return source }
    if GraphPass.commutesWithRounding(node), let source = node.operands[0], sinks(node, source, builder.graph) {
      return try builder.emitAny(node.operation, [try rounded(source, &builder)])[0]
    }
    return try builder.emit(Cast(to: .bf16), value)
  }

  /// Whether the elements are rounded before a view of them is taken: not where it leaves most of them out.
  private func sinks(_ view: Node, _ source: ValueID, _ graph: Graph) -> Bool {
    guard view.operation is Slice, !(graph.producer(source)?.operation is Constant),
      let whole = graph.type(source).elementCount.value, let part = graph.type(view.results[0]).elementCount.value
    else { return true }
    return part * 4 >= whole
  }

  private mutating func rounded(_ tensor: Tensor) throws(TypeError) -> Tensor {
    let key = StoredTensor(storage: ObjectIdentifier(tensor.storage), byteOffset: tensor.byteOffset, type: tensor.type)
    if let known = constants[key] { return known }
    guard let result = tensor.roundedToBFloat() else { throw TypeError("out of memory") }
    constants[key] = result
    return result
  }
}
