// SPDX-License-Identifier: Apache-2.0
// Operators whose results have sizes that are found while the model runs.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  static let nonMaxSuppression: Translation = { (importer, node) throws(TypeError) in
    let (boxes, scores) = (try node.required(0), try node.required(1))
    var suppression = NonMaxSuppression()
    suppression.isCentred = try node.bool("center_point_box")
    if let limit = node.operand(2) {
      suppression.limit = max(0, try importer.int(limit, "max_output_boxes_per_class"))
    }
    if let overlap = node.operand(3) { suppression.overlap = try importer.real(overlap, "iou_threshold") }
    if let score = node.operand(4) { suppression.score = try importer.real(score, "score_threshold") }
    return try importer.emitAll(suppression, [boxes, scores])
  }

  /// A condition that is known makes a result of known size.
  static let compress: Translation = { (importer, node) throws(TypeError) in
    let (x, condition) = (try node.required(0), try node.required(1))
    let axis = try node.int("axis")
    if importer.known.constant(condition) != nil {
      let kept = try importer.reals(condition, "condition").map { $0 != 0 ? 1 : 0 }
      return try importer.emitAll(Compress(condition: kept, axis: axis), [x])
    }
    return try importer.emitAll(Compress(condition: [], axis: axis), [x, condition])
  }

  static let topK: Translation = { (importer, node) throws(TypeError) in
    let x = try node.required(0)
    let type = importer.type(x)
    let axis = try node.int("axis", default: -1)
    let place = axis < 0 ? axis + type.rank : axis
    guard type.shape.indices.contains(place) else { throw TypeError("axis \(axis) is none of \(type)") }
    var operation = TopK()
    operation.axis = axis
    operation.largest = try node.bool("largest", default: true)
    operation.sorted = try node.bool("sorted", default: true)
    // Until operator set 10 k is an attribute.
    if let k = try node.int("k") {
      operation.k = Dim(k)
    } else {
      let number = try node.required(1)
      if let known = importer.known.dims(number)?.first {
        operation.k = known
      } else {
        operation.k = importer.builder.runtimeSize(near: TopK.name, atMost: type.shape[place])
        _ = try importer.emit(RuntimeSize(operation.k), number)
      }
    }
    return try importer.emitAll(operation, [x])
  }
}
