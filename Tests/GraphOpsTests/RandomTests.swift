// SPDX-License-Identifier: Apache-2.0
// Random operators in graphs: where their numbers start.

import GraphIR
import GraphInterpreter
import GraphOps
import TensorCore
import Testing

@Suite struct RandomTests {
  /// A graph of random operators without seeds.
  private func unseeded() throws -> Graph {
    var builder = GraphBuilder(name: "random")
    let p = builder.input("p", TensorType(.f32, [64]))
    for number in 0..<2 {
      builder.origin = Origin(path: "box\(number)")
      builder.output("uniform\(number)", try builder.emit(RandomUniform([64], .f32, seed: nil)))
      builder.output("normal\(number)", try builder.emit(RandomNormal([64], .f32, seed: nil)))
      builder.output("uniformLike\(number)", try builder.emit(RandomUniformLike(), p))
      builder.output("normalLike\(number)", try builder.emit(RandomNormalLike(), p))
      builder.output("bernoulli\(number)", try builder.emit(Bernoulli(), p))
    }
    return builder.graph
  }

  @Test func nodesWithoutASeedDiffer() throws {
    let p = Reference(.f32, [64], reals: [Double](repeating: 0.5, count: 64))
    let values = try interpret(try unseeded(), references: ["p": p])
    var seen: [String: [Double]] = [:]
    for (name, value) in values {
      for (other, reals) in seen { #expect(reals != value.reals, "\(name) is \(other)") }
      seen[name] = value.reals
    }
    #expect(seen.count == 10)
    let again = try interpret(try unseeded(), references: ["p": p])
    for (name, value) in again { #expect(value.reals == seen[name], "\(name)") }
  }

  @Test func aSeedIsKept() throws {
    var builder = GraphBuilder(name: "random")
    builder.output("a", try builder.emit(RandomUniform([9], .f32, seed: 5)))
    builder.output("b", try builder.emit(RandomUniform([9], .f32, seed: 5)))
    let values = try interpret(builder.graph, references: [:])
    #expect(values["a"]?.reals == values["b"]?.reals)
    #expect(values["a"]?.reals == (try RandomUniform([9], .f32, seed: 5).evaluate([])[0].reals))
  }
}
