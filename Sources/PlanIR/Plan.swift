// SPDX-License-Identifier: Apache-2.0
// A plan: what a compiled model does at run time, as kernel calls over placed memory.

import CLaminaRuntime
import TensorCore

/// Kernel calls in order, some in loops and branches, over an arena, the weights and the caller's inputs and outputs.
/// All sizes are expressions over `symbols`: those that the caller binds before running come first, those that steps
/// set while running (run-time sizes, and the iteration of each loop) follow.
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
  /// What runs for any sizes, then the steps of each of `variants`.
  package var steps: [Step]
  package var variants: [Variant]

  package init(
    name: String, metadata: [Metadata] = [], symbols: [Symbol] = [], inputs: [Port] = [], outputs: [Port] = [],
    constants: [Constant] = [], weightsByteCount: Int = 0, buffers: [Buffer] = [], kernels: [String] = [],
    steps: [Step] = [], variants: [Variant] = []
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
    self.variants = variants
  }
}

extension Plan {
  /// The alignment, in bytes, of every arena buffer and scratch area, and of constants that no file gives in place.
  package static let alignment = 64
  /// How deep loops and branches may be nested.
  package static let nestingLimit = Int(LAMINA_NESTING_LIMIT)

  package struct Metadata: Hashable, Sendable {
    package var key: String
    package var value: String

    package init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// A size that is bound at run time, from the shapes of the inputs or by the caller, or that steps set.
  package struct Symbol: Hashable, Sendable {
    package var name: String
    package var range: ClosedRange<Int>
    /// For a size that steps set, the most it can be, and what it is until then; nil for one that the caller binds.
    package var bound: Dim?

    package init(_ name: String, _ range: ClosedRange<Int>, bound: Dim? = nil) {
      self.name = name
      self.range = range
      self.bound = bound
    }
  }

  /// The symbols that the caller binds.
  package var callerSymbols: ArraySlice<Symbol> { symbols.prefix { $0.bound == nil } }

  /// Steps of their own for some values of the symbols that the caller binds.
  package struct Variant: Hashable, Sendable {
    /// The values; symbols that are not named may have any.
    package var sizes: [String: Int]
    /// Its steps begin here and end where the next variant's begin, or with the plan's.
    package var firstStep: Int

    package init(_ sizes: [String: Int], firstStep: Int) {
      self.sizes = sizes
      self.firstStep = firstStep
    }
  }

  /// The steps that run for any sizes.
  package var generalSteps: Range<Int> { 0..<max(0, min(variants.first?.firstStep ?? steps.count, steps.count)) }

  /// The steps of a variant.
  package func steps(ofVariant number: Int) -> Range<Int> {
    let first = max(0, min(variants[number].firstStep, steps.count))
    let end = number + 1 < variants.count ? variants[number + 1].firstStep : steps.count
    return first..<max(first, min(end, steps.count))
  }

  /// The steps that run for these sizes: those of the first variant that has them, else the general ones.
  package func steps(for dims: [String: Int]) -> Range<Int> {
    let fitting = variants.firstIndex { variant in variant.sizes.allSatisfy { dims[$0.key] == $0.value } }
    return fitting.map { steps(ofVariant: $0) } ?? generalSteps
  }

  /// An input or output: row-major, contiguous, in memory that the caller owns.
  package struct Port: Hashable, Sendable {
    package var name: String
    package var type: TensorType
    /// Elements that there must be room for, over sizes that the caller binds; nil when the type says.
    package var capacity: Dim?

    package init(_ name: String, _ type: TensorType, capacity: Dim? = nil) {
      self.name = name
      self.type = type
      self.capacity = capacity
    }
  }

  /// A part of the weights blob.
  package struct Constant: Hashable, Sendable {
    package var name: String
    /// The tensor that is stored, before packing.
    package var type: TensorType
    /// Where it starts in the weights blob; a multiple of its elements' size.
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

  /// What a step does beside calling a kernel.
  package enum Control: Hashable, Sendable {
    /// Runs the next `body` steps again and again, `counter` (a symbol) being the number of the iteration: at most
    /// `tiles` times, as often as the i64 of the first buffer says when there is a `limit`, while the bool of the next
    /// buffer is true before the first when there is a `condition`, and while that of the last is true after each when
    /// there is a `next`. Then the symbol `count` is the number of iterations.
    case loop(body: Int, counter: String, count: String?, limit: Bool, condition: Bool, next: Bool)
    /// Runs the next `then` steps when the bool of the first buffer is true, else the `otherwise` steps after those.
    case branch(then: Int, otherwise: Int)
    /// Sets a symbol to the i64 of the first buffer.
    case size(String)

    /// How many of the steps after it are its own.
    package var stepCount: Int {
      switch self {
      case .loop(let body, _, _, _, _, _): body
      case .branch(let then, let otherwise): then.addingReportingOverflow(otherwise).overflow ? .max : then + otherwise
      case .size: 0
      }
    }
  }

  /// One kernel call over tiles `0 ..< tiles`, or what controls the steps after it.
  package struct Step: Hashable, Sendable {
    /// Nil for a kernel call.
    package var control: Control?
    /// Index into `kernels`; 0 for a control step.
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
      control = nil
      self.kernel = kernel
      self.buffers = buffers
      self.sizes = sizes
      self.tiles = tiles
      self.nanosecondsPerTile = nanosecondsPerTile
      self.scratchBytes = scratchBytes
      self.label = label
    }

    /// A step that controls others.
    package init(_ control: Control, buffers: [Reference], tiles: Dim = 1, label: String = "") {
      self.init(kernel: 0, buffers: buffers, tiles: tiles, label: label)
      self.control = control
    }
  }
}
