// SPDX-License-Identifier: Apache-2.0
// Writing tensors as JSON.

import GraphSupport
import TensorCore

enum JSONWriter {
  /// Writes nested arrays, a row of the last axis a line; several tensors as an object by name. A tensor with an empty
  /// axis, whose shape arrays cannot show, is written as `{"dtype": …, "shape": …, "data": []}`.
  static func write(_ tensors: [(name: String, tensor: Tensor)], to path: String) throws(DiagnosticsError) {
    var text = ""
    if tensors.count == 1 {
      append(tensors[0].1, to: &text)
    } else {
      text = "{"
      for (index, (name, tensor)) in tensors.enumerated() {
        text += "\(index == 0 ? "" : ",")\n\(JSONText.string(name)): "
        append(tensor, to: &text)
      }
      text += "\n}"
    }
    try AtomicFile.write(text + "\n", to: path)
  }

  private static func append(_ tensor: Tensor, to text: inout String) {
    if tensor.shape.contains(0) {
      let sizes = tensor.shape.map(String.init).joined(separator: ", ")
      text += "{\"dtype\": \"\(tensor.dtype)\", \"shape\": [\(sizes)], \"data\": []}"
      return
    }
    // How many arrays end before element `index`, and as many start: one for each axis whose block is complete there.
    func boundaries(_ index: Int) -> Int {
      var (depth, block) = (0, 1)
      for size in tensor.shape.reversed() {
        block *= size
        guard index % block == 0 else { break }
        depth += 1
      }
      return depth
    }
    let numbers = NumberTexts(tensor)
    var depth = tensor.shape.count
    for index in 0..<tensor.count {
      if index > 0 { text += depth > 0 ? ",\n" : ", " }
      for _ in 0..<depth { text += "[" }
      if tensor.dtype == .bool {
        text += tensor.integer(index) == 0 ? "false" : "true"
      } else if tensor.dtype.isFloat, !tensor.double(index).isFinite {
        let value = tensor.double(index)
        text += value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
      } else {
        numbers.append(index, to: &text)
      }
      depth = boundaries(index + 1)
      for _ in 0..<depth { text += "]" }
    }
  }
}
