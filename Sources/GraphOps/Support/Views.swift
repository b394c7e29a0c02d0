// SPDX-License-Identifier: Apache-2.0
// What operators share that only change sizes.

import GraphIR
import TensorCore

extension GradientContext {
  /// The gradient of the same elements with other sizes: the seed with the operand's.
  mutating func reshapedSeed() throws(TypeError) -> [ValueID?] {
    guard let seed = seeds[0], let x = operands[0] else { return [nil] }
    return [try emit(Reshape(exactly: type(x).shape), seed)]
  }
}

/// Reshape stands for every view, so that chains of them meet in its rules.
func viewAsReshape<View: Operation>(_ view: View.Type, file: String = #fileID, line: UInt = #line) -> Rule {
  Rule("\(View.name.lowercased())-as-reshape", on: view, file: file, line: line) { view, context throws(TypeError) in
    let shape = try view.inferTypes([context.type(0)])[0].shape
    return [try context.builder.emit(Reshape(exactly: shape), context.operands[0])]
  }
}
