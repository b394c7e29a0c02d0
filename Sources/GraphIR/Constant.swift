// SPDX-License-Identifier: Apache-2.0
// The leaves of a graph: constants and parameters. They stand here because the builder makes them.

import KernelIR
import TensorCore

/// A tensor known when the model is compiled. Its bytes are shared with whoever loaded them.
package struct Constant: Operation {
  package static let name = "Constant"
  package static let summary = "A tensor known when the model is compiled."
  package static let operands: [Slot] = []
  package static var attributes: [Attribute<Self>] { [Attribute("value", \.value, "the tensor")] }

  package var value: SharedTensor

  package init() { value = SharedTensor(Tensor(zeros: .f32, []) ?? Constant.empty) }
  package init(_ tensor: Tensor) { value = SharedTensor(tensor) }

  /// Stands in when not even a scalar can be allocated.
  private static var empty: Tensor {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 64)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    return Tensor(.f32, [], storage: TensorStorage(adopting: bytes, release: { $0.deallocate() }))!
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] { [value.tensor.type] }
  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] { [Reference(value.tensor)] }
  package func lower(_ types: NodeTypes) -> Lowering { .leaf }
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(Constant(random.tensor(random.dtype([.f32, .f64, .i32, .i64, .bool]), random.shape(maxRank: 3))), [])
  }
}

/// A trainable (or loaded) tensor of a model; bound to a constant before compilation for inference, an input of the
/// step in training.
package struct Parameter: Operation {
  package static let name = "Parameter"
  package static let summary = "A named tensor of the model, loaded from `weights:` or initialised."
  package static let operands: [Slot] = []
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("name", \.name, "its path, such as `hidden/kernel`"),
      Attribute("dtype", \.dtype, "its element type"),
      Attribute("shape", \.shape, "its sizes"),
      Attribute("initializer", \.initializer, "how it is initialised when no weights are given"),
      Attribute("trainable", \.trainable, "false for running statistics and frozen parameters"),
      Attribute("regularizer", \.regularizer, "what training adds to the loss for it, such as l2(0.01)"),
      Attribute("constraint", \.constraint, "what training holds it to after each step, such as non_neg"),
    ]
  }

  package var name = ""
  package var dtype = DType.f32
  package var shape: [Int] = []
  package var initializer = "zeros"
  package var trainable = true
  package var regularizer: String?
  package var constraint: String?

  package init() {}
  package init(_ name: String, _ dtype: DType, _ shape: [Int], initializer: String, trainable: Bool = true) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.initializer = initializer
    self.trainable = trainable
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    [TensorType(dtype, shape.map { Dim($0) })]
  }
  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    throw TypeError("parameter '\(name)' has no value: bind weights first")
  }
  package func lower(_ types: NodeTypes) -> Lowering { .leaf }
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    Sample(Parameter("w", .f32, random.shape(maxRank: 2), initializer: "zeros"), [])
  }
}
