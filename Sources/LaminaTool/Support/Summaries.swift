// SPDX-License-Identifier: Apache-2.0
// Outputs on the screen.

import GraphSupport
import TensorCore

/// Name, type, range and first values; for a probability its best classes.
func textSummary(_ name: String, _ tensor: Tensor) -> String {
  var text = "\(name)  \(TensorSummary(tensor))"
  for (row, classes) in bestClasses(tensor).enumerated() {
    let best = classes.map { "\($0.index) (\(decimals(100 * $0.probability, 1)) %)" }.joined(separator: ", ")
    text += "\n  \(tensor.shape.count > 1 ? "row \(row): " : "")\(best)"
  }
  return text
}

/// The three best classes of each of the first rows, when the rows are probabilities.
private func bestClasses(_ tensor: Tensor) -> [[(index: Int, probability: Double)]] {
  guard tensor.dtype.isFloat, let width = tensor.shape.last, width > 1, tensor.shape.count <= 2 else { return [] }
  let rows = tensor.count / width
  let values = (0..<min(rows, 8)).map { row in (0..<width).map { tensor.double(row * width + $0) } }
  guard values.allSatisfy({ row in row.allSatisfy { $0 >= 0 && $0 <= 1 } && abs(row.reduce(0, +) - 1) < 1e-3 }) else {
    return []
  }
  return values.map { row in
    row.enumerated().sorted { $0.element > $1.element }.prefix(3).map { (index: $0.offset, probability: $0.element) }
  }
}

/// The same for programs; what does not exist is null, and the first values are numbers.
func jsonSummary(_ name: String, _ tensor: Tensor) -> String {
  let summary = TensorSummary(tensor)
  func number(_ value: Double?) -> String {
    value.map { $0.isFinite ? "\($0)" : "\"\($0)\"" } ?? "null"
  }
  let shape = tensor.shape.map(String.init).joined(separator: ", ")
  let first = (0..<min(summary.first.count, tensor.count)).map { number(tensor.double($0)) }
  return "{\"name\": \(jsonString(name)), \"dtype\": \"\(tensor.dtype)\", \"shape\": [\(shape)], "
    + "\"min\": \(number(summary.minimum)), \"mean\": \(number(summary.mean)), "
    + "\"max\": \(number(summary.maximum)), \"first\": [\(first.joined(separator: ", "))]}"
}
