// SPDX-License-Identifier: Apache-2.0
// Axes split into parts that change places: what DepthToSpace and SpaceToDepth share.

import GraphIR
import TensorCore

/// A reshape to `parts`, a transpose by `order`, and a reshape to the result.
package struct BlockMove: Sendable {
  var parts: [Dim]
  var order: [Int]
  var result: [Dim]

  /// Emits the move.
  func emit(_ x: ValueID?, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    let split = try builder.emit(Reshape(exactly: parts), x)
    return try builder.emit(Reshape(exactly: result), builder.emit(Transpose(perm: order), split))
  }

  /// The move that takes the result back to a shape.
  func inverse(to shape: [Dim]) -> BlockMove {
    var back = order
    for (place, axis) in order.enumerated() { back[axis] = place }
    return BlockMove(parts: order.map { parts[$0] }, order: back, result: shape)
  }
}

/// Channels of images [N, C, H, W] moved into blocks of pixels, or back.
package protocol BlockMoveOperation: Operation {
  /// The side of a block.
  var blockSize: Int { get set }
  /// 'DCR': a channel's number is its place in the block, then the channel of the image; 'CRD': the other way.
  var mode: String { get set }
  /// The move of an image, in a mode that is known.
  func move(of image: [Dim]) throws(TypeError) -> BlockMove
}

extension BlockMoveOperation {
  package static var operands: [Slot] { [Slot("input")] }

  package init(blockSize: Int, mode: String = "DCR") {
    self.init()
    self.blockSize = blockSize
    self.mode = mode
  }

  private func move(_ type: TensorType?) throws(TypeError) -> BlockMove {
    guard let type else { throw TypeError("'\(Self.name)' needs an operand") }
    guard mode == "DCR" || mode == "CRD" else {
      throw TypeError("'mode' of '\(Self.name)' is '\(mode)'", note: "it is 'DCR' or 'CRD'")
    }
    guard type.rank == 4 else { throw TypeError("'\(Self.name)' needs [N, C, H, W], found \(type)", operand: 0) }
    return try move(of: type.shape)
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    [TensorType(operands[0]?.dtype ?? .f32, try move(operands[0]).result)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in [try move(types.operands[0]).emit(operands[0], &builder)] }
  }

  /// The seed moved back.
  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] {
    guard let seed = context.seeds[0], let x = context.operands[0] else { return [nil] }
    let type = context.type(x)
    return [try move(type).inverse(to: type.shape).emit(seed, &context.builder)]
  }
}
