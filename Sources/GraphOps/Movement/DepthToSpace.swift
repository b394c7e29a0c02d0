// SPDX-License-Identifier: Apache-2.0
// Channels moved into blocks of pixels.

import GraphIR
import KernelIR
import TensorCore

package struct DepthToSpace: Operation {
  package static let name = "DepthToSpace"
  package static let summary = "[N, C, H, W] with b² channels each moved into a block: [N, C/b², H·b, W·b]."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("blocksize", \.blockSize, "the side b of a block"),
      Attribute("mode", \.mode, "'DCR': channels are [b, b, C/b²]; 'CRD': [C/b², b, b]"),
    ]
  }
  package var blockSize = 1
  package var mode = "DCR"
  package init() {}
  package init(blockSize: Int, mode: String = "DCR") {
    self.blockSize = blockSize
    self.mode = mode
  }

  private func move(_ type: TensorType) throws(TypeError) -> BlockMove {
    guard mode == "DCR" || mode == "CRD" else {
      throw TypeError("'mode' of 'DepthToSpace' is '\(mode)'", note: "it is 'DCR' or 'CRD'")
    }
    guard type.rank == 4 else { throw TypeError("'DepthToSpace' needs [N, C, H, W], found \(type)", operand: 0) }
    let b = Dim(blockSize)
    let (n, h, w) = (type.shape[0], type.shape[2], type.shape[3])
    guard blockSize > 0, (b * b).isValid, let c = type.shape[1].dividedExactly(by: b * b) else {
      throw TypeError("\(type.shape[1]) channels do not fill blocks of \(blockSize)·\(blockSize)", operand: 0)
    }
    let result = [n, c, h * b, w * b]
    return mode == "DCR"
      ? BlockMove(parts: [n, b, b, c, h, w], order: [0, 3, 4, 1, 5, 2], result: result)
      : BlockMove(parts: [n, c, b, b, h, w], order: [0, 1, 4, 2, 5, 3], result: result)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'DepthToSpace' needs an operand") }
    return [TensorType(type.dtype, try move(type).result)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'DepthToSpace' needs an operand") }
    let shape = try staticSizes(inferTypes([input.type])[0].shape, for: Self.name)
    let (b, strides) = (blockSize, input.strides)
    return [
      input.gathering(shape) { index in
        let (y, x) = (index[2] % b, index[3] % b)
        let channel = mode == "DCR" ? (y * b + x) * shape[1] + index[1] : (index[1] * b + y) * b + x
        return index[0] * strides[0] + channel * strides[1] + index[2] / b * strides[2] + index[3] / b
      }
    ]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { (builder, operands) throws(TypeError) in
      guard let type = types.operands[0] else { return [] }
      return [try move(type).emit(operands[0], &builder)]
    }
  }

  /// The seed moved back.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let type = context.type(x)
    return [try move(type).inverse(to: type.shape).emit(seed, &context.builder)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let b = random.int(1...3)
    let shape = [random.int(1...2), b * b * random.int(1...3), random.int(1...5), random.int(1...5)]
    return Sample(
      DepthToSpace(blockSize: b, mode: random.pick(["DCR", "CRD"])),
      [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }
}
