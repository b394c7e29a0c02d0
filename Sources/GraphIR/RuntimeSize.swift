// SPDX-License-Identifier: Apache-2.0
// Where a number that the model computes becomes a size. It stands here because evaluation learns the size from it.

import TensorCore

/// Sets a run-time size to a number. Not an operator of ONNX, where every size is the number it happens to be.
package struct RuntimeSize: Operation {
  package static let name = "RuntimeSize"
  package static let summary = "The number it is given, which is from here on the value of a size."
  package static let operands = [Slot("number")]
  package static var attributes: [Attribute<Self>] { [Attribute("size", \.size, "the size that is set")] }

  package var size: Dim = 0
  package init() {}
  package init(_ size: Dim) { self.size = size }

  package var definedSizes: [Dim] { size.isConstant ? [] : [size] }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0], type.dtype == .i64, type.elementCount == 1 else {
      throw TypeError("'RuntimeSize' is given \(operands[0].map(\.description) ?? "nothing"), expected one i64")
    }
    return [type]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let number = operands[0], number.count == 1 else { throw TypeError("'RuntimeSize' needs a number") }
    guard number.integers[0] >= 0 else { throw TypeError("a size would be \(number.integers[0])") }
    return [number]
  }

  package func lower(_ types: NodeTypes) -> Lowering { size.isConstant ? .reshape : .control(.size(size)) }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil] }

  /// Of a size that is known already: the automatic tests' graphs declare no run-time sizes.
  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(RuntimeSize(0), [TensorType(.i64, [])], ranges: [0: 0...9])
  }
}

extension Operation {
  /// Adds the sizes that evaluating this operator found.
  ///
  /// - Parameter types: the results' types in the graph.
  package func findSizes(
    _ types: [TensorType], _ results: [Reference], _ sizes: inout [String: Dim]
  ) throws(TypeError) {
    if let runtime = self as? RuntimeSize {
      for name in runtime.size.symbols where sizes[name] == nil { sizes[name] = results.first.map { Dim(Int($0.integers[0])) } }
    } else if !definedSizes.isEmpty {
      for (type, result) in zip(types, results) { try bindSizes(of: type, to: result.type, &sizes) }
    }
  }
}
