// SPDX-License-Identifier: Apache-2.0
// Outputs on the screen.

import GraphSupport
import TensorCore

/// Name, type, smallest, mean and largest value, and the first values; the best classes of a probability.
func textSummary(_ name: String, _ tensor: Tensor) -> String {
  let summary = TensorSummary(tensor)
  return "\(name)  \(summary.text)"
}

/// The same for programs.
func jsonSummary(_ name: String, _ tensor: Tensor) -> String {
  let summary = TensorSummary(tensor)
  let shape = tensor.shape.map(String.init).joined(separator: ", ")
  func number(_ value: Double?) -> String { value.map { $0.isFinite ? "\($0)" : "\"\($0)\"" } ?? "null" }
  let first = summary.first.map { number($0) }.joined(separator: ", ")
  return "{\"name\": \(jsonString(name)), \"dtype\": \"\(tensor.dtype)\", \"shape\": [\(shape)], "
    + "\"min\": \(number(summary.minimum)), \"mean\": \(number(summary.mean)), \"max\": \(number(summary.maximum)), "
    + "\"first\": [\(first)]}"
}
