// SPDX-License-Identifier: Apache-2.0
// Resize and Upsample in their versions, and where factors, sizes or regions are computed while the model runs.

import GraphIR
import GraphOps
import TensorCore

extension OperatorTable {
  /// Sizes or factors as operands, either of which may be an empty list. Operator set 10 knows no modes of coordinates,
  /// and its text none of rounding: its test of shrinking by 0.6 keeps the first and third element of four, which is
  /// the next element up; growing repeats the one before.
  static let resize: Translation = { (importer, node) throws(TypeError) in
    let isFirst = node.version < 11
    var resize = Resize()
    if isFirst {
      resize.coordinates = "asymmetric"
      resize.nearestMode = "ceil_shrinking"
    }
    return try resized(
      resize, region: isFirst ? nil : 1, scales: isFirst ? 1 : 2, sizes: isFirst ? nil : 3, &importer, &node)
  }

  /// The operator before Resize: factors as an operand, as an attribute, or at first one for each of two axes.
  static let upsample: Translation = { (importer, node) throws(TypeError) in
    var resize = Resize()
    resize.coordinates = "asymmetric"
    resize.nearestMode = "floor"
    if node.has("height_scale") || node.has("width_scale") {
      resize.axes = [-2, -1]
      resize.scales = [try node.float("height_scale") ?? 1, try node.float("width_scale") ?? 1]
    } else if let scales = try node.floats("scales") {
      resize.scales = scales
    }
    if node.hasText("mode", "bilinear") {
      _ = try node.string("mode")
      resize.mode = "linear"
    }
    return try resized(resize, region: nil, scales: resize.scales.isEmpty ? 1 : nil, sizes: nil, &importer, &node)
  }

  /// - Parameters: the numbers of operands, nil where this version has none.
  private static func resized(
    _ operation: Resize, region: Int?, scales: Int?, sizes: Int?, _ importer: inout GraphImporter,
    _ node: inout NodeReader
  ) throws(TypeError) -> [ValueID?] {
    let x = try node.required(0)
    func given(_ number: Int?) -> ValueID? {
      number.flatMap { node.operand($0) }.flatMap { importer.type($0).elementCount == 0 ? nil : $0 }
    }
    // Only one mode of coordinates reads the region.
    let region = node.hasText("coordinate_transformation_mode", "tf_crop_and_resize") ? given(region) : nil
    let (scales, sizes) = (given(scales), given(sizes))
    var resize = operation
    let whole = node
    do {
      if let region { resize.roi = try importer.reals(region, "roi") }
      if let scales { resize.scales = try importer.reals(scales, "scales") }
      if let sizes { resize.sizes = try importer.dims(sizes, "sizes") }
      return try translate(resize, &importer, &node, operands: [x])
    } catch {
      guard importer.session.findsSizes else { throw error }
    }
    // What it takes for a computed one: sizes of the run, and the factors beside them.
    node = whole
    resize = operation
    if let axes = try node.ints("axes") { resize.axes = axes }
    var computed: [ValueID?] = [x, nil, nil]
    if let region {
      if importer.known.tensor(region) == nil {
        computed[2] = try importer.emit(Reshape(shape: [-1]), region)
      } else {
        resize.roi = try importer.reals(region, "roi")
      }
    }
    let places = try importer.axes(resize.axes, of: x)
    let factors = operation.scales.isEmpty ? scales : try importer.vector(operation.scales)
    if let factors {
      // The policy is one of sizes.
      node.ignore("keep_aspect_ratio_policy")
      computed[1] = factors
      resize.scales = []
      resize.sizes = try importer.scaledSizes(x, places, factors)
    } else if let sizes {
      if let policy = try node.string("keep_aspect_ratio_policy"), policy != "stretch" {
        guard let wanted = importer.elements(of: sizes) else { throw importer.unknown(sizes, "sizes") }
        (resize.sizes, computed[1]) = try importer.proportionalSizes(x, places, wanted, policy)
      } else {
        resize.sizes = try importer.sizes(sizes, "sizes", of: node)
      }
    }
    return try translate(resize, &importer, &node, operands: computed)
  }
}

extension GraphImporter {
  /// Axes counted from the start; none means all.
  fileprivate func axes(_ axes: [Int], of x: ValueID) throws(TypeError) -> [Int] {
    let rank = rank(x)
    let places = axes.isEmpty ? Array(0..<rank) : axes.map { $0 < 0 ? $0 + rank : $0 }
    guard places.allSatisfy({ (0..<rank).contains($0) }) else { throw TypeError("\(axes) are no axes of \(type(x))") }
    return places
  }

  fileprivate mutating func vector(_ numbers: [Double]) throws(TypeError) -> ValueID {
    guard let tensor = Tensor(.f32, [numbers.count], doubles: numbers) else { throw TypeError("out of memory") }
    return try constant(tensor)
  }

  /// floor(input · factor) for each axis, in f32 as ONNX computes it.
  fileprivate mutating func scaledSizes(
    _ x: ValueID, _ axes: [Int], _ factors: ValueID
  ) throws(TypeError) -> [Dim] {
    guard type(factors).elementCount == Dim(axes.count), type(factors).dtype.isFloat else {
      throw TypeError("'scales' is \(type(factors)), expected \(axes.count) numbers")
    }
    let numbers = known.constant(factors)
    var sizes: [Dim] = []
    for (place, axis) in axes.enumerated() {
      let size = type(x).shape[axis]
      if numbers?.double(place) == 1 {
        sizes.append(size)
        continue
      }
      let slice = try emit(Slice(axis: 0, from: Dim(place), to: Dim(place + 1)), factors)
      let factor = try emit(Cast(to: .f32), try emit(Reshape(shape: []), slice))
      let scaled = try emit(Floor(), try emit(Mul(), try emit(Dimension(size, .f32)), factor))
      var most: Dim?
      if let factor = numbers?.double(place), let bound = callerBound(size) {
        guard factor > 0, factor < 0x1p31 else { throw TypeError("a scale is \(factor), expected above 0") }
        most = bound * Dim(Int(factor.rounded(.up)))
      }
      sizes.append(try resizedSize(scaled, atMost: most))
    }
    return sizes
  }

  /// The sizes that one factor for all axes makes, the smallest or largest of those that the wanted sizes need, and it.
  fileprivate mutating func proportionalSizes(
    _ x: ValueID, _ axes: [Int], _ wanted: [SizeElement], _ policy: String
  ) throws(TypeError) -> ([Dim], ValueID) {
    guard ["not_larger", "not_smaller"].contains(policy), wanted.count == axes.count, !axes.isEmpty else {
      throw TypeError("'keep_aspect_ratio_policy' of 'Resize' is '\(policy)' for \(wanted.count) sizes")
    }
    let inputs = try axes.map { axis throws(TypeError) in try emit(Dimension(type(x).shape[axis], .f64)) }
    let ratios = try zip(wanted, inputs).map { pair throws(TypeError) in
      try emit(Div(), try emit(Cast(to: .f64), try scalar(pair.0)), pair.1)
    }
    let shared = try emitAll(policy == "not_larger" ? Min() as any Operation : Max(), ratios)[0]
    let half = try emit(ConstantOfShape([], 0.5, .f64))
    var sizes: [Dim] = []
    for (element, input) in zip(wanted, inputs) {
      let bound: Dim?
      switch element {
      case .known(let size): bound = callerBound(size)
      case .computed(let value, _): bound = bounds(of: value).high
      }
      let scaled = try emit(Floor(), try emit(Add(), try emit(Mul(), shared, input), half))
      sizes.append(try resizedSize(scaled, atMost: policy == "not_larger" ? bound : nil))
    }
    return (sizes, try emit(Expand(shape: [Dim(axes.count)]), shared))
  }

  private mutating func resizedSize(_ number: ValueID, atMost bound: Dim?) throws(TypeError) -> Dim {
    let most = try room(bound, "a size of 'Resize'", near: "resize")
    return try runtimeSize(try emit(Cast(to: .i64), number), near: "resize", atMost: most)
  }
}
