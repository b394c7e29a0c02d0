// SPDX-License-Identifier: Apache-2.0
// Operators of com.microsoft that are made of others, or share their name with one of ONNX that is not the same.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// By name; those that are not here are operators of their own or the same as ONNX's.
  static let microsoft: [String: Translation] = [
    "BiasAdd": biasAdd,
    "DequantizeLinear": dequantizeLinear,
    "ExpandDims": expandDims,
    "FusedGemm": fusedGemm,
    "GatherBlockQuantized": gatherBlockQuantized,
    "Pad": microsoftPad,
    "QAttention": quantizedAttention,
    "QEmbedLayerNormalization": quantizedEmbedding,
    "QGemm": quantizedGemm,
    "QLinearReduceMean": quantizedMean,
    "QLinearWhere": quantizedWhere,
    "QuantizeLinear": quantizeLinear,
    "Range": microsoftRange,
    "TransposeMatMul": generic(FusedMatMul.self),
    "Unique": microsoftUnique,
  ]

  /// Dense values with a scale and a zero point that may be missing.
  private static func dequantized(
    _ importer: inout GraphImporter, _ x: ValueID, _ scale: ValueID, _ zero: ValueID?, axis: Int = -1
  ) throws(TypeError) -> ValueID {
    try importer.emit(DequantizeLinear(axis: axis), x, scale, zero)
  }

  private static func quantized(
    _ importer: inout GraphImporter, _ x: ValueID, _ scale: ValueID, _ zero: ValueID?, like source: ValueID
  ) throws(TypeError) -> ValueID {
    var quantize = QuantizeLinear()
    if zero == nil { quantize.outputType = importer.type(source).dtype }
    return try importer.emit(quantize, x, scale, zero)
  }

  // MARK: Quantised forms

  /// X and Y chosen by a condition, each with its own scale.
  private static let quantizedWhere: Translation = { (importer, node) throws(TypeError) in
    let (x, y) = (try node.required(1), try node.required(4))
    let first = try dequantized(&importer, x, try node.required(2), node.operand(3))
    let second = try dequantized(&importer, y, try node.required(5), node.operand(6))
    let chosen = try importer.emit(Where(), try node.required(0), first, second)
    return [try quantized(&importer, chosen, try node.required(7), node.operand(8), like: x)]
  }

  private static let quantizedMean: Translation = { (importer, node) throws(TypeError) in
    let x = try node.required(0)
    let dense = try dequantized(&importer, x, try node.required(1), node.operand(2))
    let axes = try node.ints("axes") ?? Array(0..<importer.rank(x))
    let mean = try importer.emit(ReduceMean(axes: axes, keepDims: try node.bool("keepdims", default: true)), dense)
    return [try quantized(&importer, mean, try node.required(3), node.operand(4), like: x)]
  }

  /// alpha · scales · ((A - zero)(B - zero) + C), as a float where the result has no scale.
  private static let quantizedGemm: Translation = { (importer, node) throws(TypeError) in
    func turned(_ value: ValueID, _ name: String) throws(TypeError) -> ValueID {
      try node.bool(name) ? importer.emit(Transpose(perm: [1, 0]), value) : value
    }
    let source = try node.required(0)
    let a = try turned(source, "transA")
    let b = try turned(try node.required(3), "transB")
    var sum = try importer.emit(MatMulInteger(), a, b, node.operand(2), node.operand(5))
    if let c = node.operand(6) { sum = try importer.emit(Add(), sum, c) }
    let scale = try importer.emit(Mul(), try node.required(1), try node.required(4))
    var y = try importer.emit(Mul(), try importer.emit(Cast(to: .f32), sum), scale)
    if let alpha = try node.float("alpha"), alpha != 1 {
      y = try importer.emit(Mul(), y, try importer.emit(ConstantOfShape([], alpha, .f32)))
    }
    guard let outputScale = node.operand(7), let zero = node.operand(8) else { return [y] }
    return [try quantized(&importer, y, outputScale, zero, like: source)]
  }

  /// Attention of dense values; its product of integers is theirs but for rounding.
  private static let quantizedAttention: Translation = { (importer, node) throws(TypeError) in
    let x = try dequantized(&importer, try node.required(0), try node.required(3), node.operand(6))
    let weights = try dequantized(&importer, try node.required(1), try node.required(4), node.operand(7), axis: 1)
    let operands: [ValueID?] = [x, weights, try node.required(2), node.operand(5), node.operand(8)]
    return try translate(MicrosoftAttention(), &importer, &node, operands: operands)
  }

  private static let quantizedEmbedding: Translation = { (importer, node) throws(TypeError) in
    var dense: [ValueID?] = []
    for place in 0..<5 {
      guard let table = node.operand(2 + place) else {
        dense.append(nil)
        continue
      }
      dense.append(
        try dequantized(&importer, table, try node.required(8 + place), node.operand(13 + place)))
    }
    let operands = [node.operand(0), node.operand(1)] + dense + [node.operand(7)]
    var plain = EmbedLayerNormalization()
    // The number of words that are not masked is a result whenever there is a mask.
    plain.maskIndexType = node.operand(7) == nil ? 0 : 1
    return try translate(plain, &importer, &node, operands: operands)
  }

  /// Rows of a packed table, dequantised after they are picked: (b - zero) · scale for blocks along the last axis.
  private static let gatherBlockQuantized: Translation = { (importer, node) throws(TypeError) in
    let (table, indices, scales) = (try node.required(0), try node.required(1), try node.required(2))
    let rank = importer.rank(table)
    let bits = try node.int("bits", default: 4)
    let (axis, last) = (try node.int("gather_axis", default: 0), try node.int("quantize_axis", default: 1))
    guard axis == 0 || axis == -rank, last == rank - 1 || last == -1, rank > 1, bits == 4 || bits == 8 else {
      throw TypeError(
        "'GatherBlockQuantized' gathers axis \(axis) of \(importer.type(table)) in blocks along axis \(last)",
        note: "supported are rows (axis 0) in blocks along the last axis, of 4 or 8 bits")
    }
    /// Picked rows, with two elements a byte pulled apart.
    func rows(_ value: ValueID) throws(TypeError) -> ValueID {
      let picked = try importer.emit(Gather(axis: 0), value, indices)
      guard bits == 4, importer.type(value).dtype == .u8, importer.fourBitType(value) == nil else { return picked }
      let shape = importer.type(picked).shape
      let mask = try importer.emit(ConstantOfShape([], 15, .u8))
      let four = try importer.emit(ConstantOfShape([], 4, .u8))
      var shift = BitShift()
      shift.direction = "RIGHT"
      let low = try importer.emit(Unsqueeze(axes: [-1]), try importer.emit(BitwiseAnd(), picked, mask))
      let high = try importer.emit(Unsqueeze(axes: [-1]), try importer.emit(shift, picked, four))
      let both = try importer.emit(Concat(axis: importer.rank(low) - 1), low, high)
      return try importer.emit(Reshape(exactly: shape.dropLast() + [shape[shape.count - 1] * 2]), both)
    }
    let isPacked = importer.type(table).dtype == .u8 && importer.fourBitType(table) == nil
    let elements = try rows(table)
    let factors = try importer.emit(Gather(axis: 0), scales, indices)
    var zeros = try node.operand(3).map { zeros throws(TypeError) in try rows(zeros) }
    if let found = zeros, let blocks = importer.type(factors).shape.last, importer.type(found).shape.last != blocks {
      // An odd number of zero points leaves half a byte.
      zeros = try importer.emit(Slice(axis: importer.rank(found) - 1, from: 0, to: blocks), found)
    }
    if zeros == nil, isPacked {
      zeros = try importer.emit(
        ConstantOfShape(importer.type(factors).shape, bits == 4 ? 8 : 128, .u8))
    }
    let dequantize = DequantizeLinear(
      axis: importer.rank(elements) - 1, blockSize: try node.int("block_size", default: 128))
    return [try importer.emit(dequantize, elements, factors, zeros)]
  }

  // MARK: Plain forms

  private static let biasAdd: Translation = { (importer, node) throws(TypeError) in
    let sum = try importer.emit(Add(), try node.required(0), try node.required(1))
    return [try importer.emit(Add(), sum, try node.required(2))]
  }

  private static let expandDims: Translation = { (importer, node) throws(TypeError) in
    let axis = try importer.int(try node.required(1), "axis")
    return [try importer.emit(Unsqueeze(axes: [axis]), try node.required(0))]
  }

  /// An activation by its name after Gemm.
  private static let fusedGemm: Translation = { (importer, node) throws(TypeError) in
    let name = try node.string("activation") ?? ""
    let numbers: [(String, Double)] = [
      ("alpha", try node.float("activation_alpha")), ("beta", try node.float("activation_beta")),
      ("gamma", try node.float("activation_gamma")),
    ].compactMap { name, number in number.map { (name, $0) } }
    let y = try translate(Gemm(), &importer, &node)
    guard let sum = y.first ?? nil else { throw TypeError("'FusedGemm' has no result") }
    guard !name.isEmpty else { return y }
    guard var activation = OperatorRegistry.operation(named: name)?.init(), type(of: activation).operands.count == 1
    else { throw TypeError("the activation '\(name)' of 'FusedGemm' is not supported") }
    let known = Set(type(of: activation).attributeDescriptions.map(\.name))
    for (attribute, number) in numbers where known.contains(attribute) {
      try activation.setAttribute(attribute, .float(number))
    }
    return try importer.emitAll(activation, [sum])
  }

  /// As ONNX's Pad with operands, whatever the version of the operator set says.
  private static let microsoftPad: Translation = { (importer, node) throws(TypeError) in
    let data = try node.required(0)
    let pads = try importer.sizes(try node.required(1), "pads", of: node)
    var value = node.operand(2)
    if let given = value, importer.rank(given) != 0 { value = try importer.emit(Reshape(shape: []), given) }
    return try translate(Pad(pads: pads), &importer, &node, operands: [data, value])
  }

  /// A missing distance is 1.
  private static let microsoftRange: Translation = { (importer, node) throws(TypeError) in
    if node.operand(2) == nil {
      let dtype = importer.type(try node.required(0)).dtype
      node.operands = [node.operand(0), node.operand(1), try importer.emit(ConstantOfShape([], 1, dtype))]
    }
    return try range(&importer, &node)
  }

  /// In the order of first occurrence; the results are the elements, which each element is, and how many there are.
  private static let microsoftUnique: Translation = { (importer, node) throws(TypeError) in
    var unique = Unique()
    unique.sorted = false
    let results = try importer.emitAll(unique, [try node.required(0)])
    return [results[0], results[2], results[3]]
  }
}
