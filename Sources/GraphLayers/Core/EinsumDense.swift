// SPDX-License-Identifier: Apache-2.0
// A layer whose kernel is one operand of an einsum.

import GraphIR
import GraphOps
import TensorCore

package struct EinsumDense: Layer {
  package static let name = "EinsumDense"
  package static let summary = "activation(einsum(equation, inputs, kernel) + bias)."
  package static let required = ["equation", "output_shape"]
  package static var arguments: [Attribute<Self>] {
    [
      Attribute("equation", \.equation, "the axes of input, kernel and result, such as 'abc,cd->abd' or '...x,xy->...y'"),
      Attribute("output_shape", \.outputShape, "the result's sizes without the batch and what '...' stands for; none: open"),
      Attribute("activation", \.activation, "the activation's name"),
      Attribute("bias_axes", \.biasAxes, "the axes of the result that the bias has, by their letters"),
    ] + weight("kernel", \.kernel) + weight("bias", \.bias)
  }
  package var equation = ""
  package var outputShape: [Dim] = []
  package var activation: String?
  package var biasAxes: String?
  package var kernel = WeightOptions("glorot_uniform")
  package var bias = WeightOptions("zeros")
  package init() {}

  /// The three terms of an equation, and on which side of input and result '...' stands.
  private struct Terms {
    enum Elided { case none, left, right }
    var input: [Character]
    var kernel: [Character]
    var output: [Character]
    var elided: Elided

    init?(_ equation: String) {
      let text = equation.filter { $0 != " " }
      let sides = text.split(separator: "-", omittingEmptySubsequences: false)
      guard sides.count == 2, sides[1].first == ">" else { return nil }
      let operands = sides[0].split(separator: ",", omittingEmptySubsequences: false)
      guard operands.count == 2 else { return nil }
      /// A term's letters and where its dots are.
      func term(_ text: Substring) -> (letters: [Character], elided: Elided)? {
        var (letters, elided) = (text, Elided.none)
        if text.hasPrefix("...") {
          (letters, elided) = (text.dropFirst(3), .left)
        } else if text.hasSuffix("...") {
          (letters, elided) = (text.dropLast(3), .right)
        }
        guard !letters.isEmpty, letters.allSatisfy({ $0.isASCII && $0.isLetter }), Set(letters).count == letters.count
        else { return nil }
        return (Array(letters), elided)
      }
      guard let x = term(operands[0]), let w = term(operands[1]), let y = term(sides[1].dropFirst()),
        w.elided == .none, x.elided == y.elided
      else { return nil }
      (input, kernel, output, elided) = (x.letters, w.letters, y.letters, x.elided)
    }
  }

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    guard let terms = Terms(equation) else {
      throw TypeError(
        "'equation' of 'EinsumDense' is '\(equation)'",
        note: "it is 'input,kernel->result' with a letter for each axis, and '...' before or behind those of input and "
          + "result")
    }
    let type = context.type(x)
    let extra = type.rank - terms.input.count
    guard extra >= 0, terms.elided != .none || extra == 0 else {
      throw TypeError("'\(equation)' of 'EinsumDense' does not fit the input \(type)", operand: 0)
    }
    // The batch, then what dots on the left stand for, then the given sizes.
    let dotted = terms.elided == .left ? Array(type.shape.prefix(extra)) : Array(type.shape.suffix(extra))
    let first = terms.elided == .left ? extra : 0
    var sizes: [Character: Dim] = [:]
    for (place, letter) in terms.input.enumerated() { sizes[letter] = type.shape[first + place] }
    // The batch is the input's first axis, and is one of those the dots stand for where they stand on the left.
    let named = terms.elided == .left && extra > 0 ? terms.output : Array(terms.output.dropFirst())
    guard outputShape.count == named.count else {
      throw TypeError(
        "'output_shape' of 'EinsumDense' has \(outputShape.count) sizes, expected \(named.count): one for each of "
          + "'\(String(named))'")
    }
    for (letter, size) in zip(named, outputShape) {
      guard let known = sizes[letter] else {
        guard size.value != -1 else {
          throw TypeError("'output_shape' of 'EinsumDense' leaves '\(letter)' open, which the input does not have")
        }
        sizes[letter] = size
        continue
      }
      guard size.value == -1 || known == size else {
        throw TypeError("axis '\(letter)' of 'EinsumDense' is \(known) in the input, \(size) in 'output_shape'")
      }
    }
    func size(_ letter: Character) throws(TypeError) -> Dim {
      guard let size = sizes[letter] else {
        throw TypeError("axis '\(letter)' of '\(equation)' is neither the input's nor the result's")
      }
      return size
    }
    func list(_ letters: [Character]) throws(TypeError) -> [Dim] {
      try letters.map { letter throws(TypeError) in try size(letter) }
    }
    let kernel = try context.parameter("kernel", try list(terms.kernel), kernel, dtype: type.dtype)
    var einsum = Einsum()
    einsum.equation = equation.filter { $0 != " " }
    var y = try context.builder.emitAny(einsum, [x, kernel])[0]
    if let axes = biasAxes, !axes.isEmpty {
      guard let start = terms.output.firstIndex(where: { axes.contains($0) }),
        axes.allSatisfy({ terms.output.contains($0) })
      else {
        throw TypeError("'bias_axes' of 'EinsumDense' is '\(axes)', expected letters of '\(String(terms.output))'")
      }
      var shape: [Dim] = []
      for letter in terms.output[start...] { shape.append(axes.contains(letter) ? try size(letter) : 1) }
      if terms.elided == .right { shape += dotted.map { _ in 1 } }
      y = try context.emit(Add(), y, try context.parameter("bias", shape, bias, dtype: type.dtype))
    }
    return result(try context.activate(activation, y))
  }
}
