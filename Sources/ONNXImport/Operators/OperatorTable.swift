// SPDX-License-Identifier: Apache-2.0
// Which ONNX operator becomes what. Where ONNX and an operator here agree in name, operands and attributes nothing is
// needed; the tables hold what differs.

import GraphIR
import GraphOps
import TensorCore

/// Emits what computes a node and returns its results; nil for a result that is not there.
typealias Translation = @Sendable (inout GraphImporter, inout NodeReader) throws(TypeError) -> [ValueID?]

enum OperatorTable {
  /// Attributes that no operator's values depend on.
  static let meaningless: Set<String> = ["consumed_inputs", "doc_string", "output_sequence", "stash_type"]

  /// Operators of the default domain that need translation, by name.
  private static let translations: [String: Translation] = [
    "Add": legacyBroadcast(Add()),
    "AffineGrid": affineGrid,
    "And": legacyBroadcast(And()),
    "BatchNormalization": batchNormalization,
    "BitShift": bitShift,
    "Cast": cast,
    "CastLike": castLike,
    "Clip": clip,
    "Col2Im": col2Im,
    "Compress": compress,
    "Concat": concat,
    "Constant": constant,
    "ConstantOfShape": constantOfShape,
    "DFT": dft,
    "DequantizeLinear": dequantizeLinear,
    "Div": legacyBroadcast(Div()),
    "Dropout": dropout,
    "Equal": legacyBroadcast(Equal()),
    "Expand": expand,
    "Gemm": gemm,
    "Greater": legacyBroadcast(Greater()),
    "GroupNormalization": groupNormalization,
    "Hardmax": softmaxLike(Hardmax.self),
    "Identity": identity,
    "If": branch,
    "Less": legacyBroadcast(Less()),
    "LogSoftmax": softmaxLike(LogSoftmax.self),
    "Loop": loop,
    "Mod": mod,
    "Mul": legacyBroadcast(Mul()),
    "NonMaxSuppression": nonMaxSuppression,
    "OneHot": oneHot,
    "Or": legacyBroadcast(Or()),
    "PRelu": prelu,
    "Pad": pad,
    "Pow": legacyBroadcast(Pow()),
    "QuantizeLinear": quantizeLinear,
    "Range": range,
    "ReduceLogSum": inDouble(ReduceLogSum.self),
    "ReduceLogSumExp": inDouble(ReduceLogSumExp.self),
    "Reshape": reshape,
    "Resize": resize,
    "RoiAlign": roiAlign,
    "Scan": scan,
    "Scatter": generic(ScatterElements.self),
    "Shrink": inDouble(Shrink.self, [.u64]),
    "Slice": slice,
    "Softmax": softmaxLike(Softmax.self),
    "SpaceToDepth": spaceToDepth,
    "Split": split,
    "Squeeze": squeeze,
    "Sub": legacyBroadcast(Sub()),
    "Tile": tile,
    "TopK": topK,
    "Upsample": upsample,
    "Xor": legacyBroadcast(Xor()),
  ]

  /// The names of ONNX's operands where some of them are attributes here.
  static let operandNames: [String: [String]] = {
    var names = [
      "BlackmanWindow": ["size"],
      "CenterCropPad": ["input_data", "shape"],
      "CumProd": ["x", "axis"],
      "CumSum": ["x", "axis"],
      "DFT": ["input", "dft_length", "axis"],
      "Expand": ["input", "shape"],
      "HammingWindow": ["size"],
      "HannWindow": ["size"],
      "MaxUnpool": ["X", "I", "output_shape"],
      "MelWeightMatrix": [
        "num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz",
      ],
      "Reshape": ["data", "shape"],
      "Slice": ["data", "starts", "ends", "axes", "steps"],
      "STFT": ["signal", "frame_step", "window", "frame_length"],
      "Squeeze": ["data", "axes"],
      "Trilu": ["input", "k"],
      "Unsqueeze": ["data", "axes"],
    ]
    for reduction in OperatorRegistry.all.map({ $0.name }) where reduction.hasPrefix("Reduce") {
      names[reduction] = ["data", "axes"]
    }
    return names
  }()

  /// Attributes that turn further results on.
  static let resultSwitches: [String: String] = [
    "BatchNormalization": "training_mode",
    "LayerNormalization": "statistics",
    "MaxPool": "indices",
    "SoftmaxCrossEntropyLoss": "log_prob",
  ]

  /// How an operator of a domain is translated; nil when it is not supported.
  static func translation(_ name: String, _ domain: String) -> Translation? {
    switch domain {
    case "": translations[name] ?? OperatorRegistry.operation(named: name, domain: domain).map { generic($0) }
    case "ai.onnx.preview" where name == "FlexAttention": flexAttention
    case "com.microsoft": microsoft[name] ?? OperatorRegistry.operation(named: name, domain: domain).map { generic($0) }
    case "ai.onnx.preview.training": OperatorRegistry.operation(named: name, domain: domain).map { optimizer($0) }
    default: OperatorRegistry.operation(named: name, domain: domain).map { generic($0) }
    }
  }

  static func isSupported(_ name: String, _ domain: String) -> Bool { translation(name, domain) != nil }

  /// An operator's name in messages, with the domain unless it is the default.
  static func displayName(_ node: NodeProto) -> String {
    let domain = normalised(node.domain)
    return domain.isEmpty ? node.opType : "\(domain).\(node.opType)"
  }
}
