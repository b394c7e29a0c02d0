// SPDX-License-Identifier: Apache-2.0
// Operators that draw random numbers, and where their numbers start when nobody says.

/// An operator whose results are random numbers of a seed.
package protocol RandomOperation: Operation {
  /// Where the numbers start; nil until the operator joins a graph, when its place there decides.
  var seed: Double? { get set }
}

extension RandomOperation {
  package static var accuracy: Accuracy { .random }
}

/// A seed that follows from a node's place: others for other nodes, the same whenever the same graph is built. It is
/// whole and small, so that text and f32 hold it (FNV-1a over the names).
func seed(ofNode number: Int, _ origin: Origin, in graph: String) -> Double {
  var hash: UInt32 = 2_166_136_261
  for byte in "\(graph)\n\(origin.path)\n\(number)".utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
  return Double(hash >> 8)
}
