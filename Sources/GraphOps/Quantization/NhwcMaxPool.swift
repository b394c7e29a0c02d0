// SPDX-License-Identifier: Apache-2.0
// MaxPool of com.microsoft with channels last.

import GraphIR
import TensorCore

package struct NhwcMaxPool: WindowOperation {
  package static let name = "NhwcMaxPool"
  package static let summary = "MaxPool of images [N, spatial…, C] of 8-bit integers."
  package static let operands = [Slot("x")]
  package static let results = [Slot("y")]
  package static var attributes: [Attribute<Self>] {
    windowAttributes(except: ["data_format"])
  }
  package var windowOptions = WindowOptions(dataFormat: DataFormat.channelsLast.rawValue)
  package init() {}

  private var pool: MaxPool {
    var pool = MaxPool()
    pool.windowOptions = windowOptions
    return pool
  }

  package func inferTypes(_ operands: [TensorType?]) throws(TypeError) -> [TensorType] {
    guard let x = operands[0], x.dtype == .i8 || x.dtype == .u8 else {
      throw TypeError("'NhwcMaxPool' takes i8 and u8", operand: 0)
    }
    return Array(try pool.inferTypes(operands).prefix(1))
  }

  package func evaluate(_ operands: [Reference?]) throws(TypeError) -> [Reference] {
    Array(try pool.evaluate(operands).prefix(1))
  }

  package func lower(_ types: NodeTypes) -> Lowering {
    .decompose { builder, operands throws(TypeError) in [try builder.emitAny(pool, operands)[0]] }
  }

  package static func sample(_ random: inout SampleSource) -> Sample {
    var operation = NhwcMaxPool()
    operation.kernelShape = [random.int(1...3), random.int(1...3)]
    operation.strides = [random.int(1...2), 1]
    let shape = [random.int(1...2), random.int(3...6), random.int(3...6), random.int(1...3)]
    return Sample(operation, [TensorType(random.dtype([.i8, .u8]), shape.map { Dim($0) })], ranges: [0: -100...100])
  }
}
