// SPDX-License-Identifier: Apache-2.0
// Products of two inputs summed over an axis of each.

import GraphIR
import GraphOps
import TensorCore

package struct DotLayer: Layer {
  package static let name = "Dot"
  package static let summary = "The products of two inputs of each sample, summed over an axis of each."
  package static let required = ["axes"]
  package static let inputs = [Slot("a"), Slot("b")]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("axes", \.axes, "the summed axis of each input; one number for both"),
      Attribute("normalize", \.normalize, "whether both get length 1 along it first, which gives cosines"),
    ]
  }
  package var axes: [Int] = []
  package var normalize = false
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    var a = try context.floats(operand(inputs))
    var b = try context.floats(operand(inputs, 1))
    let (left, right) = (context.type(a), context.type(b))
    guard axes.count == 1 || axes.count == 2, left.rank >= 2, right.rank >= 2 else {
      throw TypeError("'Dot' needs one or two axes and inputs with a batch, found axes \(axes), \(left) and \(right)")
    }
    let first = try normalized(axes[0], rank: left.rank, for: Self.name)
    let second = try normalized(axes[axes.count - 1], rank: right.rank, for: Self.name)
    guard first > 0, second > 0 else { throw TypeError("'axes' of 'Dot' cannot be the batch, found \(axes)") }
    guard left.shape[first] == right.shape[second] else {
      throw TypeError(
        "'Dot' sums axis \(first) of \(left) with axis \(second) of \(right): their sizes differ", operand: 1)
    }
    if normalize {
      a = try context.unitLength(a, [first])
      b = try context.unitLength(b, [second])
    }
    let letters = "bcdefghijklmnopqrstuvwxyz".map(String.init)
    guard left.rank + right.rank <= letters.count else { throw TypeError("'Dot' takes inputs of fewer axes") }
    let ofLeft = (0..<left.rank).map { $0 == 0 ? "a" : $0 == first ? "z" : letters[$0] }
    let ofRight = (0..<right.rank).map { $0 == 0 ? "a" : $0 == second ? "z" : letters[left.rank + $0] }
    let kept = ofLeft.filter { $0 != "z" } + ofRight.dropFirst().filter { $0 != "z" }
    var y = try context.emit(Einsum("\(ofLeft.joined()),\(ofRight.joined())->\(kept.joined())"), a, b)
    // Two vectors a sample give one number a sample, which keeps an axis.
    if kept.count == 1 { y = try context.emit(Unsqueeze(axes: [1]), y) }
    return result(y)
  }
}
