// SPDX-License-Identifier: Apache-2.0
// Images whose values fill the whole range.

import GraphIR
import GraphOps
import TensorCore

package struct AutoContrast: Layer {
  package static let name = "AutoContrast"
  package static let summary = "Images [N, height, width, channels] scaled so that each channel fills value_range."
  package static var arguments: [Attribute<Self>] {
    [Attribute("value_range", \.range, "the smallest and largest value of a pixel")]
  }
  package var range: [Double] = [0, 255]
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let x = try context.floats(operand(inputs))
    guard range.count == 2, range[0] < range[1] else {
      throw TypeError("'value_range' of 'AutoContrast' must be two ascending numbers, found \(range)")
    }
    guard context.type(x).rank == 4 else {
      throw TypeError("'AutoContrast' needs images [N, height, width, channels], found \(context.type(x))", operand: 0)
    }
    let low = try context.emit(ReduceMin(axes: [1, 2]), x)
    let spread = try context.emit(Sub(), try context.emit(ReduceMax(axes: [1, 2]), x), low)
    let share = try context.emit(Div(), try context.emit(Sub(), x, low), spread)
    var y = try context.emit(Mul(), share, try context.scalar(range[1] - range[0], like: x))
    y = try context.emit(Add(), y, try context.scalar(range[0], like: x))
    // A channel of one value has no range to fill.
    let isFlat = try context.emit(Equal(), spread, try context.scalar(0, like: x))
    return result(try context.emit(Where(), isFlat, x, y))
  }
}
