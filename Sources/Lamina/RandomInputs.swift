// SPDX-License-Identifier: Apache-2.0
// Made-up inputs for tests, comparisons and measurements.

import GraphIR
import GraphSupport
import TensorCore

/// Small values of the named sizes with which no tensor of the model is empty, so that any model runs: powers of two,
/// the same for all names as far as their ranges allow. Where no values do, some with which no size is negative, or the
/// smallest.
package func smallestSizes(_ graph: Graph) -> [String: Int] {
  let ranges = graph.callerRanges
  var dims: Set<Dim> = []
  for node in graph.nodes {
    for result in node.results { dims.formUnion(graph.type(result).shape.lazy.filter { !$0.isConstant }) }
  }
  let known = Set(ranges.keys)
  dims = dims.filter { $0.symbols.isSubset(of: known) }
  let candidates = (0...12).map { power in ranges.mapValues { min(max($0.lowerBound, 1 << power), $0.upperBound) } }
  for least in [1, 0] {
    let fitting = candidates.first { sizes in dims.allSatisfy { ($0.evaluate(sizes) ?? -1) >= least } }
    if let fitting { return fitting }
  }
  return candidates[0]
}

/// Random inputs: floats uniform in -1...1, integers in 0...9, the same for the same seed everywhere.
///
/// - Parameter dims: values of the named sizes; one that is missing is an error.
package func randomInputs(
  _ ports: [(name: String, type: TensorType)], seed: Int, dims: [String: Int]
) throws -> [Tensor] {
  var state = UInt64(bitPattern: Int64(seed))
  func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  return try ports.map { port in
    let shape = port.type.shape.compactMap { $0.evaluate(dims) }
    guard shape.count == port.type.rank, let tensor = Tensor(zeros: port.type.dtype, shape) else {
      throw DiagnosticsError("random-input", "input '\(port.name)' \(port.type) needs its sizes: give them with --dim")
    }
    for index in 0..<tensor.count {
      if port.type.dtype.isFloat {
        tensor.set(index, Double(next() >> 40) * 0x1p-23 - 1)
      } else {
        tensor.set(index, integer: Int64(next() % (port.type.dtype == .bool ? 2 : 10)))
      }
    }
    return tensor
  }
}
