// SPDX-License-Identifier: Apache-2.0
// The owner of everything LLVM builds for one object file.

internal import CLLVM
import GraphSupport

/// An LLVM context with one module in it. Values, types and blocks belong to it; it is used by one thread.
package final class Module {
  let context: LLVMContextRef
  let ref: LLVMModuleRef
  private var types: [ValueType: LLVMTypeRef] = [:]
  private var kinds: [String: UInt32] = [:]

  /// An empty module; fails when LLVM cannot be loaded.
  package init(name: String) throws(DiagnosticsError) {
    try LLVMLibrary.load()
    context = llvm.ContextCreate()!
    ref = llvm.ModuleCreateWithNameInContext(name, context)!
  }

  deinit {
    llvm.DisposeModule(ref)
    llvm.ContextDispose(context)
  }

  /// The module as LLVM's text.
  package var text: String {
    guard let raw = llvm.PrintModuleToString(ref) else { return "" }
    defer { llvm.DisposeMessage(raw) }
    return String(cString: raw)
  }

  /// What LLVM's verifier finds wrong, or nil.
  package var verifierMessage: String? {
    var message: UnsafeMutablePointer<CChar>?
    let broken = llvm.VerifyModule(ref, LLVMReturnStatusAction, &message) != 0
    defer { if let message { llvm.DisposeMessage(message) } }
    return broken ? message.map { String(cString: $0) } ?? "unknown" : nil
  }

  func type(_ type: ValueType) -> LLVMTypeRef {
    if let known = types[type] { return known }
    let scalar: LLVMTypeRef! =
      switch type.scalar {
      case .i1: llvm.Int1TypeInContext(context)
      case .i8: llvm.Int8TypeInContext(context)
      case .i16: llvm.Int16TypeInContext(context)
      case .i32: llvm.Int32TypeInContext(context)
      case .i64: llvm.Int64TypeInContext(context)
      case .f16: llvm.HalfTypeInContext(context)
      case .f32: llvm.FloatTypeInContext(context)
      case .f64: llvm.DoubleTypeInContext(context)
      // `i8*` where pointers are typed (LLVM 14), else `ptr`.
      case .pointer: llvm.PointerType(llvm.Int8TypeInContext(context), 0)
      }
    let made: LLVMTypeRef! = type.lanes > 1 ? llvm.VectorType(scalar, UInt32(type.lanes)) : scalar
    types[type] = made
    return made!
  }

  /// A pointer to `type`, as typed-pointer versions of LLVM want it for an access.
  func pointer(to type: ValueType) -> LLVMTypeRef { llvm.PointerType(self.type(type), 0)! }

  func metadataKind(_ name: String) -> UInt32 {
    if let known = kinds[name] { return known }
    let kind = llvm.GetMDKindIDInContext(context, name, UInt32(name.utf8.count))
    kinds[name] = kind
    return kind
  }
}
