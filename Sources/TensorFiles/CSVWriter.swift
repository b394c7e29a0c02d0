// SPDX-License-Identifier: Apache-2.0
// Writing a tensor as CSV.

import GraphSupport
import TensorCore

enum CSVWriter {
  /// Writes rows of numbers without a header: `[rows, columns]`, `[rows]`, or one number. Floats are the shortest text
  /// that reads back to the same value; `nan` and `inf` are written so.
  static func write(_ tensor: Tensor, to path: String) throws(DiagnosticsError) {
    guard tensor.shape.count <= 2 else {
      throw DiagnosticsError(
        "file-write", "a csv file has rows and columns, but the tensor is \(tensor.type): write a .npy file", file: path
      )
    }
    let width = tensor.shape.count == 2 ? tensor.shape[1] : 1
    let texts = NumberTexts(tensor)
    var text = ""
    for index in 0..<tensor.count {
      texts.append(index, to: &text)
      text += (index + 1) % width == 0 ? "\n" : ","
    }
    try AtomicFile.write(text, to: path)
  }
}

/// A tensor's elements as decimal text.
struct NumberTexts {
  let tensor: Tensor

  init(_ tensor: Tensor) { self.tensor = tensor }

  /// The shortest text that reads back to element `index`; half types as the Float they are.
  func append(_ index: Int, to text: inout String) {
    switch tensor.dtype {
    case .f64: text += "\(tensor.double(index))"
    case .f32, .f16, .bf16: text += "\(Float(tensor.double(index)))"
    case .u64: text += "\(UInt64(bitPattern: tensor.integer(index)))"
    default: text += "\(tensor.integer(index))"
    }
  }
}
