// SPDX-License-Identifier: Apache-2.0
// Features moved and scaled.

import GraphIR
import TensorCore

package struct Scaler: Operation {
  package static let name = "Scaler"
  package static let summary = "(x - offset) · scale in f32, for each feature of the last axis or for all."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.ulps(2)
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("offset", \.offset, "what is taken off first: one number, or one for each feature"),
      Attribute("scale", \.scale, "the factors: one number, or one for each feature"),
    ]
  }
  package var offset: [Double] = []
  package var scale: [Double] = []
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], DType.numbers.contains(x.dtype), x.rank > 0 else {
      throw TypeError("'Scaler' takes rows of numbers", operand: 0)
    }
    for (name, values) in [("offset", offset), ("scale", scale)] {
      guard values.count == 1 || x.shape[x.rank - 1] == Dim(values.count) else {
        throw TypeError("'\(name)' of 'Scaler' has \(values.count) numbers for \(x)")
      }
    }
    return [TensorType(.f32, x.shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let x = operands[0] else { throw TypeError("'Scaler' needs an operand") }
    _ = try inferTypes([x.type])
    let values = (0..<x.count).map { (x.double($0) - offset[$0 % offset.count]) * scale[$0 % scale.count] }
    return [Reference(.f32, x.shape, reals: values)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      guard let input = operands[0] else { throw TypeError("'Scaler' needs an operand") }
      let wide: DType = x.dtype.isFloat && x.dtype != .f64 ? .f32 : .f64
      let value = try builder.narrowed(input, to: wide)
      func line(_ values: [Double]) throws(TypeError) -> ValueID {
        try builder.constant(try Tensor(wide, [values.count], doubles: values).orThrow())
      }
      let moved = try builder.sub(value, try line(offset))
      return [try builder.narrowed(try builder.mul(moved, try line(scale)), to: .f32)]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Scaler()
    let width = random.int(1...4)
    operation.offset = random.bool() ? [0.5] : (0..<width).map { Double($0) }
    operation.scale = random.bool() ? [2] : (0..<width).map { Double($0) + 0.5 }
    return Sample(operation, [TensorType(random.dtype([.f32, .f64, .i64]), [Dim(random.int(1...3)), Dim(width)])])
  }
}
