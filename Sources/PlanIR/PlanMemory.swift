// SPDX-License-Identifier: Apache-2.0
// Where a plan's buffers lie for given sizes, and how much memory that takes.

import TensorCore

extension Plan {
  /// Buffer indices such that each comes after everything in its `below`; nil when `below` has a cycle or an index
  /// that does not exist.
  package var bufferOrder: [Int]? {
    var above: [[Int]] = Array(repeating: [], count: buffers.count)
    var missing = buffers.map(\.below.count)
    for (index, buffer) in buffers.enumerated() {
      for other in buffer.below {
        guard buffers.indices.contains(other) else { return nil }
        above[other].append(index)
      }
    }
    var order = buffers.indices.filter { missing[$0] == 0 }
    var next = 0
    while next < order.count {
      for index in above[order[next]] {
        missing[index] -= 1
        if missing[index] == 0 { order.append(index) }
      }
      next += 1
    }
    return order.count == buffers.count ? order : nil
  }

  /// The offset and size in bytes of every buffer, and the bytes that hold them all; nil when a size is unbound,
  /// negative or out of range, or the placement has a cycle. Buffers of steps that do not run for these sizes have no
  /// bytes.
  package func layout(_ dims: [String: Int]) -> (places: [(offset: Int, byteCount: Int)], byteCount: Int)? {
    guard let order = bufferOrder else { return nil }
    var places = Array(repeating: (offset: 0, byteCount: 0), count: buffers.count)
    var total = 0
    let running = steps(for: dims)
    for index in order where variants.isEmpty || running.contains(buffers[index].firstStep) {
      guard let byteCount = buffers[index].byteCount.evaluate(dims), byteCount >= 0 else { return nil }
      var offset = 0
      for other in buffers[index].below {
        guard let end = aligned(places[other].offset, plus: places[other].byteCount) else { return nil }
        offset = max(offset, end)
      }
      guard let end = aligned(offset, plus: byteCount) else { return nil }
      places[index] = (offset, byteCount)
      total = max(total, end)
    }
    return (places, total)
  }

  /// The arena's size for given sizes; nil as for `layout`.
  package func arenaBytes(_ dims: [String: Int] = [:]) -> Int? { layout(dims)?.byteCount }

  /// What no placement can go under: the most bytes that are live during one step; nil as for `layout`.
  package func lowerBound(_ dims: [String: Int] = [:]) -> Int? {
    var changes: [Int: Int] = [:]
    let running = steps(for: dims)
    for buffer in buffers where variants.isEmpty || running.contains(buffer.firstStep) {
      guard let byteCount = buffer.byteCount.evaluate(dims), byteCount >= 0,
        let rounded = aligned(0, plus: byteCount)
      else { return nil }
      // At most 2^47 a buffer: a sum could only wrap with more buffers than memory holds.
      changes[buffer.firstStep, default: 0] &+= rounded
      changes[buffer.lastStep &+ 1, default: 0] &-= rounded
    }
    var live = 0
    var most = 0
    for step in changes.keys.sorted() {
      live &+= changes[step] ?? 0
      most = max(most, live)
    }
    return most
  }

  /// The largest scratch area of any step; nil as for `layout`.
  package func scratchBytes(_ dims: [String: Int] = [:]) -> Int? {
    var most = 0
    for step in steps[steps(for: dims)] {
      guard let bytes = step.scratchBytes.evaluate(dims), bytes >= 0 else { return nil }
      most = max(most, bytes)
    }
    return most
  }
}

/// `offset + byteCount` rounded up to the plan's alignment; nil beyond what a process can address.
func aligned(_ offset: Int, plus byteCount: Int) -> Int? {
  let (end, overflow) = offset.addingReportingOverflow(byteCount)
  guard !overflow, end <= 1 << 47 else { return nil }
  return (end + Plan.alignment - 1) / Plan.alignment * Plan.alignment
}
