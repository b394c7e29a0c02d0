// SPDX-License-Identifier: Apache-2.0
// Outputs on the screen.

import GraphSupport
import TensorCore

/// Values that a summary shows.
private let shownCount = 6

private struct Summary {
  var low = Double.infinity
  var high = -Double.infinity
  var sum = 0.0
  var first: [Double]

  init(_ tensor: Tensor) {
    first = (0..<min(shownCount, tensor.count)).map { tensor.double($0) }
    for index in 0..<tensor.count {
      let value = tensor.double(index)
      low = min(low, value)
      high = max(high, value)
      sum += value
    }
  }
}

/// Name, type, smallest, mean and largest value, and the first values; for a probability its best classes.
func textSummary(_ name: String, _ tensor: Tensor) -> String {
  guard tensor.count > 0 else { return "\(name)  \(tensor.type)  empty" }
  let summary = Summary(tensor)
  let values = summary.first.map { decimals($0, 4) }.joined(separator: " ")
  var text =
    "\(name)  \(tensor.type)  min \(decimals(summary.low, 4))  mean \(decimals(summary.sum / Double(tensor.count), 4))  "
    + "max \(decimals(summary.high, 4))  [\(values)\(tensor.count > shownCount ? " …" : "")]"
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

/// The same for programs.
func jsonSummary(_ name: String, _ tensor: Tensor) -> String {
  let summary = Summary(tensor)
  func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "\"\(value)\"" }
  let shape = tensor.shape.map(String.init).joined(separator: ", ")
  let mean = tensor.count == 0 ? "null" : number(summary.sum / Double(tensor.count))
  let (low, high) = tensor.count == 0 ? ("null", "null") : (number(summary.low), number(summary.high))
  return "{\"name\": \(jsonString(name)), \"dtype\": \"\(tensor.dtype)\", \"shape\": [\(shape)], "
    + "\"min\": \(low), \"mean\": \(mean), \"max\": \(high), "
    + "\"first\": [\(summary.first.map(number).joined(separator: ", "))]}"
}
