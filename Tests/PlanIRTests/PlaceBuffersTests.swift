// SPDX-License-Identifier: Apache-2.0
// Placements hold for all sizes and come close to the lower bound.

import PlanIR
import TensorCore
import Testing

/// A plan of buffers alone, each `(bytes, first step, last step)`.
private func plan(_ buffers: [(Dim, Int, Int)], symbols: [Plan.Symbol] = []) -> Plan {
  let steps = (buffers.map(\.2).max() ?? 0) + 1
  return Plan(
    name: "placement", symbols: symbols,
    buffers: buffers.enumerated().map { Plan.Buffer("b\($0)", byteCount: $1.0, firstStep: $1.1, lastStep: $1.2) },
    kernels: ["k"], steps: Array(repeating: Plan.Step(kernel: 0, buffers: []), count: steps))
}

private struct Random {
  var state: UInt64
  mutating func next(_ limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(limit))
  }
}

@Suite struct PlaceBuffersTests {
  @Test func chainNeedsTwoBuffers() {
    var chain = plan((0..<20).map { (Dim(1000 + 64 * $0), $0, $0 + 1) })
    chain.placeBuffers()
    #expect(chain.verify() == [])
    #expect(chain.arenaBytes() == chain.lowerBound())
  }

  /// Layer stacks as networks have them: chains, residual connections, branches that join, scratch of one step.
  @Test func networksComeWithinTwoPercent() throws {
    var random = Random(state: 1)
    var total = 0.0
    for _ in 0..<60 {
      var buffers: [(Dim, Int, Int)] = []
      var step = 0
      for _ in 0..<(4 + random.next(30)) {
        let size = Dim(64 * (1 + random.next(4096)))
        switch random.next(4) {
        case 0:  // residual: lives over two inner steps
          buffers.append((size, step, step + 3))
          buffers.append((Dim(64 * (1 + random.next(4096))), step + 1, step + 2))
          buffers.append((size, step + 2, step + 3))
          step += 3
        case 1:  // three branches, joined
          for branch in 0..<3 { buffers.append((Dim(64 * (1 + random.next(2048))), step + branch, step + 3)) }
          step += 3
        case 2:  // scratch
          buffers.append((size, step, step))
          step += 1
        default:
          buffers.append((size, step, step + 1))
          step += 1
        }
      }
      var network = plan(buffers)
      network.placeBuffers()
      #expect(network.verify() == [])
      let (bytes, bound) = (try #require(network.arenaBytes()), try #require(network.lowerBound()))
      #expect(bytes >= bound)
      total += Double(bytes) / Double(bound)
      #expect(Double(bytes) <= 1.02 * Double(bound), "\(bytes) bytes, lower bound \(bound)")
    }
  }

  /// Orders that are right at one size hold at every other.
  @Test func symbolicSizesNeverOverlap() throws {
    var random = Random(state: 5)
    for _ in 0..<40 {
      let n = Dim(symbol: "N")
      let t = Dim(symbol: "T")
      let buffers = (0..<(2 + random.next(14))).map { _ -> (Dim, Int, Int) in
        let first = random.next(12)
        let size: Dim =
          switch random.next(4) {
          case 0: n * Dim(64 * (1 + random.next(64)))
          case 1: t * t * 4
          case 2: n * t * Dim(1 + random.next(100))
          default: Dim(random.next(100_000))
          }
        return (size, first, first + random.next(5))
      }
      var model = plan(buffers, symbols: [Plan.Symbol("N", 0...64), Plan.Symbol("T", 1...512)])
      model.placeBuffers()
      #expect(model.verify() == [])
      for _ in 0..<20 {
        let dims = ["N": random.next(65), "T": 1 + random.next(512)]
        let (places, total) = try #require(model.layout(dims))
        for (i, a) in model.buffers.enumerated() {
          #expect(places[i].offset % 64 == 0 && places[i].offset + places[i].byteCount <= total)
          for j in 0..<i where model.buffers[j].isLive(with: a) {
            #expect(
              places[i].offset + places[i].byteCount <= places[j].offset
                || places[j].offset + places[j].byteCount <= places[i].offset)
          }
        }
      }
    }
  }

  @Test func sizesThatCannotBeBoundAreLeftToTheVerifier() {
    var model = plan(
      [(Dim(symbol: "N") * Dim(Int.max / 2), 0, 1), (64, 1, 1)], symbols: [Plan.Symbol("N", 1...Int.max)])
    model.placeBuffers()
    #expect(model.arenaBytes(["N": 1 << 40]) == nil)
    #expect(model.arenaBytes([:]) == nil)
  }

  /// Random intervals are harder than networks; the search must still stay near and finish quickly.
  @Test func hundredsOfBuffers() throws {
    var random = Random(state: 9)
    var model = plan(
      (0..<400).map { _ in
        let first = random.next(300)
        return (Dim(64 * (1 + random.next(1000))), first, first + random.next(12))
      })
    let clock = ContinuousClock()
    let time = clock.measure { model.placeBuffers() }
    #expect(model.verify() == [])
    let ratio = Double(try #require(model.arenaBytes())) / Double(try #require(model.lowerBound()))
    #expect(ratio <= 1.05, "\(ratio) in \(time)")
    #expect(time < .seconds(2), "\(time)")
  }
}
