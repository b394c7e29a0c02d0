// SPDX-License-Identifier: Apache-2.0
// The convolution of com.microsoft with a sum and an activation behind it.

import GraphIR
import KernelIR
import TensorCore

package struct FusedConv: WindowOperation {
  package static let name = "FusedConv"
  package static let summary = "activation(Conv(X, W, B) + Z)."
  package static let operands = [Slot("X"), Slot("W"), Slot("B", .optional), Slot("Z", .optional)]
  package static let results = [Slot("Y")]
  package static let accuracy = Accuracy.accumulation
  package static var attributes: [Attribute<Self>] {
    windowAttributes(except: ["ceil_mode"]) + [
      Attribute("group", \.group, "groups that channels are divided into"),
      Attribute("activation", \.activation, "'Relu', 'Tanh', 'Sigmoid', 'LeakyRelu', 'Clip', 'HardSigmoid' or ''"),
      Attribute("activation_params", \.parameters, "the activation's numbers: alpha; minimum, maximum; alpha, beta"),
    ]
  }
  package var windowOptions = WindowOptions()
  package var group = 1
  package var activation = ""
  package var parameters: [Double] = []
  package init() {}

  private var conv: Conv {
    var conv = Conv()
    conv.windowOptions = windowOptions
    conv.group = group
    return conv
  }

  /// The activation as an operator; nil for none.
  private func function() throws(TypeError) -> (any Operation)? {
    let wanted: Int
    let operation: (any Operation)?
    switch activation {
    case "", "Identity": (wanted, operation) = (0, nil)
    case "Relu": (wanted, operation) = (0, Relu())
    case "Tanh": (wanted, operation) = (0, Tanh())
    case "Sigmoid": (wanted, operation) = (0, Sigmoid())
    case "LeakyRelu":
      var leaky = LeakyRelu()
      if let alpha = parameters.first { leaky.alpha = alpha }
      (wanted, operation) = (1, leaky)
    case "Clip": (wanted, operation) = (2, Clip(min: parameters.first, max: parameters.last))
    case "HardSigmoid":
      var hard = HardSigmoid()
      if parameters.count == 2 { (hard.alpha, hard.beta) = (parameters[0], parameters[1]) }
      (wanted, operation) = (2, hard)
    default: throw TypeError("'activation' of 'FusedConv' is '\(activation)', which is not known")
    }
    guard parameters.count == wanted else {
      throw TypeError("'\(activation)' of 'FusedConv' takes \(wanted) numbers, found \(parameters.count)")
    }
    return operation
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], x.dtype.isFloat else { throw TypeError("'FusedConv' takes floats", operand: 0) }
    _ = try function()
    let result = try conv.inferTypes(Array(operands.prefix(3)))
    if let z = optional(operands, 3), z != result[0] {
      throw TypeError("Z of 'FusedConv' is \(z), expected \(result[0])", operand: 3)
    }
    return result
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    _ = try inferTypes(operands.map { $0?.type })
    var result = try conv.evaluate(Array(operands.prefix(3)))[0]
    if let z = optional(operands, 3) { result.reals = zip(result.reals, z.reals).map { $0 + $1 } }
    guard let function = try function() else { return [result] }
    return try function.evaluate([result])
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in
      var y = try builder.emitAny(conv, Array(operands.prefix(3)))[0]
      if let z = optional(operands, 3) { y = try builder.add(y, z) }
      guard let function = try function() else { return [y] }
      return try builder.emitAny(function, [y])
    }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    let plain = Conv.sample(&random)
    guard let conv = plain.operation as? Conv else { return plain }
    var operation = FusedConv()
    operation.windowOptions = conv.windowOptions
    operation.group = conv.group
    operation.activation = random.pick(["", "Relu", "Tanh", "LeakyRelu", "HardSigmoid"])
    if operation.activation == "LeakyRelu" { operation.parameters = [0.2] }
    if operation.activation == "HardSigmoid" { operation.parameters = [0.2, 0.5] }
    var operands = plain.operands
    if let types = try? operation.inferTypes(operands), random.bool() {
      if operands.count < 3 { operands.append(nil) }
      operands.append(types[0])
    }
    return Sample(operation, operands)
  }
}
