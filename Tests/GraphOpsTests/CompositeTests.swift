// SPDX-License-Identifier: Apache-2.0
// Softmax, normalizations, products and losses worked by hand.

import GraphIR
import GraphOps
import TensorCore
import Testing

#if canImport(Glibc)
  import Glibc
#endif

private func close(_ a: [Double], _ b: [Double]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 }
}

@Suite struct CompositeTests {
  @Test func softmaxDoesNotOverflow() throws {
    let x = Reference(.f32, [2, 3], reals: [-1, 0, 1, 1000, 1001, 1002])
    let y = try Softmax().evaluate([x])[0].reals
    let row = [0.0900305732, 0.2447284711, 0.6652409558]
    #expect(close(y, row + row))
    #expect(close(try LogSoftmax().evaluate([x])[0].reals, (row + row).map { log($0) }))
    let columns = try Softmax(axis: 0).evaluate([Reference(.f32, [2, 1], reals: [0, 0])])[0].reals
    #expect(columns == [0.5, 0.5])
  }

  @Test func hardmaxTakesTheFirst() throws {
    let x = Reference(.f32, [2, 3], reals: [1, 3, 3, 5, 0, 1])
    #expect(try Hardmax().evaluate([x])[0].reals == [0, 1, 0, 1, 0, 0])
  }

  @Test func rowsBecomeStandard() throws {
    var layer = LayerNormalization()
    layer.epsilon = 0
    layer.statistics = true
    let x = Reference(.f32, [2, 2], reals: [1, 3, 10, 30])
    let results = try layer.evaluate([
      x, Reference(.f32, [2], reals: [1, 2]), Reference(.f32, [2], reals: [0.5, 0]),
    ])
    #expect(close(results[0].reals, [-0.5, 2, -0.5, 2]))
    #expect(close(results[1].reals, [2, 20]))
    #expect(close(results[2].reals, [1, 0.1]))
    #expect(results[1].shape == [2, 1])
    var rms = RMSNormalization()
    rms.epsilon = 0
    let scale = Reference(.f32, [2], reals: [1, 10])
    #expect(close(try rms.evaluate([Reference(.f32, [2], reals: [1, 7]), scale])[0].reals, [0.2, 14]))
  }

  @Test func channelsBecomeStandard() throws {
    var batch = BatchNormalization()
    batch.epsilon = 0
    batch.trainingMode = true
    let x = Reference(.f32, [2, 2], reals: [1, 0, 3, 8])
    func column(_ a: Double, _ b: Double) -> Reference { Reference(.f32, [2], reals: [a, b]) }
    let results = try batch.evaluate([x, column(1, 1), column(0, 1), column(0, 0), column(1, 1)])
    #expect(close(results[0].reals, [-1, 0, 1, 2]))
    #expect(close(results[1].reals, [0.2, 0.4]))
    #expect(close(results[2].reals, [1, 2.5]))
    batch.trainingMode = false
    #expect(
      close(try batch.evaluate([x, column(2, 1), column(0, 1), column(1, 0), column(4, 1)])[0].reals, [0, 1, 2, 9]))
    var group = GroupNormalization()
    group.numGroups = 1
    group.epsilon = 0
    #expect(close(try group.evaluate([x, column(1, 1), column(0, 0)])[0].reals, [1, -1, -1, 1]))
  }

  @Test func neighbouringChannelsDivide() throws {
    var lrn = LRN()
    (lrn.size, lrn.alpha, lrn.beta, lrn.bias) = (2, 2, 1, 1)
    // Of two channels the sum starts at the channel itself.
    let y = try lrn.evaluate([Reference(.f32, [1, 3], reals: [1, 2, 3])])[0].reals
    #expect(close(y, [1.0 / 6, 2.0 / 14, 3.0 / 10]))
  }

  @Test func zeroLinesStayZero() throws {
    let x = Reference(.f32, [2, 2], reals: [3, -4, 0, 0])
    #expect(close(try LpNormalization().evaluate([x])[0].reals, [0.6, -0.8, 0, 0]))
    var constant = MeanVarianceNormalization()
    constant.axes = [1]
    #expect(try constant.evaluate([Reference(.f32, [1, 2], reals: [7, 7])])[0].reals == [0, 0])
  }

  @Test func crossEntropyWeighsAndIgnores() throws {
    var loss = SoftmaxCrossEntropyLoss()
    let scores = Reference(.f32, [3, 2], reals: [0, 0, 0, log(3), 0, 0])
    let labels = Reference(.i64, [3], integers: [0, 1, 1])
    let (half, threeQuarters) = (-log(0.5), -log(0.75))
    #expect(close(try loss.evaluate([scores, labels])[0].reals, [(2 * half + threeQuarters) / 3]))
    let weights = Reference(.f32, [2], reals: [1, 3])
    #expect(close(try loss.evaluate([scores, labels, weights])[0].reals, [(half + 3 * threeQuarters + 3 * half) / 7]))
    loss.ignoreIndex = 0
    loss.reduction = "none"
    #expect(close(try loss.evaluate([scores, labels])[0].reals, [0, threeQuarters, half]))
    // A label that is no class does not count.
    loss.ignoreIndex = nil
    loss.reduction = "mean"
    let strange = Reference(.i64, [3], integers: [0, -1, 2])
    #expect(close(try loss.evaluate([scores, strange])[0].reals, [half]))
  }

  @Test func equationsOfEinsum() throws {
    let square = Reference(.f64, [2, 2], reals: [1, 2, 3, 4])
    func einsum(_ equation: String, _ operands: Reference...) throws -> Reference {
      try Einsum(equation).evaluate(operands)[0]
    }
    #expect(try einsum("ii->i", square).reals == [1, 4])
    #expect(try einsum("ij->", square).reals == [10])
    #expect(try einsum("ba", square).reals == [1, 3, 2, 4])
    #expect(try einsum("ij, jk", square, square).reals == [7, 10, 15, 22])
    #expect(try einsum("ij,jk,kl->il", square, square, square).reals == [37, 54, 81, 118])
    let row = Reference(.f64, [1, 2], reals: [10, 100])
    #expect(try einsum("...,...->...", square, row).reals == [10, 200, 30, 400])
    for (equation, wanted) in [
      ("ij->k", "has the label 'k' only in its result"), ("i", "has 1 label for operand 0, found f64[2, 2]"),
      ("ij,ij->ij", "has 2 operands, found 1"), ("i-j", "has a '-' without '>'"), ("iï->i", "has a character"),
    ] {
      do throws(TypeError) {
        _ = try Einsum(equation).inferTypes([square.type])
        Issue.record("'\(equation)' is no equation")
      } catch {
        #expect(error.message.contains(wanted), "\(error.message)")
      }
    }
  }

  @Test func generalProduct() throws {
    var gemm = Gemm()
    (gemm.alpha, gemm.beta, gemm.transB) = (2, -1, true)
    let a = Reference(.f32, [1, 2], reals: [1, 2])
    let b = Reference(.f32, [2, 2], reals: [3, 4, 5, 6])
    #expect(try gemm.evaluate([a, b, Reference(.f32, [], reals: [1])])[0].reals == [21, 33])
  }
}
