// SPDX-License-Identifier: Apache-2.0
// How parameters start, with Keras' names and formulas.

import GraphIR
import TensorCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Fills new parameters.
package enum Initializer {
  /// The initialisers without arguments.
  package static let names = [
    "zeros", "ones", "uniform", "random_uniform", "normal", "random_normal", "truncated_normal", "glorot_uniform",
    "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "orthogonal", "identity",
  ]

  /// The first value of a parameter, a function of the seed and its name alone.
  package static func tensor(_ parameter: Parameter, seed: Int) throws(TypeError) -> Tensor {
    guard let tensor = Tensor(zeros: parameter.dtype, parameter.shape) else { throw TypeError("out of memory") }
    let generator = Philox(seed: seed, name: parameter.name)
    let (fanIn, fanOut) = fans(parameter.shape)
    let average = (fanIn + fanOut) / 2
    func fill(_ value: (Int) -> Double) { for index in 0..<tensor.count { tensor.set(index, value(index)) } }
    func uniform(_ limit: Double) { fill { (2 * generator.uniform($0) - 1) * limit } }
    func normal(_ deviation: Double) { fill { gaussian(generator, $0) * deviation } }
    // Cut at two deviations; the factor gives the cut distribution the deviation asked for.
    func truncated(_ deviation: Double) { fill { truncatedGaussian(generator, $0) * deviation / 0.87962566103423978 } }
    switch parameter.initializer {
    case "zeros": break
    case "ones": fill { _ in 1 }
    case "uniform", "random_uniform": uniform(0.05)
    case "normal", "random_normal": normal(0.05)
    case "truncated_normal": fill { truncatedGaussian(generator, $0) * 0.05 }
    case "glorot_uniform": uniform((3 / max(average, 1)).squareRoot())
    case "glorot_normal": truncated((1 / max(average, 1)).squareRoot())
    case "he_uniform": uniform((6 / max(fanIn, 1)).squareRoot())
    case "he_normal": truncated((2 / max(fanIn, 1)).squareRoot())
    case "lecun_uniform": uniform((3 / max(fanIn, 1)).squareRoot())
    case "lecun_normal": truncated((1 / max(fanIn, 1)).squareRoot())
    case "identity":
      guard parameter.shape.count == 2 else { throw TypeError("'identity' initialises matrices only") }
      for index in 0..<min(parameter.shape[0], parameter.shape[1]) { tensor.set(index * parameter.shape[1] + index, 1) }
    case "orthogonal": try orthogonal(tensor, generator)
    default:
      throw TypeError(
        "there is no initialiser '\(parameter.initializer)'",
        note: "the initialisers are \(names.map { "'\($0)'" }.joined(separator: ", "))")
    }
    return tensor
  }

  /// Inputs and outputs of one element, as Keras counts them.
  static func fans(_ shape: [Int]) -> (fanIn: Double, fanOut: Double) {
    switch shape.count {
    case 0: return (1, 1)
    case 1: return (Double(shape[0]), Double(shape[0]))
    case 2: return (Double(shape[0]), Double(shape[1]))
    default:
      let field = shape.dropLast(2).reduce(1.0) { $0 * Double($1) }
      return (Double(shape[shape.count - 2]) * field, Double(shape[shape.count - 1]) * field)
    }
  }

  /// Box and Muller's transform.
  private static func gaussian(_ generator: Philox, _ index: Int) -> Double {
    let u = 1 - generator.uniform(2 * index)
    let v = generator.uniform(2 * index + 1)
    return (-2 * log(u)).squareRoot() * cos(2 * .pi * v)
  }

  private static func truncatedGaussian(_ generator: Philox, _ index: Int) -> Double {
    // Each attempt has a counter range of its own; after 32 the chance of none inside is below 1e-42.
    for attempt in 0..<32 {
      let value = gaussian(generator, index &+ attempt &* (1 << 40))
      if value.magnitude <= 2 { return value }
    }
    return 0
  }

  /// Orthonormal rows or columns by Gram and Schmidt's process, applied twice against rounding.
  private static func orthogonal(_ tensor: Tensor, _ generator: Philox) throws(TypeError) {
    guard tensor.shape.count >= 2 else { throw TypeError("'orthogonal' initialises tensors of at least two axes") }
    let columns = tensor.shape[tensor.shape.count - 1]
    let rows = columns == 0 ? 0 : tensor.count / columns
    let (count, length) = (min(rows, columns), max(rows, columns))
    var vectors: [[Double]] = []
    for number in 0..<count {
      var vector = (0..<length).map { gaussian(generator, number * length + $0) }
      for _ in 0..<2 {
        for other in vectors {
          let dot = zip(vector, other).reduce(0) { $0 + $1.0 * $1.1 }
          for place in vector.indices { vector[place] -= dot * other[place] }
        }
      }
      let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      vectors.append(vector.map { $0 / max(norm, 1e-30) })
    }
    for row in 0..<rows {
      for column in 0..<columns {
        tensor.set(row * columns + column, rows <= columns ? vectors[row][column] : vectors[column][row])
      }
    }
  }
}
