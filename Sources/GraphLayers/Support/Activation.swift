// SPDX-License-Identifier: Apache-2.0
// Keras' activations by name.

import GraphIR
import GraphOps
import GraphSupport
import TensorCore

/// The activation functions that layers take by name.
package enum Activation {
  private typealias Build = @Sendable (inout GraphBuilder, ValueID) throws(TypeError) -> ValueID

  private static func plain(_ operation: some Operation) -> Build {
    { (b, x) throws(TypeError) in try b.emit(operation, x) }
  }

  /// Names in Keras' spelling, and what they build.
  private static let table: [(name: String, build: Build)] = {
    var hardSigmoid = HardSigmoid()
    hardSigmoid.alpha = 1.0 / 6
    return [
      ("linear", { (_, x) throws(TypeError) in x }),
      ("relu", plain(Relu())),
      ("relu6", plain(Clip(min: 0, max: 6))),
      ("leaky_relu", plain(LeakyRelu(alpha: 0.2))),
      ("elu", plain(Elu())),
      ("selu", plain(Selu())),
      ("celu", plain(Celu())),
      ("gelu", plain(Gelu())),
      ("silu", plain(Swish())),
      ("swish", plain(Swish())),
      ("mish", plain(Mish())),
      ("sigmoid", plain(Sigmoid())),
      ("hard_sigmoid", plain(hardSigmoid)),
      ("hard_silu", plain(HardSwish())),
      ("hard_swish", plain(HardSwish())),
      ("log_sigmoid", { (b, x) throws(TypeError) in try logSigmoid(&b, x) }),
      ("sparse_sigmoid", { (b, x) throws(TypeError) in try sparseSigmoid(&b, x) }),
      ("tanh", plain(Tanh())),
      ("hard_tanh", plain(Clip(min: -1, max: 1))),
      ("tanh_shrink", { (b, x) throws(TypeError) in try b.emit(Sub(), x, try b.emit(Tanh(), x)) }),
      ("soft_shrink", plain(shrink(bias: 0.5))),
      ("hard_shrink", plain(shrink(bias: 0))),
      ("softplus", plain(Softplus())),
      ("softsign", plain(Softsign())),
      ("squareplus", { (b, x) throws(TypeError) in try squarePlus(&b, x) }),
      ("sparse_plus", { (b, x) throws(TypeError) in try sparsePlus(&b, x) }),
      ("exponential", plain(Exp())),
      ("softmax", plain(Softmax(axis: -1))),
      ("log_softmax", plain(LogSoftmax(axis: -1))),
      ("sparsemax", { (b, x) throws(TypeError) in try sparsemax(&b, x) }),
      ("glu", { (b, x) throws(TypeError) in try gatedLinear(&b, x) }),
    ]
  }()

  package static var names: [String] { table.map(\.name) }

  /// Applies the activation of a name; nil or `linear` is the identity.
  package static func apply(_ name: String?, to value: ValueID, _ builder: inout GraphBuilder) throws(TypeError)
    -> ValueID
  {
    guard let name else { return value }
    guard let entry = table.first(where: { $0.name == name }) else {
      throw TypeError(
        "there is no activation '\(name)'\(nearest(name, among: names).map { ", did you mean '\($0)'?" } ?? "")",
        note: "the activations are \(names.map { "'\($0)'" }.joined(separator: ", "))")
    }
    return try entry.build(&builder, value)
  }

  private static func shrink(bias: Double) -> Shrink {
    var shrink = Shrink()
    shrink.bias = bias
    shrink.lambda = 0.5
    return shrink
  }

  private static func number(_ b: inout GraphBuilder, _ value: Double, like x: ValueID) throws(TypeError) -> ValueID {
    try b.scalar(value, b.type(x).dtype)
  }

  /// -softplus(-x)
  private static func logSigmoid(_ b: inout GraphBuilder, _ x: ValueID) throws(TypeError) -> ValueID {
    try b.emit(Neg(), try b.emit(Softplus(), try b.emit(Neg(), x)))
  }

  /// (x + 1) / 2 held to 0...1
  private static func sparseSigmoid(_ b: inout GraphBuilder, _ x: ValueID) throws(TypeError) -> ValueID {
    let half = try number(&b, 0.5, like: x)
    return try b.emit(Clip(min: 0, max: 1), try b.emit(Add(), try b.emit(Mul(), x, half), half))
  }

  /// (x + √(x² + 4)) / 2
  private static func squarePlus(_ b: inout GraphBuilder, _ x: ValueID) throws(TypeError) -> ValueID {
    let four = try number(&b, 4, like: x)
    let root = try b.emit(Sqrt(), try b.emit(Add(), try b.emit(Mul(), x, x), four))
    return try b.emit(Mul(), try b.emit(Add(), x, root), try number(&b, 0.5, like: x))
  }

  /// 0 up to -1, (x + 1)² / 4 up to 1, then x
  private static func sparsePlus(_ b: inout GraphBuilder, _ x: ValueID) throws(TypeError) -> ValueID {
    let one = try number(&b, 1, like: x)
    let shifted = try b.emit(Clip(min: 0, max: 2), try b.emit(Add(), x, one))
    let square = try b.emit(Mul(), try b.emit(Mul(), shifted, shifted), try number(&b, 0.25, like: x))
    return try b.emit(Where(), try b.emit(GreaterOrEqual(), x, one), x, square)
  }

  /// max(x − τ, 0) with the τ that makes the results sum to one. Of the elements with 1 + k·x > the sum of the k
  /// elements from x up, τ is their sum less one, divided by their number (Martins and Astudillo, 2016).
  private static func sparsemax(_ b: inout GraphBuilder, _ x: ValueID) throws(TypeError) -> ValueID {
    guard b.type(x).rank > 0 else { throw TypeError("'sparsemax' needs an axis") }
    let (rows, columns) = (try b.emit(Unsqueeze(axes: [-1]), x), try b.emit(Unsqueeze(axes: [-2]), x))
    let isAbove = try b.emit(Cast(to: b.type(x).dtype), try b.emit(GreaterOrEqual(), columns, rows))
    let count = try b.emit(ReduceSum(axes: [-1], keepDims: false), isAbove)
    let sum = try b.emit(ReduceSum(axes: [-1], keepDims: false), try b.emit(Mul(), isAbove, columns))
    let scaled = try b.emit(Add(), try b.emit(Mul(), count, x), try number(&b, 1, like: x))
    let isKept = try b.emit(Cast(to: b.type(x).dtype), try b.emit(Greater(), scaled, sum))
    let keptSum = try b.emit(ReduceSum(axes: [-1]), try b.emit(Mul(), isKept, x))
    let keptCount = try b.emit(ReduceSum(axes: [-1]), isKept)
    let threshold = try b.emit(Div(), try b.emit(Sub(), keptSum, try number(&b, 1, like: x)), keptCount)
    return try b.emit(Relu(), try b.emit(Sub(), x, threshold))
  }

  /// The first half of the last axis times the sigmoid of the second.
  private static func gatedLinear(_ b: inout GraphBuilder, _ x: ValueID) throws(TypeError) -> ValueID {
    guard let last = b.type(x).shape.last, let half = last.dividedExactly(by: 2) else {
      throw TypeError("'glu' halves the last axis, found \(b.type(x))", operand: 0)
    }
    let axis = b.type(x).rank - 1
    let first = try b.emit(Slice(axis: axis, from: 0, to: half), x)
    let second = try b.emit(Slice(axis: axis, from: half, to: last), x)
    return try b.emit(Mul(), first, try b.emit(Sigmoid(), second))
  }
}

extension LayerContext {
  /// Applies the activation of a name; nil is the identity.
  package mutating func activate(_ name: String?, _ value: ValueID) throws(TypeError) -> ValueID {
    try Activation.apply(name, to: value, &builder)
  }
}
