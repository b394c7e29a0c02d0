// SPDX-License-Identifier: Apache-2.0
// A compiled model in memory: plan image, kernels and weights.

import CLaminaRuntime

/// Pointers to the parts of a compiled model. They stay the caller's and have to outlive the model and its contexts.
public struct Model: @unchecked Sendable {
  public let image: PlanImage
  let kernels: UnsafePointer<lamina_kernel?>
  let weights: UnsafeRawPointer?

  /// Verifies the image, and that there is a kernel for each of its names and enough weights.
  ///
  /// `weights` is 64-byte aligned; it may be nil when the plan has none.
  public init(
    image bytes: UnsafeRawBufferPointer, kernels: UnsafeBufferPointer<lamina_kernel?>, weights: UnsafeRawBufferPointer
  ) throws(RuntimeError) {
    image = try PlanImage(bytes)
    guard kernels.count == image.kernels.count, let table = kernels.baseAddress ?? Model.noKernels,
      UInt64(weights.count) >= image.header.weights_bytes,
      UInt(bitPattern: weights.baseAddress) % UInt(LAMINA_ALIGNMENT) == 0
    else { throw RuntimeError(LAMINA_BAD_MODEL) }
    for kernel in kernels where kernel == nil { throw RuntimeError(LAMINA_BAD_MODEL) }
    self.kernels = table
    self.weights = weights.baseAddress
  }

  /// A model as a generated object exports it. `weights` replaces the model's own when it is not empty.
  public init(
    _ descriptor: lamina_model, weights: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) throws(RuntimeError) {
    guard descriptor.magic == LAMINA_MODEL_MAGIC, descriptor.plan_bytes <= UInt64(Int32.max),
      descriptor.kernel_count <= UInt64(Int32.max), descriptor.weights_bytes <= UInt64(LAMINA_MAX_BYTES)
    else { throw RuntimeError(LAMINA_BAD_MODEL) }
    let own = UnsafeRawBufferPointer(
      start: descriptor.weights, count: descriptor.weights == nil ? 0 : Int(descriptor.weights_bytes))
    try self.init(
      image: UnsafeRawBufferPointer(start: descriptor.plan, count: Int(descriptor.plan_bytes)),
      kernels: UnsafeBufferPointer(start: descriptor.kernels, count: Int(descriptor.kernel_count)),
      weights: weights.isEmpty ? own : weights)
  }

  /// Stands for the table of a plan without kernels; never read.
  private static var noKernels: UnsafePointer<lamina_kernel?>? { UnsafePointer(bitPattern: 64) }
}
