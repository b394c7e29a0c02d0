// SPDX-License-Identifier: Apache-2.0
// How the axes of a stored tensor stand to those of a parameter.

import GraphIR
import TensorCore

/// What is done to a stored tensor to make it a parameter.
enum WeightLayout: Equatable {
  /// The same elements in the same order, perhaps of another shape.
  case same
  /// [outputs, inputs] as [inputs, outputs]; the parameter may split either.
  case transposed(rows: Int, columns: Int)
  /// PyTorch's [outputs, inputs, window…] as [window…, inputs, outputs].
  case windowLast
  /// PyTorch's [channels · multiplier, 1, window…] as [window…, channels, multiplier].
  case depthwise

  /// The layouts in which a stored tensor fits a parameter: none, one, or for square matrices two.
  static func fitting(_ parameter: Parameter, _ weight: StoredWeight) -> [WeightLayout] {
    let (wanted, found) = (parameter.shape, weight.shape)
    let leaf = parameter.name.split(separator: "/").last.map(String.init) ?? parameter.name
    if leaf == "embeddings" || !leaf.hasSuffix("kernel") {
      let isVector =
        found.filter { $0 != 1 } == wanted.filter { $0 != 1 }
        || (found.count == 1 && Tensor.count(of: wanted) == found[0])
      return wanted == found || isVector ? [.same] : []
    }
    if found.count == 2, (2...3).contains(wanted.count) {
      // A kernel of attention splits its outputs into heads, the last one its inputs.
      let isJoined = parameter.name.hasSuffix("attention_output/kernel")
      let rows = wanted.count == 2 ? wanted[0] : isJoined ? wanted[0] * wanted[1] : wanted[0]
      let columns = wanted.count == 2 ? wanted[1] : isJoined ? wanted[2] : wanted[1] * wanted[2]
      if weight.isInputsFirst { return found == [rows, columns] ? [.same] : [] }
      var layouts: [WeightLayout] = []
      if found == [columns, rows] { layouts.append(.transposed(rows: rows, columns: columns)) }
      if found == [rows, columns] { layouts.append(.same) }
      return layouts
    }
    guard found.count == wanted.count, wanted.count >= 3 else { return [] }
    let window = Array(wanted.dropLast(2))
    let (inputs, outputs) = (wanted[wanted.count - 2], wanted[wanted.count - 1])
    if weight.isInputsFirst { return found == wanted ? [.same] : [] }
    if found == [outputs, inputs] + window { return [.windowLast] }
    if found == [inputs * outputs, 1] + window { return [.depthwise] }
    return found == wanted ? [.same] : []
  }

  /// The parameter's tensor.
  func apply(_ tensor: Tensor, to shape: [Int]) throws -> Tensor {
    switch self {
    case .same:
      // The bytes stay in the file.
      if let reshaped = tensor.reshaped(shape) { return reshaped }
      return try StoredWeight.rearranged(tensor, to: shape) { $0 }
    case .transposed(let rows, let columns):
      return try StoredWeight.rearranged(tensor, to: shape) { $0 % columns * rows + $0 / columns }
    case .windowLast, .depthwise:
      let window = shape.dropLast(2).reduce(1, *)
      let (inputs, outputs) = (shape[shape.count - 2], shape[shape.count - 1])
      let isDepthwise = self == .depthwise
      return try StoredWeight.rearranged(tensor, to: shape) { index in
        let (place, input, output) = (index / (inputs * outputs), index / outputs % inputs, index % outputs)
        return (isDepthwise ? input * outputs + output : output * inputs + input) * window + place
      }
    }
  }
}
