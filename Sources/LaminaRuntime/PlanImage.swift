// SPDX-License-Identifier: Apache-2.0
// A verified plan image, read in place.

import CLaminaRuntime

/// The tables of a plan image. Every index, list and text in them is in bounds: `init` has checked all of it. The
/// memory stays the caller's and has to outlive the value.
public struct PlanImage: @unchecked Sendable {
  let base: UnsafeRawPointer

  /// Verifies an image. It may come from anywhere: nothing in it is trusted.
  public init(_ bytes: UnsafeRawBufferPointer) throws(RuntimeError) {
    guard let base = bytes.baseAddress, UInt(bitPattern: base) % 8 == 0,
      bytes.count >= MemoryLayout<lamina_plan>.size, bytes.count % 8 == 0
    else { throw RuntimeError(LAMINA_BAD_IMAGE) }
    self.base = base
    try verify(byteCount: bytes.count)
  }

  public var header: lamina_plan { base.load(as: lamina_plan.self) }

  public var metadata: UnsafeBufferPointer<lamina_metadata> { table(header.metadata) }
  public var symbols: UnsafeBufferPointer<lamina_symbol> { table(header.symbols) }
  public var inputs: UnsafeBufferPointer<lamina_port> { table(header.inputs) }
  public var outputs: UnsafeBufferPointer<lamina_port> { table(header.outputs) }
  public var constants: UnsafeBufferPointer<lamina_constant> { table(header.constants) }
  public var buffers: UnsafeBufferPointer<lamina_buffer> { table(header.buffers) }
  public var steps: UnsafeBufferPointer<lamina_step> { table(header.steps) }
  public var variants: UnsafeBufferPointer<lamina_variant> { table(header.variants) }
  public var kernels: UnsafeBufferPointer<lamina_span> { table(header.kernels) }
  var expressions: UnsafeBufferPointer<lamina_expression> { table(header.expressions) }
  var references: UnsafeBufferPointer<lamina_reference> { table(header.references) }
  var indices: UnsafeBufferPointer<UInt32> { table(header.indices) }

  /// The steps that run for any sizes.
  var generalSteps: Range<Int> { 0..<(variants.isEmpty ? steps.count : Int(variants[0].first_step)) }

  func table<Element>(_ span: lamina_span) -> UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(
      start: base.advanced(by: Int(span.offset)).assumingMemoryBound(to: Element.self), count: Int(span.count))
  }

  /// The UTF-8 bytes of a name or label.
  public func text(_ span: lamina_span) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base.advanced(by: Int(span.offset)), count: Int(span.count))
  }

  /// Bits of an element of a verified type.
  static func bits(_ dtype: UInt32) -> Int64 {
    switch lamina_dtype(dtype) {
    case LAMINA_F64, LAMINA_I64, LAMINA_U64: 64
    case LAMINA_F32, LAMINA_I32, LAMINA_U32: 32
    case LAMINA_F16, LAMINA_BF16, LAMINA_I16, LAMINA_U16: 16
    case LAMINA_I4, LAMINA_U4: 4
    default: 8
    }
  }
}
