// SPDX-License-Identifier: Apache-2.0
// Missing features filled in.

import GraphIR
import TensorCore

/// ONNX has the values of floats and integers in attributes of their own; here one list holds either.
package struct Imputer: Operation {
  package static let name = "Imputer"
  package static let summary = "The input with one value (often NaN) replaced, by one number or one for each feature."
  package static let operands = [Slot("X")]
  package static let results = [Slot("Y")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("imputed_value_floats", \.floats, "what is put in floats: one number, or one for each feature"),
      Attribute("imputed_value_int64s", \.integers, "the same for integers"),
      Attribute("replaced_value_float", \.replacedFloat, "what is replaced in floats"),
      Attribute("replaced_value_int64", \.replacedInteger, "what is replaced in integers"),
    ]
  }
  package var floats: [Double] = []
  package var integers: [Int] = []
  package var replacedFloat = 0.0
  package var replacedInteger = 0
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], DType.floats.contains(x.dtype) || x.dtype == .i64, x.rank > 0 else {
      throw TypeError("'Imputer' takes rows of floats or i64", operand: 0)
    }
    let count = x.dtype.isFloat ? floats.count : integers.count
    guard count == 1 || x.shape[x.rank - 1] == Dim(count) else {
      throw TypeError("'Imputer' has \(count) values for \(x)", operand: 0)
    }
    return [x]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard var x = operands[0] else { throw TypeError("'Imputer' needs an operand") }
    _ = try inferTypes([x.type])
    for position in 0..<x.count {
      if x.dtype.isFloat {
        let value = x.reals[position]
        if value == replacedFloat || (value.isNaN && replacedFloat.isNaN) {
          x.reals[position] = floats[position % floats.count]
        }
      } else if x.integers[position] == Int64(replacedInteger) {
        x.integers[position] = Int64(integers[position % integers.count])
      }
    }
    return [x]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    guard let x = types.operands[0] else { return .leaf }
    return .decompose { builder, operands throws(TypeError) in
      let isMissing: ValueID
      let line: Tensor
      if x.dtype.isFloat {
        isMissing =
          replacedFloat.isNaN
          ? try builder.emit(IsNaN(), operands[0])
          : try builder.emit(Equal(), operands[0], try builder.scalar(replacedFloat, x.dtype))
        line = try Tensor(x.dtype, [floats.count], doubles: floats).orThrow()
      } else {
        let replaced = try builder.constant(try Tensor(.i64, [], integers: [Int64(replacedInteger)]).orThrow())
        isMissing = try builder.emit(Equal(), operands[0], replaced)
        line = try Tensor(.i64, [integers.count], integers: integers.map { Int64($0) }).orThrow()
      }
      return [try builder.emit(Where(), isMissing, try builder.constant(line), operands[0])]
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = Imputer()
    let width = random.int(1...4)
    let dtype = random.dtype([.f32, .i64])
    operation.floats = random.bool() ? [0.5] : (0..<width).map { Double($0) }
    operation.integers = random.bool() ? [7] : (0..<width).map { $0 }
    operation.replacedInteger = 1
    return Sample(operation, [TensorType(dtype, [Dim(random.int(1...3)), Dim(width)])])
  }
}
