// SPDX-License-Identifier: Apache-2.0
// Channels moved into blocks of pixels.

import GraphIR
import KernelIR
import TensorCore

package struct DepthToSpace: BlockMoveOperation {
  package static let name = "DepthToSpace"
  package static let summary = "[N, C, H, W] with b² channels each moved into a block: [N, C/b², H·b, W·b]."
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("blocksize", \.blockSize, "the side b of a block"),
      Attribute("mode", \.mode, "'DCR': channels are [b, b, C/b²]; 'CRD': [C/b², b, b]"),
    ]
  }
  package var blockSize = 1
  package var mode = "DCR"
  package init() {}

  package func move(of image: [Dim]) throws(TypeError) -> BlockMove {
    let b = Dim(blockSize)
    let (n, h, w) = (image[0], image[2], image[3])
    guard blockSize > 0, (b * b).isValid, let c = image[1].dividedExactly(by: b * b) else {
      throw TypeError("\(image[1]) channels do not fill blocks of \(blockSize)·\(blockSize)", operand: 0)
    }
    let result = [n, c, h * b, w * b]
    return mode == "DCR"
      ? BlockMove(parts: [n, b, b, c, h, w], order: [0, 3, 4, 1, 5, 2], result: result)
      : BlockMove(parts: [n, c, b, b, h, w], order: [0, 1, 4, 2, 5, 3], result: result)
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

  package static func sample(_ random: inout SampleSource) -> Sample {
    let b = random.int(1...3)
    let shape = [random.int(1...2), b * b * random.int(1...3), random.int(1...5), random.int(1...5)]
    return Sample(
      DepthToSpace(blockSize: b, mode: random.pick(["DCR", "CRD"])),
      [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }
}
