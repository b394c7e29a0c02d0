// SPDX-License-Identifier: Apache-2.0
// Random graphs over all operators, compiled at each level of optimisation and with several numbers of threads, against
// the interpreter. `LAMINA_GRAPHS=FIRST..LAST` chooses other seeds, for long runs by hand.

import Foundation
import GraphIR
import GraphInterpreter
import GraphOps
import GraphOptimizer
import GraphSupport
import GraphTestKit
import Lamina
import LLVMBackend
import TensorCore
import Testing

@Suite struct CompiledGraphTests {
  static let operatorsOfAGraph = 8

  static let seeds: Range<Int> = {
    let bounds = (ProcessInfo.processInfo.environment["LAMINA_GRAPHS"] ?? "").split(separator: ".").compactMap { Int($0) }
    return bounds.count == 2 && bounds[0] < bounds[1] ? bounds[0]..<bounds[1] : 0..<2000
  }()
  /// Seeds go in blocks, so that a run is some tens of tests.
  static let blocks = stride(from: seeds.lowerBound, to: seeds.upperBound, by: 50).map { $0..<min($0 + 50, seeds.upperBound) }

  @Test(arguments: blocks) func compiledEqualsInterpreted(_ block: Range<Int>) throws {
    for seed in block {
      do { try check(seed) } catch { Issue.record("seed \(seed): \(error)\n\(describeCompiled(seed))") }
    }
  }

  /// What an error was thrown for.
  private func describeCompiled(_ seed: Int) -> String {
    let precision: RandomGraph.Precision = seed % 8 == 7 ? .half : .single
    guard
      let (graph, _) = try? RandomGraph.make(
        seed: UInt64(seed), nodes: precision == .half ? Self.operatorsOfAGraph / 2 : Self.operatorsOfAGraph,
        precision: precision)
    else { return "" }
    var random = SampleSource(seed: UInt64(seed))
    return describe(seed % 3 == 0 ? graph.withRunTimeSize(&random)?.graph ?? graph : graph)
  }

  /// One graph in eight has half-precision types, one in three has a size that is known only when it runs.
  private func check(_ seed: Int) throws {
    let precision: RandomGraph.Precision = seed % 8 == 7 ? .half : .single
    let (graph, inputs) = try RandomGraph.make(
      seed: UInt64(seed), nodes: precision == .half ? Self.operatorsOfAGraph / 2 : Self.operatorsOfAGraph,
      precision: precision)
    let expected = try interpret(graph, references: inputs.mapValues { Reference($0) })
    let ordered = try graph.inputs.map { try #require(inputs[graph[$0].name ?? ""]) }
    var random = SampleSource(seed: UInt64(seed))
    let compiled = seed % 3 == 0 ? graph.withRunTimeSize(&random)?.graph ?? graph : graph
    for level in OptimizationLevel.allCases {
      let model: CompiledModel
      do {
        model = try CompiledModel(compiled, CompileOptions(level: level, jobs: 1))
      } catch let error as DiagnosticsError where error.diagnostics.allSatisfy({ $0.id == "size-not-known" }) {
        // Some operators need certain sizes as numbers and say so.
        model = try CompiledModel(graph, CompileOptions(level: level, jobs: 1))
      } catch {
        Issue.record("seed \(seed), \(level): \(error)\n\(describe(compiled))")
        return
      }
      let outputs = try model.run(ordered, threads: 1)
      for (output, tensor) in zip(graph.outputs, outputs) {
        let value = try #require(expected[output.name])
        // An operator that rounds inexact numbers to whole ones may take the other neighbour of a half.
        let isRounded = graph.producer(output.value).map { type(of: $0.operation).accuracy != .exact } ?? false
        let found = Reference(tensor)
        if isRounded, !value.dtype.isFloat, found.shape == value.shape,
          zip(found.integers, value.integers).allSatisfy({ $0 == $1 || $0 &- $1 == 1 || $1 &- $0 == 1 })
        {
          continue
        }
        let distance = distance(found, value)
        if distance >= precision.largestDistance || distance.isNaN {
          if try isCloseCall(output.value, found, value, in: graph, inputs) { continue }
          Issue.record("seed \(seed), '\(output.name)', \(level): distance \(distance)\n\(describe(compiled))")
          return
        }
      }
      let threaded = try model.run(ordered, threads: 2)
      if !zip(outputs, threaded).allSatisfy({ $0.isIdentical(to: $1) }) {
        Issue.record("seed \(seed), \(level): two threads give other bits than one\n\(describe(compiled))")
        return
      }
    }
  }

  /// Whether a comparison differs only where its operands are equal but for rounding: there it may go either way.
  private func isCloseCall(
    _ output: ValueID, _ found: Reference, _ expected: Reference, in graph: Graph, _ inputs: [String: Tensor]
  ) throws -> Bool {
    guard let node = graph.producer(output), node.operation is any ComparisonOperation, let a = node.operands[0],
      let b = node.operands[1], graph.type(a).dtype.isFloat, found.shape == expected.shape
    else { return false }
    var builder = GraphBuilder(graph)
    let wide = try [a, b].map { try builder.emit(Cast(to: .f64), $0) }
    let gap = try builder.emit(Abs(), builder.emit(Sub(), wide[0], wide[1]))
    let size = try builder.emit(Max(), builder.emit(Abs(), wide[0]), builder.scalar(1, .f64))
    builder.output("gap", try builder.emit(Div(), gap, size))
    let gaps = try #require(try interpret(builder.graph, references: inputs.mapValues { Reference($0) })["gap"]).reals
    return gaps.indices.allSatisfy { found.integers[$0] == expected.integers[$0] || gaps[$0] < 1e-5 }
  }
}
