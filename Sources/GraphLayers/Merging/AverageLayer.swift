// SPDX-License-Identifier: Apache-2.0
// The mean of the inputs.

import GraphIR
import GraphOps
import TensorCore

package struct AverageLayer: Layer {
  package static let name = "Average"
  package static let summary = "The mean of the inputs."
  package static let inputs = [Slot("inputs", .variadic)]
  package init() {}

  package func build(_ context: inout LayerContext, _ inputs: [ValueID?]) throws(TypeError) -> [LayerOutput] {
    let values = inputs.compactMap { $0 }
    guard values.count > 1 else { throw TypeError("'Average' needs at least two inputs, found \(values.count)") }
    var sum = values[0]
    for value in values.dropFirst() { sum = try context.emit(Add(), sum, value) }
    let share = try context.builder.scalar(1 / Double(values.count), context.type(sum).dtype)
    return [LayerOutput("output", try context.emit(Mul(), sum, share))]
  }
}
