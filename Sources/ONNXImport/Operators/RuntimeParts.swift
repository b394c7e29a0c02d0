// SPDX-License-Identifier: Apache-2.0
// Split, Col2Im and AffineGrid whose sizes are computed while the model runs.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// Parts whose sizes only a run tells; one in which they are not the whole axis ends with an error.
  static func runtimeSplit(
    _ importer: inout GraphImporter, _ data: ValueID, _ sizes: ValueID, axis: Int
  ) throws(TypeError) -> [ValueID?] {
    let type = importer.type(data)
    let place = axis < 0 ? axis + type.rank : axis
    guard type.shape.indices.contains(place) else { throw TypeError("'Split' has no axis \(axis) of \(type)") }
    guard let elements = importer.elements(of: sizes), let bound = importer.callerBound(type.shape[place]) else {
      throw importer.unknown(sizes, "split")
    }
    let zero = try importer.number(0)
    var numbers: [ValueID] = []
    var total = zero
    for element in elements {
      numbers.append(try importer.scalar(element))
      total = try importer.emit(Add(), total, numbers[numbers.count - 1])
    }
    guard let last = numbers.last else { throw TypeError("'split' of 'Split' is empty") }
    let isWhole = try importer.emit(Equal(), total, try importer.emit(Dimension(type.shape[place], .i64)))
    let fits = try importer.emit(And(), isWhole, try importer.emit(GreaterOrEqual(), last, zero))
    var parts: [ValueID] = []
    var start = zero
    for number in numbers {
      let checked = try importer.emit(Where(), fits, number, try importer.number(-1))
      let size = try importer.runtimeSize(checked, near: "split", atMost: bound)
      let places = try importer.emit(Add(), start, try importer.emit(NumberRange(count: size, .i64)))
      parts.append(try importer.emit(Gather(axis: place), data, places))
      start = try importer.emit(Add(), start, number)
    }
    return parts
  }

  /// A run in which blocks do not cover an image of computed sizes ends with an error.
  static let col2Im: Translation = { (importer, node) throws(TypeError) in
    let x = try node.required(0)
    let (image, block) = (try node.required(1), try node.required(2))
    var operation = Col2Im()
    operation.blockShape = try importer.ints(block, "block_shape")
    operation.imageShape = try importer.sizes(image, "image_shape", of: node)
    operation.dilations = try node.ints("dilations") ?? []
    operation.strides = try node.ints("strides") ?? []
    operation.pads = (try node.ints("pads") ?? []).map { Dim($0) }
    let type = importer.type(x)
    guard importer.session.findsSizes, type.rank == 3, let blocks = try? operation.blockCount(),
      blocks != type.shape[2], !(blocks.isConstant && type.shape[2].isConstant)
    else { return [try importer.emit(operation, x)] }
    let (found, wanted) = (
      try importer.emit(Dimension(type.shape[2], .i64)), try importer.emit(Dimension(blocks, .i64))
    )
    // The last axis first, which is the one that is held.
    let turned = try importer.emit(Transpose(perm: [2, 0, 1]), x)
    let held = try importer.holding(turned, while: try importer.emit(Equal(), found, wanted))
    let columns = try importer.emit(Transpose(perm: [1, 2, 0]), try importer.emit(Prefix(axis: 0, blocks), held))
    return [try importer.emit(operation, columns)]
  }

  /// Only the spatial sizes have a meaning of their own: there is a grid for each map.
  static let affineGrid: Translation = { (importer, node) throws(TypeError) in
    let (theta, size) = (try node.required(0), try node.required(1))
    var grid = AffineGrid()
    if let known = importer.known.dims(size) {
      grid.size = known
    } else {
      guard importer.session.findsSizes, let elements = importer.elements(of: size), elements.count > 2,
        let count = importer.type(theta).shape.first
      else { throw importer.unknown(size, "size") }
      grid.size = [count, 1]
      for element in elements.dropFirst(2) { grid.size.append(try importer.size(element, "size", of: node)) }
    }
    return try translate(grid, &importer, &node, operands: [theta])
  }
}
