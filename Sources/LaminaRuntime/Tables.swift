// SPDX-License-Identifier: Apache-2.0
// The arrays behind a context, in one allocation whose size the image alone decides.

import CLaminaRuntime

/// One kernel call, ready to be made; for control steps tiles alone has a meaning.
struct PreparedStep {
  /// Nil for a control step.
  var kernel: lamina_kernel?
  var pointers: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  var sizes: UnsafePointer<Int64>
  var tiles: Int64
  /// Estimated time of all tiles.
  var nanoseconds: UInt64
  var picosecondsPerTile: UInt64
  /// Into how many parts the tiles may be split.
  var parts: Int
}

/// An input or output.
struct Port {
  var byteCount: Int64
  var isSet = false
}

/// Inputs come before outputs wherever ports are numbered.
struct Tables {
  /// One for each expression, index, buffer, reference, port and step of the image.
  let values: UnsafeMutablePointer<Int64>
  let sizes: UnsafeMutablePointer<Int64>
  let bufferOffsets: UnsafeMutablePointer<Int64>
  let bufferEnds: UnsafeMutablePointer<Int64>
  let pointers: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  /// Where what a reference points into starts, and the bytes there.
  let bases: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  let limits: UnsafeMutablePointer<Int64>
  let ports: UnsafeMutablePointer<Port>
  let steps: UnsafeMutablePointer<PreparedStep>
  /// What threads do now.
  let job: UnsafeMutablePointer<Job>
  let portCount: Int
  /// The references to port `p` are `patches[patchStarts[p] ..< patchStarts[p + 1]]`.
  let patchStarts: UnsafeMutablePointer<UInt32>
  let patches: UnsafeMutablePointer<UInt32>
  /// After a run that needs more room: the symbol, and what it has to be at least (0: no such run).
  let needed: UnsafeMutablePointer<Int64>
  private let memory: UnsafeMutableRawPointer

  init?(_ image: PlanImage) {
    let references = image.references
    portCount = image.inputs.count &+ image.outputs.count
    var byteCount = 0
    func room<Element>(_: Element.Type, _ count: Int) -> Int {
      let offset = byteCount
      byteCount = (offset &+ count &* MemoryLayout<Element>.stride &+ 15) & ~15
      return offset
    }
    let valuesOffset = room(Int64.self, image.expressions.count)
    let sizesOffset = room(Int64.self, image.indices.count)
    let offsetsOffset = room(Int64.self, image.buffers.count)
    let endsOffset = room(Int64.self, image.buffers.count)
    let pointersOffset = room(UnsafeMutableRawPointer?.self, references.count)
    let basesOffset = room(UnsafeMutableRawPointer?.self, references.count)
    let limitsOffset = room(Int64.self, references.count)
    let portsOffset = room(Port.self, portCount)
    let stepsOffset = room(PreparedStep.self, image.steps.count)
    let jobOffset = room(Job.self, 1)
    let startsOffset = room(UInt32.self, portCount &+ 2)
    let patchesOffset = room(UInt32.self, references.count)
    let neededOffset = room(Int64.self, 2)
    guard let memory = lamina_allocate(UInt64(byteCount)) else { return nil }
    memset(memory, 0, byteCount)
    self.memory = memory
    values = (memory + valuesOffset).assumingMemoryBound(to: Int64.self)
    sizes = (memory + sizesOffset).assumingMemoryBound(to: Int64.self)
    bufferOffsets = (memory + offsetsOffset).assumingMemoryBound(to: Int64.self)
    bufferEnds = (memory + endsOffset).assumingMemoryBound(to: Int64.self)
    pointers = (memory + pointersOffset).assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    bases = (memory + basesOffset).assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    limits = (memory + limitsOffset).assumingMemoryBound(to: Int64.self)
    ports = (memory + portsOffset).assumingMemoryBound(to: Port.self)
    steps = (memory + stepsOffset).assumingMemoryBound(to: PreparedStep.self)
    job = (memory + jobOffset).assumingMemoryBound(to: Job.self)
    patchStarts = (memory + startsOffset).assumingMemoryBound(to: UInt32.self)
    patches = (memory + patchesOffset).assumingMemoryBound(to: UInt32.self)
    needed = (memory + neededOffset).assumingMemoryBound(to: Int64.self)

    // Counting sort of the references by port; entry `p + 2` counts port p, so that after the sums and one pass of
    // filling, entry `p` is where port p starts.
    for reference in references {
      if let port = Tables.port(reference, image) { patchStarts[port &+ 2] &+= 1 }
    }
    for port in 0..<portCount { patchStarts[port &+ 2] &+= patchStarts[port &+ 1] }
    var index: UInt32 = 0
    for reference in references {
      if let port = Tables.port(reference, image) {
        patches[Int(patchStarts[port &+ 1])] = index
        patchStarts[port &+ 1] &+= 1
      }
      index &+= 1
    }
  }

  func free() { lamina_free(memory) }

  private static func port(_ reference: lamina_reference, _ image: PlanImage) -> Int? {
    switch lamina_space(reference.space) {
    case LAMINA_INPUT: Int(reference.index)
    case LAMINA_OUTPUT: image.inputs.count &+ Int(reference.index)
    default: nil
    }
  }
}
