// SPDX-License-Identifier: Apache-2.0
// Tells LLVM which buffers never overlap.

internal import CLLVM
import KernelIR
import TensorCore

/// One alias scope per buffer. A `read` and a `write` whose elements have the same size may be the same memory
/// (`Kernel.Parameter`), and then a load must not move behind a store: such pairs are left to may-alias.
struct AliasScopes {
  private var infos: [AccessInfo] = []

  init(_ kernel: Kernel, _ b: Builder) {
    struct Element {
      var dtype: DType
      var access: Kernel.Access
      var isScratch: Bool
    }
    let elements =
      kernel.parameters.map { Element(dtype: $0.dtype, access: $0.access, isScratch: false) }
      + kernel.scratch.map { Element(dtype: $0.dtype, access: .readWrite, isScratch: true) }
    let context = b.module.context
    func node(_ parts: [LLVMMetadataRef?]) -> LLVMMetadataRef? {
      var parts = parts
      return llvm.MDNodeInContext2(context, &parts, parts.count)
    }
    func name(_ text: String) -> LLVMMetadataRef? { llvm.MDStringInContext2(context, text, text.utf8.count) }
    let domain = node([name(kernel.name)])
    let scopes = elements.indices.map { node([name("buffer \($0)"), domain]) }
    func mayOverlap(_ a: Element, _ b: Element) -> Bool {
      if a.isScratch || b.isScratch { return false }
      if a.access == .read && b.access == .read { return true }
      let oneReads = a.access == .read && b.access == .write || a.access == .write && b.access == .read
      return oneReads && a.dtype.bits == b.dtype.bits
    }
    for (index, element) in elements.enumerated() {
      var info = AccessInfo()
      let others = elements.indices.filter { $0 != index && !mayOverlap(element, elements[$0]) }
      info.scope = llvm.MetadataAsValue(context, node([scopes[index]]))
      if !others.isEmpty { info.disjoint = llvm.MetadataAsValue(context, node(others.map { scopes[$0] })) }
      infos.append(info)
    }
  }

  func access(to buffer: Int) -> AccessInfo { infos[buffer] }
}
