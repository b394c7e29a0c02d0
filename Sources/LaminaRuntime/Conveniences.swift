// SPDX-License-Identifier: Apache-2.0
// Arrays and strings over the runtime's pointers, for apps; the embedded build leaves them out.

#if !hasFeature(Embedded)
  import CLaminaRuntime

  extension Context {
    /// A context with its sizes bound: one number for each symbol of the plan, in order.
    public static func bound(
      _ model: Model, dims: [Int], threads: Int = 1, pool: ThreadPool? = nil
    ) throws(RuntimeError) -> Context {
      var context = try Context(model, pool: pool)
      try context.bind(dims, threads: threads)
      return context
    }

    /// Binds one number to each symbol of the plan, in order.
    public mutating func bind(_ dims: [Int], threads: Int = 1) throws(RuntimeError) {
      let numbers = dims.map { Int64($0) }
      try numbers.withUnsafeBufferPointer { (buffer) throws(RuntimeError) in try bind(buffer, threads: threads) }
    }

    /// Runs all steps and returns the time of each, in nanoseconds.
    public mutating func profile() throws(RuntimeError) -> [UInt64] {
      var times = [UInt64](repeating: 0, count: model.image.steps.count)
      try times.withUnsafeMutableBufferPointer { (buffer) throws(RuntimeError) in
        try run(nanoseconds: buffer.baseAddress)
      }
      return times
    }
  }

  extension PlanImage {
    /// A name or label as a string.
    public func string(_ span: lamina_span) -> String { String(decoding: text(span), as: UTF8.self) }
  }
#endif
