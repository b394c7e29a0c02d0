// SPDX-License-Identifier: Apache-2.0
// Blocks of pixels moved into channels.

import GraphIR
import KernelIR
import TensorCore

package struct SpaceToDepth: Operation {
  package static let name = "SpaceToDepth"
  package static let summary = "[N, C, H, W] with each b·b block moved into channels: [N, C·b², H/b, W/b]."
  package static let operands = [Slot("input")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("blocksize", \.blockSize, "the side b of a block"),
      Attribute("mode", \.mode, "'DCR': channels are [b, b, C]; 'CRD': [C, b, b]"),
    ]
  }
  package var blockSize = 1
  package var mode = "DCR"
  package init() {}
  package init(blockSize: Int) { self.blockSize = blockSize }

  private func move(_ type: TensorType) throws(TypeError) -> BlockMove {
    guard mode == "DCR" || mode == "CRD" else {
      throw TypeError("'mode' of 'SpaceToDepth' is '\(mode)'", note: "it is 'DCR' or 'CRD'")
    }
    guard type.rank == 4 else { throw TypeError("'SpaceToDepth' needs [N, C, H, W], found \(type)", operand: 0) }
    let b = Dim(blockSize)
    let (n, c) = (type.shape[0], type.shape[1])
    guard blockSize > 0, let h = type.shape[2].dividedExactly(by: b), let w = type.shape[3].dividedExactly(by: b) else {
      throw TypeError("\(type.shape[2]) by \(type.shape[3]) does not divide into blocks of \(blockSize)", operand: 0)
    }
    let order = mode == "DCR" ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4]
    return BlockMove(parts: [n, c, h, b, w, b], order: order, result: [n, c * b * b, h, w])
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let type = operands[0] else { throw TypeError("'SpaceToDepth' needs an operand") }
    return [TensorType(type.dtype, try move(type).result)]
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
    let shape = [random.int(1...2), random.int(1...3), b * random.int(1...4), b * random.int(1...4)]
    var operation = SpaceToDepth(blockSize: b)
    operation.mode = random.pick(["DCR", "CRD"])
    return Sample(operation, [TensorType(random.dtype([.f32, .f64]), shape.map { Dim($0) })])
  }
}
