// SPDX-License-Identifier: Apache-2.0
// A scalar function compiled as the loop that models run.

import KernelIR
import LLVMBackend
import TensorCore

/// `y[i] = f(x[i])` in machine code for a target.
package final class CompiledFunction: Sendable {
  /// The C type of a generated kernel; see `lamina_runtime.h`.
  private typealias Kernel = @convention(c) (
    UnsafePointer<UnsafeMutableRawPointer>, UnsafePointer<Int64>, Int64, Int64, UnsafeMutableRawPointer?
  ) -> Void

  private let code: LoadedKernels

  /// Fails as `KernelCompiler.load` does.
  package init(_ dtype: DType, _ target: TargetDescription, parameters: Int = 1, _ body: ([Expr]) -> Expr) throws {
    let index = Axis(id: 1, name: "i")
    let operands = (0..<parameters).map { Expr.load($0, dtype, at: .axis(index)) }
    let kernel = KernelIR.Kernel(
      name: "function",
      parameters: (0..<parameters).map { .init("x\($0)", dtype, .read) } + [.init("y", dtype, .write)], sizes: ["n"],
      tileAxis: Axis(id: 0, name: "t"), tiles: .int(1),
      body: [
        .loop(
          Loop(
            index, .size(0), .vector(unroll: 1),
            [.store(buffer: parameters, offset: .axis(index), value: body(operands), guard: nil)]))
      ])
    code = try KernelCompiler(target: target, cache: KernelCache(folder: nil), threads: 1).load([kernel])
  }

  package convenience init(_ function: CheckedFunction, _ target: TargetDescription) throws {
    try self.init(.f32, target) { function.scalar($0[0]) }
  }

  package convenience init(_ function: UnaryFunction, _ dtype: DType, _ target: TargetDescription) throws {
    try self.init(dtype, target) { .unary(function, $0[0]) }
  }

  /// Fills `output` with the values at the inputs, all arrays being of the same size.
  package func run<Element>(_ inputs: [[Element]], into output: inout [Element]) {
    precondition(inputs.allSatisfy { $0.count == output.count }, "arrays of one size")
    let function = unsafeBitCast(code.functions[0], to: Kernel.self)
    let sizes = [Int64(output.count), 0]
    output.withUnsafeMutableBytes { output in
      var pointers: [UnsafeMutableRawPointer] = []
      func descend(_ rest: ArraySlice<[Element]>) {
        guard let next = rest.first else {
          guard let result = output.baseAddress else { return }
          pointers.append(result)
          return function(pointers, sizes, 0, 1, nil)
        }
        next.withUnsafeBytes { bytes in
          // The kernel only reads it.
          if let base = bytes.baseAddress { pointers.append(UnsafeMutableRawPointer(mutating: base)) }
          descend(rest.dropFirst())
        }
      }
      descend(inputs[...])
    }
  }
}
