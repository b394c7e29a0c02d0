// SPDX-License-Identifier: Apache-2.0
// Elementwise operators: broadcasting as it was before operator set 7, Cast, Clip, PRelu, Gemm.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// Before operator set 7 the second operand is broadcast only with `broadcast`, and stands at `axis`.
  static func legacyBroadcast(_ operation: some Operation) -> Translation {
    { (importer, node) throws(TypeError) in
      guard node.version < 7 else { return try translate(operation, &importer, &node) }
      let (a, b) = (try node.required(0), try node.required(1))
      _ = try node.int("broadcast")
      guard let axis = try node.int("axis") else { return [try importer.emit(operation, a, b)] }
      return [try importer.emit(operation, a, try aligned(b, at: axis, in: importer.rank(a), &importer))]
    }
  }

  /// A value with axes of size 1 appended so that its first axis stands at `axis` of a tensor of a rank.
  private static func aligned(
    _ value: ValueID, at axis: Int, in rank: Int, _ importer: inout GraphImporter
  ) throws(TypeError) -> ValueID {
    let first = axis < 0 ? axis + rank : axis
    let own = importer.rank(value)
    let missing = rank - first - own
    guard first >= 0, missing >= 0 else {
      throw TypeError("\(importer.type(value)) does not fit at axis \(axis) of rank \(rank)")
    }
    if missing == 0 { return value }
    return try importer.emit(Unsqueeze(axes: Array(own..<own + missing)), value)
  }

  /// Before operator set 7 a slope of one axis is one for each channel.
  static let prelu: Translation = { (importer, node) throws(TypeError) in
    let (x, slope) = (try node.required(0), try node.required(1))
    if node.version < 7, importer.rank(slope) == 1, importer.type(slope).shape[0] != 1, importer.rank(x) > 1 {
      return [try importer.emit(PRelu(), x, try aligned(slope, at: 1, in: importer.rank(x), &importer))]
    }
    return try translate(PRelu(), &importer, &node)
  }

  /// The type is a number since operator set 6, and a name before.
  static let cast: Translation = { (importer, node) throws(TypeError) in
    // What these choose among are 8-bit floats.
    node.ignore("saturate", "round_mode")
    let dtype: DType
    if node.version < 6, let name = try? node.string("to") {
      guard let named = ElementType.dtype(named: name) else {
        throw TypeError("'to' is '\(name)', which is not supported")
      }
      dtype = named
    } else {
      guard let number = try node.dtype("to") else { throw TypeError("'to' is missing") }
      dtype = number
    }
    return [try importer.converted(try node.required(0), to: dtype)]
  }

  /// Bounds that are known become attributes.
  static let clip: Translation = { (importer, node) throws(TypeError) in
    var clip = Clip(min: try node.float("min"), max: try node.float("max"))
    let x = try node.required(0)
    let dtype = importer.type(x).dtype
    var bounds: [ValueID?] = []
    for number in 1...2 {
      guard let bound = node.operand(number) else {
        bounds.append(nil)
        continue
      }
      if let value = importer.known.constant(bound), value.count == 1,
        dtype.isFloat || value.integers[0].magnitude < 1 << 53
      {
        if number == 1 { clip.min = value.double(0) } else { clip.max = value.double(0) }
        bounds.append(nil)
      } else {
        bounds.append(importer.rank(bound) == 0 ? bound : try importer.emit(Reshape(shape: []), bound))
      }
    }
    return [try importer.emit(clip, x, bounds[0], bounds[1])]
  }

  /// Before operator set 7 the third operand is broadcast only with `broadcast`.
  static let gemm: Translation = { (importer, node) throws(TypeError) in
    if node.version < 7 { node.ignore("broadcast") }
    return try translate(Gemm(), &importer, &node)
  }
}
