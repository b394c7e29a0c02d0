// SPDX-License-Identifier: Apache-2.0
// Normalizations and dropout in their older forms.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// Before operator set 14 further results are for training; nothing that runs reads them.
  static let batchNormalization: Translation = { (importer, node) throws(TypeError) in
    if node.version < 9, try node.int("spatial", default: 1) == 0 {
      throw TypeError("'spatial' is 0 (statistics for each position), which is not supported")
    }
    if node.version < 7 { node.ignore("is_test") }
    var operation = BatchNormalization()
    if let epsilon = try node.float("epsilon") { operation.epsilon = epsilon }
    if let momentum = try node.float("momentum") { operation.momentum = momentum }
    operation.trainingMode = try node.bool("training_mode")
    if node.version < 14, (1..<5).contains(where: { node.wants($0) }) {
      throw TypeError("its training results are read, which is not supported before operator set 14")
    }
    // Since operator set 14 data and statistics may have types of their own; the widest one serves all.
    let types = node.operands.compactMap { $0.map { importer.type($0).dtype } }
    guard let widest = types.max(by: { $0.bits < $1.bits }), let first = types.first, Set(types).count > 1 else {
      return try importer.emitAll(operation, node.operands)
    }
    let wide = try node.operands.map { operand throws(TypeError) in
      try operand.map { operand throws(TypeError) in try importer.emit(Cast(to: widest), operand) }
    }
    let statistics = types[types.count - 1]
    return try importer.emitAll(operation, wide).enumerated().map { place, result throws(TypeError) in
      try importer.emit(Cast(to: place == 0 ? first : statistics), result)
    }
  }

  /// Before operator set 16 a region's corners are not moved by half an element.
  static let roiAlign: Translation = { (importer, node) throws(TypeError) in
    var operation = RoiAlign()
    if node.version < 16 { operation.coordinates = "output_half_pixel" }
    return try translate(operation, &importer, &node)
  }

  /// Before operator set 21 scale and bias are for each group, later for each channel.
  static let groupNormalization: Translation = { (importer, node) throws(TypeError) in
    guard node.version < 21 else { return try translate(GroupNormalization(), &importer, &node) }
    var operation = GroupNormalization()
    operation.numGroups = try node.int("num_groups", default: 1)
    if let epsilon = try node.float("epsilon") { operation.epsilon = epsilon }
    let x = try node.required(0)
    guard importer.rank(x) > 1 else { throw TypeError("\(importer.type(x)) has no channels") }
    let channels = importer.type(x).shape[1]
    let groups = Dim(operation.numGroups)
    var parameters: [ValueID] = []
    for number in 1...2 {
      let value = try node.required(number)
      guard importer.type(value).shape == [groups], groups != 0 else {
        parameters.append(value)
        continue
      }
      let column = try importer.emit(Unsqueeze(axes: [1]), value)
      let rows = try importer.emit(Expand(shape: [groups, Dim.floorDiv(channels, groups)]), column)
      parameters.append(try importer.emit(Reshape(exactly: [channels]), rows))
    }
    return [try importer.emit(operation, x, parameters[0], parameters[1])]
  }

  /// Dropout does nothing where a model runs, unless it is told that it trains; its mask says what is kept.
  static let dropout: Translation = { (importer, node) throws(TypeError) in
    node.ignore("ratio", "is_test")
    let x = try node.required(0)
    let type = importer.type(x)
    let seed = try node.int("seed")
    if let mode = node.operand(2) {
      let isTraining = try importer.real(mode, "training_mode") != 0
      let ratio = try node.operand(1).map { ratio throws(TypeError) in try importer.real(ratio, "ratio") } ?? 0.5
      if isTraining && ratio != 0 {
        guard (0..<1).contains(ratio) else { throw TypeError("its ratio is \(ratio), expected 0 or more and below 1") }
        let numbers = try importer.emit(RandomUniform(type.shape, .f32, seed: seed.map(Double.init)))
        let limit = try importer.builder.scalar(ratio, .f32)
        let mask = try importer.emit(GreaterOrEqual(), numbers, limit)
        let scaled = try importer.emit(Mul(), x, try importer.builder.scalar(1 / (1 - ratio), type.dtype))
        let y = try importer.emit(Where(), mask, scaled, try importer.builder.scalar(0, type.dtype))
        return node.wants(1) ? [y, mask] : [y]
      }
    }
    guard node.wants(1) else { return [x] }
    return [x, try importer.emit(ConstantOfShape(type.shape, 1, node.version < 10 ? type.dtype : .bool))]
  }
}
