// SPDX-License-Identifier: Apache-2.0
// Blocks of pixels moved into channels.

import GraphIR
import KernelIR
import TensorCore

package struct SpaceToDepth: BlockMoveOperation {
  package static let name = "SpaceToDepth"
  package static let summary = "[N, C, H, W] with each b·b block moved into channels: [N, C·b², H/b, W/b]."
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("blocksize", \.blockSize, "the side b of a block"),
      Attribute("mode", \.mode, "'DCR': channels are [b, b, C]; 'CRD': [C, b, b]"),
    ]
  }
  package var blockSize = 1
  package var mode = "DCR"
  package init() {}

  package func move(of image: [Dim]) throws(TypeError) -> BlockMove {
    let b = Dim(blockSize)
    let (n, c) = (image[0], image[1])
    guard blockSize > 0, let h = image[2].dividedExactly(by: b), let w = image[3].dividedExactly(by: b) else {
      throw TypeError("\(image[2]) by \(image[3]) does not divide into blocks of \(blockSize)", operand: 0)
    }
    let order = mode == "DCR" ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4]
    return BlockMove(parts: [n, c, h, b, w, b], order: order, result: [n, c * b * b, h, w])
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let input = operands[0] else { throw TypeError("'SpaceToDepth' needs an operand") }
    let shape = try staticSizes(inferTypes([input.type])[0].shape, for: Self.name)
    let (b, channels, strides) = (blockSize, input.shape[1], input.strides)
    return [
      input.gathering(shape) { index in
        let isBlockFirst = mode == "DCR"
        let parts = index[1].quotientAndRemainder(dividingBy: isBlockFirst ? max(channels, 1) : b * b)
        let (place, channel) = isBlockFirst ? (parts.quotient, parts.remainder) : (parts.remainder, parts.quotient)
        let (y, x) = (index[2] * b + place / b, index[3] * b + place % b)
        return index[0] * strides[0] + channel * strides[1] + y * strides[2] + x
      }
    ]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let b = random.int(1...3)
    let shape = [random.int(1...2), random.int(1...3), b * random.int(1...4), b * random.int(1...4)]
    return Sample(
      SpaceToDepth(blockSize: b, mode: random.pick(["DCR", "CRD"])),
      [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }
}
