// SPDX-License-Identifier: Apache-2.0
// The activations that recurrent operators name.

import GraphIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// An activation of LSTM, GRU or RNN with its numbers.
struct RecurrentActivation: Sendable {
  enum Function: String, CaseIterable {
    case relu = "Relu"
    case tanh = "Tanh"
    case sigmoid = "Sigmoid"
    case affine = "Affine"
    case leakyRelu = "LeakyRelu"
    case thresholdedRelu = "ThresholdedRelu"
    case scaledTanh = "ScaledTanh"
    case hardSigmoid = "HardSigmoid"
    case elu = "Elu"
    case softsign = "Softsign"
    case softplus = "Softplus"

    /// The numbers it has, with the values of the operator of this name.
    var defaults: (alpha: Double?, beta: Double?) {
      switch self {
      case .relu, .tanh, .sigmoid, .softsign, .softplus: (nil, nil)
      case .affine: (1, 0)
      case .leakyRelu: (0.01, nil)
      case .thresholdedRelu, .elu: (1, nil)
      case .scaledTanh: (1, 1)
      case .hardSigmoid: (0.2, 0.5)
      }
    }
  }

  var function: Function
  var alpha = 0.0
  var beta = 0.0

  /// The activations of all directions, in order. Numbers go to those that have them, as far as the lists reach.
  static func list(
    _ names: [String], alpha: [Double], beta: [Double], of operation: String
  ) throws(TypeError) -> [RecurrentActivation] {
    var (alphas, betas) = (alpha[...], beta[...])
    var list: [RecurrentActivation] = []
    for name in names {
      guard let function = Function.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else {
        throw TypeError(
          "'\(operation)' has no activation '\(name)'",
          note: "it has \(Function.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "))")
      }
      let defaults = function.defaults
      list.append(
        RecurrentActivation(
          function: function, alpha: defaults.alpha.map { alphas.popFirst() ?? $0 } ?? 0,
          beta: defaults.beta.map { betas.popFirst() ?? $0 } ?? 0))
    }
    return list
  }

  /// The definition.
  func callAsFunction(_ x: Double) -> Double {
    switch function {
    case .relu: maximum(x, 0)
    case .tanh: Glibc.tanh(x)
    case .sigmoid: GraphOps.sigmoid(x)
    case .affine: alpha * x + beta
    case .leakyRelu: x < 0 ? alpha * x : x
    case .thresholdedRelu: x > alpha ? x : 0
    case .scaledTanh: alpha * Glibc.tanh(beta * x)
    case .hardSigmoid: maximum(0, minimum(1, alpha * x + beta))
    case .elu: x < 0 ? alpha * expm1(x) : x
    case .softsign: x / (1 + x.magnitude)
    case .softplus: GraphOps.softplus(x)
    }
  }

  /// As an operator of the graph.
  func emit(_ x: ValueID, _ builder: inout GraphBuilder) throws(TypeError) -> ValueID {
    switch function {
    case .relu: return try builder.emit(Relu(), x)
    case .tanh: return try builder.emit(Tanh(), x)
    case .sigmoid: return try builder.emit(Sigmoid(), x)
    case .affine:
      return try builder.emit(
        Add(), try builder.emit(Mul(), x, try builder.scalar(alpha, like: x)), try builder.scalar(beta, like: x))
    case .leakyRelu:
      var leaky = LeakyRelu()
      leaky.alpha = alpha
      return try builder.emit(leaky, x)
    case .thresholdedRelu:
      var thresholded = ThresholdedRelu()
      thresholded.alpha = alpha
      return try builder.emit(thresholded, x)
    case .scaledTanh:
      let inner = try builder.emit(Mul(), x, try builder.scalar(beta, like: x))
      return try builder.emit(Mul(), try builder.emit(Tanh(), inner), try builder.scalar(alpha, like: x))
    case .hardSigmoid:
      var hard = HardSigmoid()
      (hard.alpha, hard.beta) = (alpha, beta)
      return try builder.emit(hard, x)
    case .elu:
      var elu = Elu()
      elu.alpha = alpha
      return try builder.emit(elu, x)
    case .softsign: return try builder.emit(Softsign(), x)
    case .softplus: return try builder.emit(Softplus(), x)
    }
  }
}
