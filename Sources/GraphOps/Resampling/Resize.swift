// SPDX-License-Identifier: Apache-2.0
// Resizing by interpolation, one axis after the other.

import GraphIR
import KernelIR
import TensorCore

package struct Resize: Operation {
  package static let name = "Resize"
  package static let summary =
    "The input interpolated to other sizes: nearest, linear or cubic, with every ONNX rule for coordinates."
  package static let operands = [Slot("X"), Slot("factors", .optional), Slot("region", .optional)]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    [
      Attribute("scales", \.scales, "output size over input size for each axis (of `axes`); or `sizes`"),
      Attribute("sizes", \.sizes, "output size for each axis (of `axes`); or `scales`"),
      Attribute("roi", \.roi, "starts, then ends, of the region tf_crop_and_resize takes, from 0 to 1"),
      Attribute("axes", \.axes, "the resized axes; empty means all"),
      Attribute("mode", \.mode, "'nearest', 'linear' or 'cubic'"),
      Attribute(
        "coordinate_transformation_mode", \.coordinates,
        "'half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric' or "
          + "'tf_crop_and_resize'"),
      Attribute(
        "nearest_mode", \.nearestMode,
        "'round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil' or 'ceil_shrinking' (ceil for scales below 1, else "
          + "floor)"),
      Attribute("cubic_coeff_a", \.cubicCoefficient, "the parameter of cubic interpolation"),
      Attribute("exclude_outside", \.excludesOutside, "whether what lies outside has no weight (else edges repeat)"),
      Attribute("extrapolation_value", \.extrapolationValue, "the value outside with tf_crop_and_resize"),
      Attribute("antialias", \.antialias, "whether the filter widens when sizes shrink (linear and cubic)"),
      Attribute("keep_aspect_ratio_policy", \.aspectPolicy, "for `sizes`: 'stretch', 'not_larger' or 'not_smaller'"),
    ]
  }
  package var scales: [Double] = []
  package var sizes: [Dim] = []
  package var roi: [Double] = []
  package var axes: [Int] = []
  package var mode = "nearest"
  package var coordinates = "half_pixel"
  package var nearestMode = "round_prefer_floor"
  package var cubicCoefficient = -0.75
  package var excludesOutside = false
  package var extrapolationValue = 0.0
  package var antialias = false
  package var aspectPolicy = "stretch"
  package init() {}

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0] else { throw TypeError("'Resize' needs an operand") }
    let choices = [
      ("mode", mode, ["nearest", "linear", "cubic"]),
      (
        "coordinate_transformation_mode", coordinates,
        [
          "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
          "tf_crop_and_resize",
        ]
      ),
      ("nearest_mode", nearestMode, ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "ceil_shrinking"]),
      ("keep_aspect_ratio_policy", aspectPolicy, ["stretch", "not_larger", "not_smaller"]),
    ]
    for (attribute, value, known) in choices where !known.contains(value) {
      throw TypeError(
        "'\(attribute)' of 'Resize' is '\(value)'", note: "it is \(known.map { "'\($0)'" }.joined(separator: ", "))")
    }
    guard mode == "nearest" || DType.numbers.contains(x.dtype) else {
      throw TypeError("'Resize' cannot interpolate \(x.dtype)", operand: 0, note: "'nearest' takes every type")
    }
    if mode == "nearest" && antialias { throw TypeError("'antialias' of 'Resize' is for 'linear' and 'cubic'") }
    let spans = try spans(of: x.shape, computed: operands)
    for span in spans where span.input == 0 && span.output != 0 {
      throw TypeError("axis \(span.axis) of \(x) is empty and cannot be resized", operand: 0)
    }
    if antialias, let span = spans.first(where: { $0.scale == nil }) {
      throw TypeError("'antialias' of 'Resize' needs the size of axis \(span.axis) of \(x) as a number", operand: 0)
    }
    var shape = x.shape
    for span in spans { shape[span.axis] = span.output }
    return [TensorType(x.dtype, shape)]
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var resize = Resize()
    resize.mode = random.pick(["nearest", "linear", "cubic"])
    resize.coordinates = random.pick([
      "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize",
    ])
    resize.nearestMode = random.pick(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "ceil_shrinking"])
    resize.excludesOutside = resize.mode == "cubic" && random.bool()
    resize.antialias = resize.mode != "nearest" && random.int(0...2) == 0
    resize.extrapolationValue = 1.5
    let shape = [random.int(1...3)] + (0..<random.int(1...2)).map { _ in random.int(1...6) }
    resize.axes = Array(1..<shape.count)
    if resize.coordinates == "tf_crop_and_resize" {
      resize.roi = resize.axes.map { _ in 0.25 } + resize.axes.map { _ in random.pick([0.75, 1.25]) }
    }
    if random.bool() {
      resize.sizes = resize.axes.map { _ in Dim(random.int(1...7)) }
      resize.aspectPolicy = random.pick(["stretch", "stretch", "not_larger", "not_smaller"])
    } else {
      resize.scales = resize.axes.map { _ in random.pick([0.6, 1, 1.75, 2]) }
      for (place, axis) in resize.axes.enumerated() where shape[axis] < 2 { resize.scales[place] = 2 }
    }
    return Sample(resize, [TensorType(random.dtype([.f32, .f64, .u8, .i32]), shape.map { Dim($0) })])
  }
}

extension Resize {
  /// What is done to one axis.
  struct Span: Sendable {
    var axis: Int
    /// Where the axis stands among the named ones.
    var place: Int
    var input: Dim
    var output: Dim
    /// Output elements for one input element; nil where sizes are names (then it is output / input), and where it is an
    /// element of the operand `factors`.
    var scale: Double?
    /// Whether `output` is exact, so that `scale · input` need not be a whole number.
    var isSized: Bool
    var region: (start: Double, end: Double)
    /// Whether the scale or the region is computed.
    var isComputed: Bool
    var isNothing: Bool {
      !isComputed && input == output && (scale ?? 1) == 1 && region.start == 0 && region.end == 1
    }
  }

  /// The axes that change.
  ///
  /// - Parameter operands: the node's operands; with `factors` sizes are `floor(factor · input)`, whoever found them.
  func spans(of shape: [Dim], computed operands: [TensorType?] = []) throws(TypeError) -> [Span] {
    let (factors, computedRegion) = (optional(operands, 1), optional(operands, 2))
    let named: [Int]
    if axes.isEmpty {
      named = Array(shape.indices)
    } else {
      var places: [Int] = []
      for axis in axes { places.append(try normalized(axis, rank: shape.count, for: Self.name)) }
      guard Set(places).count == places.count else { throw TypeError("'axes' of 'Resize' names an axis twice") }
      named = places
    }
    guard scales.isEmpty != sizes.isEmpty || named.isEmpty else {
      throw TypeError("'Resize' needs either 'scales' or 'sizes'")
    }
    guard scales.isEmpty || scales.count == named.count, sizes.isEmpty || sizes.count == named.count else {
      throw TypeError("'Resize' has \(scales.count + sizes.count) sizes or scales for \(named.count) axes")
    }
    let takesRegion = coordinates == "tf_crop_and_resize"
    if let factors {
      guard scales.isEmpty, sizes.count == named.count, aspectPolicy == "stretch", !antialias, factors.dtype.isFloat,
        factors.shape == [Dim(named.count)]
      else {
        throw TypeError(
          "'Resize' cannot use the factors \(factors)", operand: 1,
          note: "computed factors are one for each axis, beside 'sizes', without 'antialias'")
      }
    }
    if let region = computedRegion {
      guard takesRegion, roi.isEmpty, region.dtype.isFloat, region.shape == [Dim(2 * named.count)] else {
        throw TypeError("'Resize' cannot use the region \(region)", operand: 2)
      }
    }
    guard
      !takesRegion || computedRegion != nil
        || (roi.count == 2 * named.count && roi.allSatisfy { $0.magnitude < 1e6 })
    else {
      throw TypeError("'roi' of 'Resize' is \(roi), expected \(2 * named.count) numbers around 0 to 1")
    }
    let shared = try aspectScale(shape, named)
    var spans: [Span] = []
    for (place, axis) in named.enumerated() {
      let region = takesRegion && computedRegion == nil ? (roi[place], roi[named.count + place]) : (0, 1)
      var span = Span(
        axis: axis, place: place, input: shape[axis], output: 0, scale: nil, isSized: false, region: region,
        isComputed: factors != nil || computedRegion != nil)
      if factors != nil {
        span.output = sizes[place]
      } else if !scales.isEmpty {
        span.scale = scales[place]
        span.output = try scaledSize(shape[axis], scales[place])
      } else if let shared {
        span.scale = shared
        let size = shared * Double(shape[axis].value ?? 0) + 0.5
        guard size < 0x1p53 else { throw TypeError("'Resize' would make \(size) elements of axis \(axis)") }
        span.output = Dim(Int(size))
      } else {
        span.output = sizes[place]
        span.isSized = true
        if let input = shape[axis].value, input > 0, let output = sizes[place].value {
          span.scale = Double(output) / Double(input)
        }
        if shape[axis] == sizes[place] { span.scale = 1 }
      }
      guard span.output.isValid, (span.output.value ?? 0) >= 0 else {
        throw TypeError("'Resize' would make \(span.output) elements of axis \(axis)")
      }
      if !span.isNothing { spans.append(span) }
    }
    return spans
  }

  /// The one scale that keeps the aspect ratio; nil when axes have their own.
  private func aspectScale(_ shape: [Dim], _ named: [Int]) throws(TypeError) -> Double? {
    guard aspectPolicy != "stretch", !sizes.isEmpty else { return nil }
    var ratios: [Double] = []
    for (place, axis) in named.enumerated() {
      guard let input = shape[axis].value, let output = sizes[place].value, input > 0, output >= 0 else {
        throw TypeError("'keep_aspect_ratio_policy' of 'Resize' needs sizes that are numbers above 0")
      }
      ratios.append(Double(output) / Double(input))
    }
    return (aspectPolicy == "not_larger" ? ratios.min() : ratios.max()) ?? 1
  }

  /// floor(size · scale), as ONNX computes it: in f32 where the size is a number.
  private func scaledSize(_ size: Dim, _ scale: Double) throws(TypeError) -> Dim {
    guard scale > 0, scale.isFinite else { throw TypeError("a scale of 'Resize' is \(scale), expected above 0") }
    if scale == 1 { return size }
    if let number = size.value {
      let product = (Float(number) * Float(scale)).rounded(.down)
      guard product < 0x1p53 else { throw TypeError("a scale of 'Resize' is \(scale), which is too large") }
      return Dim(Int(product))
    }
    for divisor in 1...64 {
      let numerator = scale * Double(divisor)
      if numerator == numerator.rounded(), numerator < 0x1p31 {
        return Dim.floorDiv(size * Dim(Int(numerator)), Dim(divisor))
      }
    }
    throw TypeError(
      "'Resize' cannot scale the unknown size \(size) by \(scale)", operand: 0,
      note: "fix it with --dim, or use 'sizes'")
  }
}
