// SPDX-License-Identifier: Apache-2.0
// Which boxes stay: those that no better box of their class overlaps too much.

import GraphIR
import KernelIR
import TensorCore

/// What NonMaxSuppression decides, for every rank of the boxes by score; not an operator of ONNX.
package struct SelectBoxes: Operation {
  package static let name = "SelectBoxes"
  package static let summary =
    "For each class and rank whether the box of that rank stays: none that stays before it overlaps it too much."
  package static let operands = [Slot("boxes"), Slot("scores"), Slot("order")]
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("center_point_box", \.isCentred, "whether boxes are centre and size instead of two corners"),
      Attribute("limit", \.limit, "the most boxes of a class that stay"),
      Attribute("iou_threshold", \.overlap, "the intersection over union above which a box goes"),
      Attribute("score_threshold", \.score, "boxes stay with scores above it only; none for no threshold"),
    ]
  }
  package var isCentred = false
  package var limit = 0
  package var overlap = 0.0
  package var score: Double?
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let boxes = operands[0], let scores = operands[1], let order = operands[2] else {
      throw TypeError("'SelectBoxes' needs three operands")
    }
    guard boxes.dtype == .f32 || boxes.dtype == .f64, boxes.rank == 3, boxes.shape[2] == 4 else {
      throw TypeError("the boxes are \(boxes), expected [batch, boxes, 4] of f32", operand: 0)
    }
    guard scores.dtype == boxes.dtype, scores.rank == 3, scores.shape[0] == boxes.shape[0],
      scores.shape[2] == boxes.shape[1]
    else { throw TypeError("the scores are \(scores), expected [batch, classes, boxes] for \(boxes)", operand: 1) }
    guard order == TensorType(.i64, scores.shape) else {
      throw TypeError("the order is \(order), expected \(TensorType(.i64, scores.shape))", operand: 2)
    }
    return [TensorType(.bool, scores.shape)]
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    guard let boxes = operands[0], let scores = operands[1], let order = operands[2] else {
      throw TypeError("'SelectBoxes' needs three operands")
    }
    _ = try inferTypes([boxes.type, scores.type, order.type])
    let (batch, classes, count) = (scores.shape[0], scores.shape[1], scores.shape[2])
    var stays = Reference(zeros: .bool, scores.shape)
    for row in 0..<batch * classes {
      var kept: [Int] = []
      for rank in 0..<count where kept.count < limit {
        let box = clampedIndex(order.integers[row * count + rank], count)
        let place = (row / classes * count + box) * 4
        if let score, !(scores.reals[row * count + box] > score) { continue }
        let corners = self.corners(Array(boxes.reals[place..<place + 4]))
        let isCovered = kept.contains { other in
          let otherPlace = (row / classes * count + other) * 4
          return Self.overlap(corners, self.corners(Array(boxes.reals[otherPlace..<otherPlace + 4]))) > overlap
        }
        if isCovered { continue }
        kept.append(box)
        stays.integers[row * count + rank] = 1
      }
    }
    return [stays]
  }

  /// Lowest and highest corner, of a box given by two corners (in any order) or by centre and size.
  private func corners(_ box: [Double]) -> [Double] {
    if isCentred {
      return [box[0] - box[2] / 2, box[1] - box[3] / 2, box[0] + box[2] / 2, box[1] + box[3] / 2]
    }
    return [min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])]
  }

  private static func overlap(_ a: [Double], _ b: [Double]) -> Double {
    let width = min(a[2], b[2]) - max(a[0], b[0])
    let height = min(a[3], b[3]) - max(a[1], b[1])
    let (first, second) = ((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    if width <= 0 || height <= 0 || first <= 0 || second <= 0 { return 0 }
    return width * height / (first + second - width * height)
  }

  /// A tile is one class of one image.
  package func lower(_ types: NodeTypes) -> Lowering {
    guard let scores = types.operands[1] else { return .leaf }
    return .loops { context in
      context.tileCount = scores.shape[0] * scores.shape[1]
      let dtype = scores.dtype
      let (classes, count) = (context.size(scores.shape[1]), context.size(scores.shape[2]))
      let row = Expr.axis(context.tileAxis)
      let batch = Expr.floorDiv(row, classes)
      let stays = context.resultBuffer(0)
      let (rank, clear) = (context.axis("rank"), context.axis("z"))
      let (kept, isKept, other) = (context.local("kept", .i64), context.local("isKept", .i64), context.local("other", .i64))
      var statements: [Statement] = []
      func define(_ name: String, _ value: Expr) -> (Expr, Statement) {
        let local = context.local(name, value.dtype)
        return (.local(local), .define(local, value))
      }
      /// The box at a rank: its lowest and highest corner.
      func box(_ rank: Expr, into statements: inout [Statement]) -> (index: Expr, corners: [Expr]) {
        let (index, defineIndex) = define("box", clampedIndex(context.load(2, at: row * count + rank), count))
        statements.append(defineIndex)
        var parts: [Expr] = []
        for part in 0..<4 {
          let (value, defineValue) = define("p\(part)", context.load(0, at: (batch * count + index) * .int(4) + .int(part)))
          statements.append(defineValue)
          parts.append(value)
        }
        if isCentred {
          let half = parts[2...].map { $0 * 0.5 }
          return (index, [parts[0] - half[0], parts[1] - half[1], parts[0] + half[0], parts[1] + half[1]])
        }
        return (
          index, [.min(parts[0], parts[2]), .min(parts[1], parts[3]), .max(parts[0], parts[2]), .max(parts[1], parts[3])]
        )
      }
      let (index, corners) = box(.axis(rank), into: &statements)
      var isCandidate = Expr.less(.local(kept), .int(limit))
      if let score {
        isCandidate = isCandidate && .binary(.gt, context.load(1, at: row * count + index), .constant(score, dtype))
      }
      statements += [.variable(isKept, .select(isCandidate, .int(1), .int(0))), .variable(other, .int(0))]

      var inner: [Statement] = []
      let (_, others) = box(.local(other), into: &inner)
      let (width, defineWidth) = define("width", .min(corners[2], others[2]) - .max(corners[0], others[0]))
      let (height, defineHeight) = define("height", .min(corners[3], others[3]) - .max(corners[1], others[1]))
      let (first, defineFirst) = define("first", (corners[2] - corners[0]) * (corners[3] - corners[1]))
      let (second, defineSecond) = define("second", (others[2] - others[0]) * (others[3] - others[1]))
      let (shared, defineShared) = define("shared", width * height)
      let zero = Expr.constant(0, dtype)
      func isPositive(_ value: Expr) -> Expr { .less(zero, value) }
      let isReal = isPositive(width) && isPositive(height) && isPositive(first) && isPositive(second)
      let isCovered = isReal && .binary(.gt, shared / (first + second - shared), .constant(overlap, dtype))
      inner += [defineWidth, defineHeight, defineFirst, defineSecond, defineShared]
      // Overlap above a negative threshold: every box that stays covers every other.
      inner.append(.branch(overlap < 0 ? .bool(true) : isCovered, then: [.assign(isKept, .int(0))], else: []))
      statements += [
        .repeatWhile(
          .binary(.eq, .local(isKept), .int(1)) && .less(.local(other), .axis(rank)),
          [
            .branch(.load(stays, .bool, at: row * count + .local(other)), then: inner, else: []),
            .assign(other, .local(other) + .int(1)),
          ]),
        .store(
          buffer: stays, offset: row * count + .axis(rank), value: .binary(.eq, .local(isKept), .int(1)), guard: nil),
        .assign(kept, .local(kept) + .local(isKept)),
      ]
      return [
        .loop(
          Loop(clear, count, .serial, [.store(buffer: stays, offset: row * count + .axis(clear), value: .bool(false), guard: nil)])),
        .variable(kept, .int(0)),
        .loop(Loop(rank, count, .serial, statements)),
      ]
    }
  }

  package func gradient(_ context: inout GradientContext) throws(TypeError) -> [ValueID?] { [nil, nil, nil] }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var select = SelectBoxes()
    select.isCentred = random.bool()
    select.limit = random.int(0...6)
    select.overlap = random.double(0.05...0.9)
    if random.bool() { select.score = random.double(0...0.5) }
    let (batch, classes, boxes) = (Dim(random.int(1...2)), Dim(random.int(1...3)), random.size())
    return Sample(
      select,
      [
        TensorType(.f32, [batch, Dim(boxes), 4]), TensorType(.f32, [batch, classes, Dim(boxes)]),
        TensorType(.i64, [batch, classes, Dim(boxes)]),
      ], ranges: [0: 0...1, 1: 0...1, 2: 0...Double(boxes - 1)])
  }
}
