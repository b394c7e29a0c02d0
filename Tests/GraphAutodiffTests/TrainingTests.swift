// SPDX-License-Identifier: Apache-2.0
// Gradients of whole models: linear regression to convergence, a small network against its formulas.

import GraphAutodiff
import GraphIR
import GraphInterpreter
import GraphOps
import GraphSupport
import TensorCore
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct TrainingTests {
  /// Five points of y = 2 x, mean squared error, gradient descent at 0.01: the step is one graph.
  @Test func linearRegressionFindsTheLine() throws {
    var builder = GraphBuilder(name: "regression")
    let x = builder.input("x", TensorType(.f64, [5, 1]))
    let y = builder.input("y", TensorType(.f64, [5, 1]))
    let w = builder.input("w", TensorType(.f64, [1, 1]))
    let b = builder.input("b", TensorType(.f64, [1]))
    let error = try builder.emit(Sub(), try builder.emit(Add(), try builder.emit(MatMul(), x, w), b), y)
    let loss = try builder.emit(ReduceMean(axes: [0, 1], keepDims: false), try builder.emit(Mul(), error, error))
    builder.output("loss", loss)

    var step = try Differentiation(of: loss, in: builder.graph, withRespectTo: [w, b])
    for (name, value, gradient) in zip(zip(["w", "b"], [w, b]), step.gradients).map({ ($0.0.0, $0.0.1, $0.1) }) {
      let rate = try step.builder.scalar(0.01, .f64)
      let old = try #require(step.value(value))
      let change = try step.builder.emit(Mul(), gradient, rate)
      step.builder.output("new \(name)", try step.builder.emit(Sub(), old, change))
    }
    let graph = step.builder.graph
    #expect(verify(graph) == [])

    var state = [
      "x": Reference(.f64, [5, 1], reals: [1, 2, 3, 4, 5]), "y": Reference(.f64, [5, 1], reals: [2, 4, 6, 8, 10]),
      "w": Reference(.f64, [1, 1], reals: [0]), "b": Reference(.f64, [1], reals: [0]),
    ]
    var (handW, handB) = (0.0, 0.0)
    var losses: [Double] = []
    for _ in 0..<1000 {
      let results = try interpret(graph, references: state)
      state["w"] = results["new w"]
      state["b"] = results["new b"]
      losses.append(try #require(results["loss"]).reals[0])
      // dw = 2/5 Σ (w x + b - y) x, db = 2/5 Σ (w x + b - y)
      let errors = (1...5).map { handW * Double($0) + handB - 2 * Double($0) }
      let dw = zip(errors, 1...5).reduce(0) { $0 + $1.0 * Double($1.1) } * 2 / 5
      handW -= 0.01 * dw
      handB -= 0.01 * errors.reduce(0, +) * 2 / 5
    }
    let (foundW, foundB) = (try #require(state["w"]).reals[0], try #require(state["b"]).reals[0])
    #expect(abs(foundW - handW) < 1e-9 && abs(foundB - handB) < 1e-9)
    #expect(abs(foundW - 2) < 0.02 && abs(foundB) < 0.06, "w = \(foundW), b = \(foundB)")
    #expect(losses[0] == 44)
    #expect(zip(losses, losses.dropFirst()).allSatisfy { $0 > $1 })
    #expect(losses[999] < 1e-3)
  }

  /// 3 → 4 → 2 with sigmoids and ½ Σ (y - ŷ)², against the formulas.
  @Test func smallNetworkHasTheGradientsOfItsFormulas() throws {
    let (inputs, hidden, outputs) = (3, 4, 2)
    let x = [0.5, -0.2, 0.8]
    let target = [0.6, 0.9]
    let w1 = (0..<inputs * hidden).map { 0.1 * Double($0) - 0.5 }
    let b1 = [0.1, 0.2, -0.1, 0]
    let w2 = (0..<hidden * outputs).map { 0.3 - 0.15 * Double($0) }
    let b2 = [-0.3, 0.4]

    var builder = GraphBuilder(name: "network")
    let ids = [
      ("x", [1, inputs]), ("y", [1, outputs]), ("w1", [inputs, hidden]), ("b1", [hidden]),
      ("w2", [hidden, outputs]), ("b2", [outputs]),
    ].map { builder.input($0.0, TensorType(.f64, $0.1.map { Dim($0) })) }
    let h = try builder.emit(Sigmoid(), try builder.emit(Add(), try builder.emit(MatMul(), ids[0], ids[2]), ids[3]))
    let y = try builder.emit(Sigmoid(), try builder.emit(Add(), try builder.emit(MatMul(), h, ids[4]), ids[5]))
    let error = try builder.emit(Sub(), ids[1], y)
    let sum = try builder.emit(ReduceSum(axes: [0, 1], keepDims: false), try builder.emit(Mul(), error, error))
    let loss = try builder.emit(Mul(), sum, try builder.scalar(0.5, .f64))
    builder.output("loss", loss)
    let graph = try gradients(of: loss, in: builder.graph, withRespectTo: Array(ids[2...]))
    let results = try interpret(
      graph,
      references: [
        "x": Reference(.f64, [1, inputs], reals: x), "y": Reference(.f64, [1, outputs], reals: target),
        "w1": Reference(.f64, [inputs, hidden], reals: w1), "b1": Reference(.f64, [hidden], reals: b1),
        "w2": Reference(.f64, [hidden, outputs], reals: w2), "b2": Reference(.f64, [outputs], reals: b2),
      ])

    func sigmoid(_ z: Double) -> Double { 1 / (1 + exp(-z)) }
    let a1 = (0..<hidden).map { j in sigmoid((0..<inputs).reduce(b1[j]) { $0 + x[$1] * w1[$1 * hidden + j] }) }
    let a2 = (0..<outputs).map { k in sigmoid((0..<hidden).reduce(b2[k]) { $0 + a1[$1] * w2[$1 * outputs + k] }) }
    let delta2 = (0..<outputs).map { (a2[$0] - target[$0]) * a2[$0] * (1 - a2[$0]) }
    let delta1 = (0..<hidden).map { j in
      (0..<outputs).reduce(0) { $0 + w2[j * outputs + $1] * delta2[$1] } * a1[j] * (1 - a1[j])
    }
    let expected = [
      "gradient/w1": (0..<inputs).flatMap { i in (0..<hidden).map { x[i] * delta1[$0] } }, "gradient/b1": delta1,
      "gradient/w2": (0..<hidden).flatMap { j in (0..<outputs).map { a1[j] * delta2[$0] } }, "gradient/b2": delta2,
    ]
    for (name, numbers) in expected {
      let found = try #require(results[name]).reals
      #expect(zip(found, numbers).allSatisfy { abs($0 - $1) < 1e-12 } && found.count == numbers.count, "\(name)")
    }
  }

  @Test func aValueThatIsReadTwiceGetsBothGradients() throws {
    var builder = GraphBuilder(name: "g")
    let x = builder.input("x", TensorType(.f64, []))
    let y = try builder.emit(Add(), try builder.emit(Mul(), x, x), try builder.emit(Exp(), x))
    let graph = try gradients(of: y, in: builder.graph, withRespectTo: [x])
    let result = try interpret(graph, references: ["x": Reference(.f64, [], reals: [0])])
    #expect(result["gradient/x"]?.reals == [1])
  }

  @Test func whatTheScalarDoesNotDependOnHasGradientZero() throws {
    var builder = GraphBuilder(name: "g")
    let x = builder.input("x", TensorType(.f32, []))
    let other = builder.input("other", TensorType(.f32, [2]))
    let y = try builder.emit(Exp(), x)
    let graph = try gradients(of: y, in: builder.graph, withRespectTo: [other])
    let result = try interpret(
      graph, references: ["x": Reference(.f32, [], reals: [0]), "other": Reference(.f32, [2], reals: [1, 1])])
    #expect(result["gradient/other"]?.reals == [0, 0])
  }

  @Test func anOperatorWithoutGradientIsNamedWithItsBox() throws {
    var builder = GraphBuilder(name: "g")
    let y = builder.input("y", TensorType(.f32, [1, 1, 2]))
    builder.origin = Origin(path: "stem/pool")
    var pool = PoolGradient()
    pool.kernelShape = [2]
    pool.shape = [1, 1, 3]
    let spread = try builder.emit(pool, y)
    let sum = try builder.emit(ReduceSum(axes: [0, 1, 2], keepDims: false), spread)
    do {
      _ = try gradients(of: sum, in: builder.graph, withRespectTo: [y])
      Issue.record("'PoolGradient' has no gradient")
    } catch let error as DiagnosticsError {
      #expect(error.diagnostics.first?.message == "'stem/pool': 'PoolGradient' has no gradient")
    }
  }
}
