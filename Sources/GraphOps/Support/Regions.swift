// SPDX-License-Identifier: Apache-2.0
// What operators with regions share: an empty region to start from, and checks of what goes in and out.

import GraphIR
import TensorCore

extension SharedGraph {
  /// The region of an operator that has none yet.
  static let empty = SharedGraph(Graph(name: ""))
}

/// Refuses a condition or count that is not one element of a type.
func checkScalar(_ type: TensorType?, _ dtype: DType, _ what: String, of name: String) throws(TypeError) {
  guard let type else { return }
  guard type.dtype == dtype, type.elementCount == 1 else {
    throw TypeError("\(what) of '\(name)' is \(type), expected one element of \(dtype)")
  }
}

/// Refuses a region whose inputs do not have the types that the operator gives them.
func checkInputs(_ region: Graph, _ types: [TensorType], of name: String) throws(TypeError) {
  guard region.inputs.count == types.count else {
    throw TypeError("the region '\(region.name)' of '\(name)' takes \(region.inputs.count) values, found \(types.count)")
  }
  for (index, (found, expected)) in zip(region.inputTypes, types).enumerated() where found != expected {
    let input = region.displayName(region.inputs[index])
    throw TypeError("input '\(input)' of the region '\(region.name)' of '\(name)' is \(found), it is given \(expected)")
  }
}

/// The types of all operands; none may be missing.
func present(_ operands: some Sequence<TensorType?>, for name: String) throws(TypeError) -> [TensorType] {
  var types: [TensorType] = []
  for operand in operands {
    guard let operand else { throw TypeError("an operand of '\(name)' is missing") }
    types.append(operand)
  }
  return types
}

extension Reference {
  /// One step's part of an axis, without the axis.
  func slice(_ position: Int, along axis: Int) -> Reference {
    var rest = shape
    rest.remove(at: axis)
    let strides = strides
    return gathering(rest) { index in
      var place = position * strides[axis]
      for (number, value) in index.enumerated() { place += value * strides[number < axis ? number : number + 1] }
      return place
    }
  }

  /// Tensors of one type side by side along a new axis.
  static func stack(_ slices: [Reference], along axis: Int, _ dtype: DType, _ shape: [Int]) -> Reference {
    var whole = shape
    whole.insert(slices.count, at: axis)
    var result = Reference(zeros: dtype, whole)
    forEachIndex(whole) { position, index in
      var rest = index
      let slice = slices[rest.remove(at: axis)]
      let place = zip(rest, slice.strides).reduce(0) { $0 + $1.0 * $1.1 }
      if dtype.isFloat { result.reals[position] = slice.reals[place] } else { result.integers[position] = slice.integers[place] }
    }
    return result
  }
}
