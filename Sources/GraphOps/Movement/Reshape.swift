// SPDX-License-Identifier: Apache-2.0
// The same elements with other sizes.

import GraphIR
import KernelIR
import TensorCore

package struct Reshape: Operation {
  package static let name = "Reshape"
  package static let summary =
    "The same elements in row-major order with other sizes; one size may be -1 (inferred), 0 keeps the input's."
  package static let operands = [Slot("data")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("shape", \.shape, "the new sizes"),
      Attribute("allowzero", \.allowZero, "whether 0 means a size of 0 instead of the input's"),
    ]
  }
  package var shape: [Dim] = []
  package var allowZero = false
  package init() {}
  package init(shape: [Dim]) { self.shape = shape }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'Reshape' needs an operand") }
    var sizes: [Dim] = []
    for (axis, size) in shape.enumerated() {
      if size == 0 && !allowZero {
        guard axis < type.rank else {
          throw TypeError("size 0 at axis \(axis) keeps a size that \(type) does not have", operand: 0)
        }
        sizes.append(type.shape[axis])
      } else {
        sizes.append(size)
      }
    }
    let unknown = sizes.indices.filter { sizes[$0] == -1 }
    if unknown.count > 1 { throw TypeError("'Reshape' has \(unknown.count) sizes of -1", note: "one may be inferred") }
    if let axis = unknown.first {
      let known = sizes.indices.filter { $0 != axis }.reduce(Dim(1)) { $0 * sizes[$1] }
      if known == 0 {
        throw TypeError("the size of -1 cannot be inferred beside a size of 0", operand: 0)
      }
      guard let rest = type.elementCount.dividedExactly(by: known) else {
        throw TypeError("\(type) does not divide into \(listed(shape))", operand: 0)
      }
      sizes[axis] = rest
    }
    let count = sizes.reduce(Dim(1), *)
    guard count == type.elementCount else {
      throw TypeError(
        "\(type) has \(type.elementCount) elements and cannot become \(listed(sizes)) with \(count)", operand: 0)
    }
    return [TensorType(type.dtype, sizes)]
  }

  private func listed(_ sizes: [Dim]) -> String { "[\(sizes.map(\.description).joined(separator: ", "))]" }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var value = operands[0] else { throw TypeError("'Reshape' needs an operand") }
    value.shape = try inferTypes([value.type])[0].shape.compactMap(\.value)
    return [value]
  }

  package func lower(_ types: NodeTypes) -> Lowering { .reshape }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    return [try context.emit(Reshape(exactly: context.type(x).shape), seed)]
  }

  package static var rules: [Rule] {
    [
      Rule("reshape-of-reshape", on: Reshape.self) { reshape, context throws(TypeError) in
        guard let inner = context.producer(of: 0, as: Reshape.self), let type = context.type(0) else { return nil }
        let shape = try reshape.inferTypes([type])[0].shape
        return [try context.builder.emit(Reshape(exactly: shape), inner.node.operands[0])]
      },
      Rule("reshape-to-same", on: Reshape.self) { reshape, context throws(TypeError) in
        guard let type = context.type(0), let x = context.operands[0], try reshape.inferTypes([type])[0] == type
        else { return nil }
        return [x]
      },
    ]
  }

  /// Sizes taken as they are, zeros included.
  package init(exactly shape: [Dim]) {
    self.shape = shape
    allowZero = true
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let shape = random.shape(minRank: 1)
    var sizes = shape
    sizes.shuffle(using: &random)
    if random.bool(), sizes.count > 1 {
      let last = sizes.removeLast()
      sizes[sizes.count - 1] *= last
    }
    let dtype = random.dtype([.f32, .i64, .u8])
    return Sample(Reshape(shape: sizes.map { Dim($0) }), [TensorType(dtype, shape.map { Dim($0) })])
  }
}
