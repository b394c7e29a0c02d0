// SPDX-License-Identifier: Apache-2.0
// The best boxes of each class that do not overlap each other too much.

import GraphIR
import KernelIR
import TensorCore

/// The limit and the thresholds are attributes: the limit bounds the result.
package struct NonMaxSuppression: RuntimeSized {
  package static let name = "NonMaxSuppression"
  package static let summary =
    "Rows (image, class, box) of the boxes that stay, by descending score in each class; ties by the lower box."
  package static let operands = [Slot("boxes"), Slot("scores")]
  package static let results = [Slot("selected_indices")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("center_point_box", \.isCentred, "whether boxes are centre and size instead of two corners"),
      Attribute("max_output_boxes_per_class", \.limit, "the most boxes of a class that stay"),
      Attribute("iou_threshold", \.overlap, "the intersection over union above which a box goes"),
      Attribute("score_threshold", \.score, "boxes stay with scores above it only; none for no threshold"),
      Attribute("count", \.count, "the run-time size that the number of rows is"),
    ]
  }
  package var isCentred = false
  package var limit = 0
  package var overlap = 0.0
  package var score: Double?
  package var count: Dim?
  package init() {}

  package func countBound(_ operands: [TensorType?]) -> Dim? {
    guard operands.count > 1, let shape = operands[1]?.shape, let boxes = shape.last else { return nil }
    return shape.dropLast().reduce(Dim.smaller(Dim(max(0, limit)), boxes), *)
  }

  private var selection: SelectBoxes {
    var selection = SelectBoxes()
    (selection.isCentred, selection.limit, selection.overlap, selection.score) = (isCentred, limit, overlap, score)
    return selection
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let boxes = operands[0], let scores = operands[1] else {
      throw TypeError("'NonMaxSuppression' needs boxes and scores")
    }
    _ = try selection.inferTypes([boxes, scores, TensorType(.i64, scores.shape)])
    return [TensorType(.i64, [try runtimeCount(count, for: Self.name), 3])]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let boxes = operands[0], let scores = operands[1] else {
      throw TypeError("'NonMaxSuppression' needs boxes and scores")
    }
    guard scores.shape.count == 3 else { throw TypeError("the scores are \(scores.type)") }
    let (classes, count) = (scores.shape[1], scores.shape[2])
    var order = Reference(zeros: .i64, scores.shape)
    for row in 0..<scores.shape[0] * classes {
      let sorted = (0..<count).sorted { a, b in
        let (p, q) = (scores.reals[row * count + a], scores.reals[row * count + b])
        return p > q || (p == q && a < b)
      }
      for (rank, box) in sorted.enumerated() { order.integers[row * count + rank] = Int64(box) }
    }
    let stays = try selection.evaluate([boxes, scores, order])[0]
    var rows: [Int64] = []
    for position in 0..<stays.count where stays.integers[position] != 0 {
      let row = position / count
      rows += [Int64(row / classes), Int64(row % classes), order.integers[position]]
    }
    return [Reference(.i64, [rows.count / 3, 3], integers: rows)]
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { (builder, operands) throws(TypeError) in
      guard let boxes = operands[0], let scores = operands[1] else { throw TypeError("an operand is missing") }
      let shape = builder.type(scores).shape
      let size = try runtimeCount(count, for: Self.name)
      let flat = try builder.emit(Reshape(exactly: [shape[0] * shape[1], shape[2], 1]), scores)
      let order = try builder.emit(
        Reshape(exactly: shape), try builder.emitAny(SortedOrder(descending: true), [flat])[0])
      let stays = try builder.emitAny(selection, [boxes, scores, order])[0]
      let found = try builder.emitAny(TruePositions(), [stays])
      let room = countBound(types.operands) ?? 0
      let most = try builder.emit(Prefix(room), found[0])
      let positions = try builder.prefixes([most], of: found[1], size)[0]
      func part(_ divisor: Dim, _ modulus: Dim) throws(TypeError) -> ValueID {
        let whole = try builder.emit(Div(), positions, try builder.emit(Dimension(Dim.larger(1, divisor), .i64)))
        let index = try builder.emit(Mod(), whole, try builder.emit(Dimension(Dim.larger(1, modulus), .i64)))
        return try builder.emit(Reshape(exactly: [size, 1]), index)
      }
      let flatOrder = try builder.emit(Reshape(exactly: [shape.reduce(1, *)]), order)
      let box = try builder.emit(
        Reshape(exactly: [size, 1]), try builder.emit(Gather(axis: 0), flatOrder, positions))
      let parts = [try part(shape[1] * shape[2], shape[0]), try part(shape[2], shape[1]), box]
      return [try builder.emitAny(Concat(axis: 1), parts)[0]]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil, nil] }

  /// No threshold takes a box away, so that the number is known.
  package static func sample(_ random: inout SampleSource) -> Sample {
    var suppression = NonMaxSuppression()
    suppression.isCentred = random.bool()
    suppression.limit = random.int(1...5)
    suppression.overlap = 1
    let (batch, classes, boxes) = (random.int(1...2), random.int(1...3), random.size())
    suppression.count = Dim(batch * classes * min(boxes, suppression.limit))
    return Sample(
      suppression,
      [
        TensorType(.f32, [Dim(batch), Dim(boxes), 4]),
        TensorType(.f32, [Dim(batch), Dim(classes), Dim(boxes)]),
      ], ranges: [0: 0...1, 1: 0...1])
  }
}
