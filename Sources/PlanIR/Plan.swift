// SPDX-License-Identifier: Apache-2.0
// A plan: what a compiled model does at run time, as kernel calls over placed memory.

import TensorCore

/// Kernel calls in order, over an arena, the weights and the caller's inputs and outputs. All sizes are expressions
/// over `symbols`, which are bound once before running.
package struct Plan: Hashable, Sendable {
  /// The model's name.
  package var name: String
  /// Facts that `--describe` shows, such as the instruction set; keys are unique.
  package var metadata: [Metadata]
  package var symbols: [Symbol]
  package var inputs: [Port]
  package var outputs: [Port]
  package var constants: [Constant]
  /// Size of the weights blob that holds every constant.
  package var weightsByteCount: Int
  package var buffers: [Buffer]
  /// Symbol names of the kernels that steps call.
  package var kernels: [String]
  package var steps: [Step]

  package init(
    name: String, metadata: [Metadata] = [], symbols: [Symbol] = [], inputs: [Port] = [], outputs: [Port] = [],
    constants: [Constant] = [], weightsByteCount: Int = 0, buffers: [Buffer] = [], kernels: [String] = [],
    steps: [Step] = []
  ) {
    self.name = name
    self.metadata = metadata
    self.symbols = symbols
    self.inputs = inputs
    self.outputs = outputs
    self.constants = constants
    self.weightsByteCount = weightsByteCount
    self.buffers = buffers
    self.kernels = kernels
    self.steps = steps
  }
}

extension Plan {
  /// The alignment, in bytes, of every arena buffer, constant and scratch area.
  package static let alignment = 64

  package struct Metadata: Hashable, Sendable {
    package var key: String
    package var value: String

    package init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// A size that is bound at run time, from the shapes of the inputs or by the caller.
  package struct Symbol: Hashable, Sendable {
    package var name: String
    package var range: ClosedRange<Int>

    package init(_ name: String, _ range: ClosedRange<Int>) {
      self.name = name
      self.range = range
    }
  }

  /// An input or output: row-major, contiguous, in memory that the caller owns.
  package struct Port: Hashable, Sendable {
    package var name: String
    package var type: TensorType

    package init(_ name: String, _ type: TensorType) {
      self.name = name
      self.type = type
    }
  }

  /// A part of the weights blob.
  package struct Constant: Hashable, Sendable {
    package var name: String
    /// The tensor that is stored, before packing.
    package var type: TensorType
    /// Where it starts in the weights blob; a multiple of `Plan.alignment`.
    package var offset: Int
    /// Bytes as stored, padding of the packing included.
    package var byteCount: Int
    /// How the elements are laid out when that is not row-major, for people to read.
    package var packing: String?

    package init(_ name: String, _ type: TensorType, offset: Int, byteCount: Int, packing: String? = nil) {
      self.name = name
      self.type = type
      self.offset = offset
      self.byteCount = byteCount
      self.packing = packing
    }
  }

  /// A piece of the arena. It starts where the highest of the buffers in `below` ends, rounded up to `alignment`.
  package struct Buffer: Hashable, Sendable {
    package var name: String
    package var byteCount: Dim
    /// Indices of buffers placed beneath this one; empty at the bottom of the arena.
    package var below: [Int]
    /// The first step that writes it and the last that reads or writes it.
    package var firstStep: Int
    package var lastStep: Int

    package init(_ name: String, byteCount: Dim, below: [Int] = [], firstStep: Int, lastStep: Int) {
      self.name = name
      self.byteCount = byteCount
      self.below = below
      self.firstStep = firstStep
      self.lastStep = lastStep
    }

    /// Whether both hold something during at least one step.
    package func isLive(with other: Buffer) -> Bool {
      firstStep <= other.lastStep && other.firstStep <= lastStep
    }
  }

  /// Which memory a reference points into; the number indexes the plan's array of that kind.
  package enum Space: Hashable, Sendable {
    case arena(Int)
    case constant(Int)
    case input(Int)
    case output(Int)
  }

  /// A pointer that a kernel gets.
  package struct Reference: Hashable, Sendable {
    package var space: Space
    package var byteOffset: Dim

    package init(_ space: Space, byteOffset: Dim = 0) {
      self.space = space
      self.byteOffset = byteOffset
    }
  }

  /// One kernel call over tiles `0 ..< tiles`.
  package struct Step: Hashable, Sendable {
    /// Index into `kernels`.
    package var kernel: Int
    package var buffers: [Reference]
    package var sizes: [Dim]
    package var tiles: Dim
    /// An estimate; decides only whether threads are worth their start.
    package var nanosecondsPerTile: Double
    /// Scratch memory of each thread.
    package var scratchBytes: Dim
    /// The boxes this step computes, for profiles and messages.
    package var label: String

    package init(
      kernel: Int, buffers: [Reference], sizes: [Dim] = [], tiles: Dim = 1, nanosecondsPerTile: Double = 0,
      scratchBytes: Dim = 0, label: String = ""
    ) {
      self.kernel = kernel
      self.buffers = buffers
      self.sizes = sizes
      self.tiles = tiles
      self.nanosecondsPerTile = nanosecondsPerTile
      self.scratchBytes = scratchBytes
      self.label = label
    }
  }
}
