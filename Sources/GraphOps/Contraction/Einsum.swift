// SPDX-License-Identifier: Apache-2.0
// Sums of products over labelled axes.

import GraphIR
import KernelIR
import TensorCore

package struct Einsum: Operation {
  package static let name = "Einsum"
  package static let summary =
    "Sums of products over labelled axes: `ij,jk->ik` is a matrix product, `ii->i` a diagonal, `...` any axes."
  package static let operands = [Slot("Inputs", .variadic)]
  package static let results = [Slot("Output")]
  package static var attributes: [Attribute<Self>] {
    [Attribute("equation", \.equation, "labels of each operand's axes, `->`, labels of the result's axes")]
  }
  package static let accuracy = Accuracy.accumulation
  package var equation = ""
  package init() {}
  package init(_ equation: String) { self.equation = equation }

  private func parsed(_ types: [TensorType?]) throws(TypeError) -> EinsumEquation {
    let types = types.compactMap { $0 }
    guard let first = types.first else { throw TypeError("'Einsum' needs an operand") }
    for (index, type) in types.enumerated() {
      guard DType.numbers.contains(type.dtype) else {
        throw TypeError("'Einsum' does not take \(type.dtype)", operand: index)
      }
      guard type.dtype == first.dtype else {
        throw TypeError(
          "'Einsum' needs operands of one element type, found \(first.dtype) and \(type.dtype)", operand: index)
      }
    }
    return try EinsumEquation(equation, types)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    let equation = try parsed(operands)
    return [TensorType(operands[0]?.dtype ?? .f32, equation.result.map { equation.sizes[$0] ?? 1 })]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    let values = operands.compactMap { $0 }
    let equation = try parsed(values.map(\.type))
    let shape = try inferTypes(values.map(\.type))[0].shape.compactMap(\.value)
    let summed = equation.summed
    let inner = summed.compactMap { equation.sizes[$0]?.value }
    // For each operand the distance that one step of each label takes.
    func steps(_ labels: [Int]) -> [[Int]] {
      values.indices.map { number in
        let strides = values[number].strides
        return labels.map { label in
          zip(equation.operands[number], strides).reduce(0) { $0 + ($1.0 == label ? $1.1 : 0) }
        }
      }
    }
    let (outerSteps, innerSteps) = (steps(equation.result), steps(summed))
    var result = Reference(zeros: values[0].dtype, shape)
    let isFloat = result.dtype.isFloat
    forEachIndex(shape) { place, index in
      let bases = outerSteps.map { steps in zip(index, steps).reduce(0) { $0 + $1.0 * $1.1 } }
      var (real, integer): (Double, Int64) = (0, 0)
      forEachIndex(inner) { _, reduced in
        var (product, whole): (Double, Int64) = (1, 1)
        for number in values.indices {
          var offset = bases[number]
          for axis in reduced.indices { offset += reduced[axis] * innerSteps[number][axis] }
          if isFloat {
            product *= values[number].reals[offset]
          } else {
            whole = whole &* values[number].integers[offset]
          }
        }
        real += product
        integer = integer &+ whole
      }
      if isFloat { result.reals[place] = real } else { result.integers[place] = wrap(integer, to: result.dtype) }
    }
    return [result]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let equation = random.pick([
      "ij,jk->ik", "bij,bjk->bik", "bhqd,bhkd->bhqk", "i,j->ij", "ij->ji", "ii->i", "ij->", "ij->j", "ij,ij->ij",
      "ij,kj", "...ij,...jk->...ik", "ijk,k->ij", "ab,bc,cd->ad", "iij,jk->ik", "ijx,jk->ik", "...i,...i->...",
      "aab->ba",
      "i,i->", "ij,jk,k->i",
    ])
    let side = equation.split(separator: "-")[0]
    var sizes: [Character: Int] = [:]
    let spread = (0..<random.int(0...2)).map { _ in random.int(1...3) }
    let dtype = random.dtype([.f32, .f64, .i32])
    let types = side.split(separator: ",").map { term -> TensorType in
      var shape: [Int] = []
      for character in term where character != "." {
        let size = sizes[character] ?? random.int(1...5)
        sizes[character] = size
        shape.append(size)
      }
      if term.hasPrefix("...") { shape = random.broadcastable(to: spread) + shape }
      return TensorType(dtype, shape.map { Dim($0) })
    }
    return Sample(Einsum(equation), types)
  }
}
