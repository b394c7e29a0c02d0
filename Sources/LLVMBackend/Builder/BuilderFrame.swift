// SPDX-License-Identifier: Apache-2.0
// The function's frame: arrays on the stack, and where vector registers are free.

internal import CLLVM

extension Builder {
  /// An array in the function's frame, aligned to 64 bytes.
  func array(_ element: ValueType, count: Int) -> Value {
    let place = current
    let entry = llvm.GetEntryBasicBlock(function)
    if let first = llvm.GetFirstInstruction(entry) { llvm.PositionBuilderBefore(ref, first) }
    let made = llvm.BuildAlloca(ref, llvm.ArrayType(module.type(element), UInt32(count)), "")
    llvm.SetAlignment(made, 64)
    let pointer = Value(
      LLVMLibrary.majorVersion < 15 ? llvm.BuildBitCast(ref, made, module.type(.pointer), "") : made!, .pointer)
    move(to: place)
    return pointer
  }

  /// No value stays in a vector register beyond this place. Between a loop that needs all registers and a loop with
  /// many constants it keeps the constants, which LLVM computes before both, out of the first one's registers.
  func releaseVectorRegisters() {
    #if arch(x86_64)
      let count = target.features.contains(.avx512f) ? 32 : 16
      let clobbers = (0..<count).map { "~{xmm\($0)}" }.joined(separator: ",")
      var none: [LLVMTypeRef?] = []
      let type = llvm.FunctionType(llvm.VoidTypeInContext(module.context), &none, 0, 0)
      let assembly = clobbers.withCString { text -> LLVMValueRef? in
        var empty: CChar = 0
        return llvm.GetInlineAsm(
          type, &empty, 0, UnsafeMutablePointer(mutating: text), clobbers.utf8.count, 1, 0, LLVMInlineAsmDialectATT, 0)
      }
      var arguments: [LLVMValueRef?] = []
      _ = llvm.BuildCall2(ref, type, assembly, &arguments, 0, "")
    #endif
  }
}
