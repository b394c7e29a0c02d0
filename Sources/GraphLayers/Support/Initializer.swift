// SPDX-License-Identifier: Apache-2.0
// How parameters start, with Keras' names and formulas.

import GraphIR
import GraphSupport
import TensorCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How a parameter starts: one of Keras' initialisers by name, or as a call with arguments.
package struct Initializer: Sendable {
  /// The initialisers' names.
  package static let names = [
    "zeros", "ones", "constant", "random_uniform", "random_normal", "truncated_normal", "variance_scaling",
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "orthogonal",
    "identity",
  ]

  private enum Kind: Sendable {
    case constant(Double)
    case uniform(Double, Double)
    case normal(mean: Double, deviation: Double)
    case truncated(mean: Double, deviation: Double)
    case scaled(Double, mode: String, distribution: String)
    case orthogonal(gain: Double)
    case identity(gain: Double)
    /// An LSTM's bias: ones for the second of four gates, the rest as another initialiser makes it.
    indirect case forgetting(rest: Kind)
    /// The windowed cosines (`real`) or sines of a Fourier transform, [frame, 1, frequencies].
    case transform(isReal: Bool, window: String?, scaling: String?, isPeriodic: Bool)
  }

  private let kind: Kind

  /// - Throws: for a name or argument that Keras does not have.
  package init(_ text: String) throws(TypeError) {
    let forgetting = "unit_forget_bias("
    if text.hasPrefix(forgetting), text.hasSuffix(")") {
      let rest = String(text.dropFirst(forgetting.count).dropLast())
      guard !rest.hasPrefix(forgetting) else {
        throw TypeError("initialiser 'unit_forget_bias' is of another initialiser")
      }
      kind = .forgetting(rest: try Initializer(rest).kind)
      return
    }
    let object = try NamedObject(text)
    let what = "initialiser"
    func scaled(_ factor: Double, _ mode: String, _ distribution: String) throws(TypeError) -> Kind {
      _ = try object.values([], what)
      return .scaled(factor, mode: mode, distribution: distribution)
    }
    switch object.name {
    case "zeros", "zero": kind = .constant(try object.numbers([:], what).first ?? 0)
    case "ones", "one": kind = .constant(try object.numbers([:], what).first ?? 1)
    case "constant": kind = .constant(try object.numbers(["value": 0], what)[0])
    case "uniform", "random_uniform":
      let range = try object.numbers(["minval": -0.05, "maxval": 0.05], what)
      kind = .uniform(range[0], range[1])
    case "normal", "random_normal":
      let shape = try object.numbers(["mean": 0, "stddev": 0.05], what)
      kind = .normal(mean: shape[0], deviation: shape[1])
    case "truncated_normal":
      let shape = try object.numbers(["mean": 0, "stddev": 0.05], what)
      kind = .truncated(mean: shape[0], deviation: shape[1])
    case "variance_scaling":
      let given = try object.values(["scale", "mode", "distribution"], what)
      let (mode, distribution) = (given["mode"] ?? "fan_in", given["distribution"] ?? "truncated_normal")
      guard let scale = Double(given["scale"] ?? "1"), scale > 0 else {
        throw TypeError(
          "'scale' of initialiser 'variance_scaling' must be a positive number, found '\(given["scale"] ?? "")'")
      }
      guard ["fan_in", "fan_out", "fan_avg"].contains(mode) else {
        throw TypeError(
          "'mode' of initialiser 'variance_scaling' must be 'fan_in', 'fan_out' or 'fan_avg', found '\(mode)'")
      }
      guard ["truncated_normal", "untruncated_normal", "uniform"].contains(distribution) else {
        throw TypeError(
          "'distribution' of initialiser 'variance_scaling' must be 'truncated_normal', 'untruncated_normal' or "
            + "'uniform', found '\(distribution)'")
      }
      kind = .scaled(scale, mode: mode, distribution: distribution)
    case "glorot_uniform": kind = try scaled(1, "fan_avg", "uniform")
    case "glorot_normal": kind = try scaled(1, "fan_avg", "truncated_normal")
    case "he_uniform": kind = try scaled(2, "fan_in", "uniform")
    case "he_normal": kind = try scaled(2, "fan_in", "truncated_normal")
    case "lecun_uniform": kind = try scaled(1, "fan_in", "uniform")
    case "lecun_normal": kind = try scaled(1, "fan_in", "truncated_normal")
    case "orthogonal", "orthogonal_initializer": kind = .orthogonal(gain: try object.numbers(["gain": 1], what)[0])
    case "stft":
      let given = try object.values(["side", "window", "scaling", "periodic"], what)
      func named(_ key: String) -> String? { given[key] == "none" ? nil : given[key] }
      let (side, scaling) = (given["side"] ?? "real", named("scaling"))
      guard side == "real" || side == "imag", scaling == nil || scaling == "density" || scaling == "spectrum" else {
        throw TypeError(
          "initialiser 'stft' has the sides 'real' and 'imag', and the scalings 'density', 'spectrum' and none")
      }
      kind = .transform(
        isReal: side == "real", window: named("window"), scaling: scaling, isPeriodic: given["periodic"] == "true")
    case "identity": kind = .identity(gain: try object.numbers(["gain": 1], what)[0])
    default:
      throw TypeError(
        "there is no initialiser '\(text)'\(nearest(object.name, among: Self.names).map { ", did you mean '\($0)'?" } ?? "")",
        note: "the initialisers are \(Self.names.map { "'\($0)'" }.joined(separator: ", "))")
    }
  }

  /// The first value of a parameter, a function of the seed and its name alone.
  package static func tensor(_ parameter: Parameter, seed: Int) throws(TypeError) -> Tensor {
    try tensor(parameter, try Initializer(parameter.initializer).kind, seed: seed)
  }

  private static func tensor(_ parameter: Parameter, _ kind: Kind, seed: Int) throws(TypeError) -> Tensor {
    guard let tensor = Tensor(zeros: parameter.dtype, parameter.shape) else { throw TypeError("out of memory") }
    let generator = Philox(seed: seed, name: parameter.name)
    func fill(_ value: (Int) -> Double) { for index in 0..<tensor.count { tensor.set(index, value(index)) } }
    func uniform(_ low: Double, _ high: Double) {
      generator.forEachUniform(tensor.count) { tensor.set($0, low + (high - low) * $1) }
    }
    func normal(_ mean: Double, _ deviation: Double) { fill { mean + gaussian(generator, $0) * deviation } }
    func truncated(_ mean: Double, _ deviation: Double) { fill { mean + truncatedGaussian(generator, $0) * deviation } }
    switch kind {
    case .constant(let value): if value != 0 { fill { _ in value } }
    case .uniform(let low, let high): uniform(low, high)
    case .normal(let mean, let deviation): normal(mean, deviation)
    case .truncated(let mean, let deviation): truncated(mean, deviation)
    case .scaled(let scale, let mode, let distribution):
      let (fanIn, fanOut) = fans(parameter.shape)
      let fan = mode == "fan_in" ? fanIn : mode == "fan_out" ? fanOut : (fanIn + fanOut) / 2
      let variance = scale / max(fan, 1)
      switch distribution {
      case "uniform": uniform(-(3 * variance).squareRoot(), (3 * variance).squareRoot())
      case "untruncated_normal": normal(0, variance.squareRoot())
      // Cut at two deviations; the factor gives the cut distribution the deviation asked for.
      default: truncated(0, variance.squareRoot() / 0.87962566103423978)
      }
    case .identity(let gain):
      guard parameter.shape.count == 2 else { throw TypeError("'identity' initialises matrices only") }
      for index in 0..<min(parameter.shape[0], parameter.shape[1]) {
        tensor.set(index * parameter.shape[1] + index, gain)
      }
    case .orthogonal(let gain): try orthogonal(tensor, generator, gain: gain)
    case .transform(let isReal, let window, let scaling, let isPeriodic):
      guard parameter.shape.count == 3, parameter.shape[2] > 1 else {
        throw TypeError("'stft' initialises [frame, 1, frequencies]")
      }
      let (frame, bins) = (parameter.shape[0], parameter.shape[2])
      let samples = try SpectrumWindow.samples(window, frame, isPeriodic: isPeriodic, of: "stft")
      let sum = samples.reduce(0) { $0 + (scaling == "density" ? $1 * $1 : $1.magnitude) }
      let factor = window == nil || scaling == nil ? 1 : scaling == "density" ? sum.squareRoot() : sum
      fill { index in
        let angle = turn(index / bins, index % bins, 2 * (bins - 1))
        return (isReal ? cos(angle) : -sin(angle)) * samples[index / bins] / factor
      }
    case .forgetting(let rest):
      let all = try self.tensor(parameter, rest, seed: seed)
      for index in all.count / 4..<all.count / 2 { all.set(index, 1) }
      return all
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
  private static func orthogonal(_ tensor: Tensor, _ generator: Philox, gain: Double) throws(TypeError) {
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
        tensor.set(row * columns + column, gain * (rows <= columns ? vectors[row][column] : vectors[column][row]))
      }
    }
  }
}
