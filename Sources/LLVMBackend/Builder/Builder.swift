// SPDX-License-Identifier: Apache-2.0
// Builds the instructions of one function: constants, arithmetic, comparisons, conversions.

internal import CLLVM

/// An instruction builder at the end of a block. Operations of two operands broadcast a scalar to the other's lanes.
/// Constants are folded as they are built.
package final class Builder {
  package let module: Module
  package let target: TargetDescription
  let ref: LLVMBuilderRef
  let function: LLVMValueRef
  private var intrinsics: [IntrinsicKey: (function: LLVMValueRef, type: LLVMTypeRef)] = [:]

  private struct IntrinsicKey: Hashable {
    var name: String
    var overloads: [ValueType]
  }

  /// Starts a function `void name(parameters)` stamped with the target's processor and features.
  package init(module: Module, target: TargetDescription, function name: String, parameters: [ValueType]) {
    self.module = module
    self.target = target
    var types: [LLVMTypeRef?] = parameters.map { module.type($0) }
    let type = llvm.FunctionType(llvm.VoidTypeInContext(module.context), &types, UInt32(types.count), 0)
    function = llvm.AddFunction(module.ref, name, type)!
    ref = llvm.CreateBuilderInContext(module.context)!
    parameterTypes = parameters
    for (key, value) in target.functionAttributes {
      let attribute = llvm.CreateStringAttribute(
        module.context, key, UInt32(key.utf8.count), value, UInt32(value.utf8.count))
      llvm.AddAttributeAtIndex(function, UInt32.max, attribute)
    }
    let nounwind = llvm.GetEnumAttributeKindForName("nounwind", 8)
    llvm.AddAttributeAtIndex(function, UInt32.max, llvm.CreateEnumAttribute(module.context, nounwind, 0))
    move(to: block("entry"))
  }

  deinit { llvm.DisposeBuilder(ref) }

  private let parameterTypes: [ValueType]

  /// The function's parameter of this index.
  package func parameter(_ index: Int) -> Value {
    Value(llvm.GetParam(function, UInt32(index)), parameterTypes[index])
  }

  // MARK: Constants

  package func int(_ value: Int, _ type: ValueType = .i64) -> Value { int(Int64(value), type) }

  package func int(_ value: Int64, _ type: ValueType) -> Value {
    splat(llvm.ConstInt(module.type(ValueType(type.scalar)), UInt64(bitPattern: value), 1), type)
  }

  /// A float constant, rounded to the type.
  package func real(_ value: Double, _ type: ValueType) -> Value {
    splat(llvm.ConstReal(module.type(ValueType(type.scalar)), value), type)
  }

  /// A float constant from its bits: exact for every NaN and wide integer.
  package func real(bits: UInt64, _ type: ValueType) -> Value {
    bitcast(int(Int64(bitPattern: bits), type.with(type.scalar.integer)), type)
  }

  /// A vector of integer constants; one constant is a scalar, as every value of one lane is.
  package func ints(_ values: [Int64], _ scalar: Scalar) -> Value {
    if values.count == 1 { return int(values[0], ValueType(scalar)) }
    let element = module.type(ValueType(scalar))
    var parts: [LLVMValueRef?] = values.map { llvm.ConstInt(element, UInt64(bitPattern: $0), 1) }
    return Value(llvm.ConstVector(&parts, UInt32(parts.count)), ValueType(scalar, values.count))
  }

  /// 0, 1, 2, …
  package func iota(_ type: ValueType) -> Value {
    type.lanes > 1 ? ints((0..<Int64(type.lanes)).map { $0 }, type.scalar) : int(0, type)
  }

  package func zero(_ type: ValueType) -> Value { Value(llvm.ConstNull(module.type(type)), type) }
  package func undefined(_ type: ValueType) -> Value { Value(llvm.GetUndef(module.type(type)), type) }

  /// The value of an integer constant.
  package func constant(_ value: Value) -> Int64? {
    guard !value.type.isVector, llvm.IsAConstantInt(value.ref) != nil else { return nil }
    return llvm.ConstIntGetSExtValue(value.ref)
  }

  /// The value of a float constant of one lane.
  package func realConstant(_ value: Value) -> Double? {
    guard !value.type.isVector, llvm.IsAConstantFP(value.ref) != nil else { return nil }
    var losesInfo: LLVMBool = 0
    return llvm.ConstRealGetDouble(value.ref, &losesInfo)
  }

  private func splat(_ constant: LLVMValueRef!, _ type: ValueType) -> Value {
    guard type.isVector else { return Value(constant, type) }
    var parts: [LLVMValueRef?] = Array(repeating: constant, count: type.lanes)
    return Value(llvm.ConstVector(&parts, UInt32(type.lanes)), type)
  }

  // MARK: Arithmetic

  private typealias Build = (LLVMBuilderRef?, LLVMValueRef?, LLVMValueRef?, UnsafePointer<CChar>?) -> LLVMValueRef?

  private func two(_ a: Value, _ b: Value, _ build: Build) -> Value {
    let (a, b) = matched(a, b)
    return Value(build(ref, a.ref, b.ref, "")!, a.type)
  }

  /// Both with the lanes of the wider.
  package func matched(_ a: Value, _ b: Value) -> (Value, Value) {
    if a.lanes == b.lanes { return (a, b) }
    return a.lanes < b.lanes ? (broadcast(a, b.lanes), b) : (a, broadcast(b, a.lanes))
  }

  /// Floats or wrapping integers.
  package func add(_ a: Value, _ b: Value) -> Value { two(a, b, a.type.isFloat ? llvm.BuildFAdd : llvm.BuildAdd) }
  package func sub(_ a: Value, _ b: Value) -> Value { two(a, b, a.type.isFloat ? llvm.BuildFSub : llvm.BuildSub) }
  package func mul(_ a: Value, _ b: Value) -> Value { two(a, b, a.type.isFloat ? llvm.BuildFMul : llvm.BuildMul) }
  /// Integers whose sum is known not to overflow, such as indices.
  package func addNoWrap(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildNSWAdd) }
  /// Integers whose product is known not to overflow, such as indices.
  package func mulNoWrap(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildNSWMul) }
  /// Floats.
  package func div(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildFDiv) }
  /// Integers; the divisor must not be 0, nor -1 with the smallest dividend.
  package func sdiv(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildSDiv) }
  package func udiv(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildUDiv) }
  package func srem(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildSRem) }
  package func urem(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildURem) }
  package func and(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildAnd) }
  package func or(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildOr) }
  package func xor(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildXor) }
  /// The count must be below the width.
  package func shl(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildShl) }
  package func lshr(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildLShr) }
  package func ashr(_ a: Value, _ b: Value) -> Value { two(a, b, llvm.BuildAShr) }
  package func not(_ a: Value) -> Value { xor(a, int(-1, a.type)) }

  package func neg(_ a: Value) -> Value {
    a.type.isFloat ? Value(llvm.BuildFNeg(ref, a.ref, ""), a.type) : sub(zero(a.type), a)
  }

  /// a · b + c with one rounding; one instruction where the processor has it. Elsewhere it would be a library call,
  /// so targets without FMA get `a * b + c` with two roundings.
  package func fma(_ a: Value, _ b: Value, _ c: Value) -> Value {
    let (x, y) = matched(a, b)
    let (z, t) = matched(x, c)
    let w = matched(y, t).0
    guard target.hasFMA else { return add(mul(z, w), t) }
    return intrinsic("llvm.fma", [z.type], [z, w, t], z.type)
  }

  /// Floats.
  package func abs(_ a: Value) -> Value { intrinsic("llvm.fabs", [a.type], [a], a.type) }
  package func sqrt(_ a: Value) -> Value { intrinsic("llvm.sqrt", [a.type], [a], a.type) }
  package func copysign(_ a: Value, sign: Value) -> Value {
    let (a, sign) = matched(a, sign)
    return intrinsic("llvm.copysign", [a.type], [a, sign], a.type)
  }

  // MARK: Comparison

  /// Comparisons of integers, and ordered (`NaN` gives false) ones of floats except `fne` and `unordered`.
  package enum Predicate {
    case eq, ne, slt, sle, sgt, sge, ult, ule, ugt, uge
    case feq, flt, fle, fgt, fge
    /// True when different or either is NaN.
    case fne
    /// True when either is NaN.
    case unordered
    case ordered
  }

  package func compare(_ predicate: Predicate, _ a: Value, _ b: Value) -> Value {
    let (a, b) = matched(a, b)
    let type = a.type.with(.i1)
    func integer(_ p: LLVMIntPredicate) -> Value { Value(llvm.BuildICmp(ref, p, a.ref, b.ref, ""), type) }
    func float(_ p: LLVMRealPredicate) -> Value { Value(llvm.BuildFCmp(ref, p, a.ref, b.ref, ""), type) }
    return switch predicate {
    case .eq: integer(LLVMIntEQ)
    case .ne: integer(LLVMIntNE)
    case .slt: integer(LLVMIntSLT)
    case .sle: integer(LLVMIntSLE)
    case .sgt: integer(LLVMIntSGT)
    case .sge: integer(LLVMIntSGE)
    case .ult: integer(LLVMIntULT)
    case .ule: integer(LLVMIntULE)
    case .ugt: integer(LLVMIntUGT)
    case .uge: integer(LLVMIntUGE)
    case .feq: float(LLVMRealOEQ)
    case .flt: float(LLVMRealOLT)
    case .fle: float(LLVMRealOLE)
    case .fgt: float(LLVMRealOGT)
    case .fge: float(LLVMRealOGE)
    case .fne: float(LLVMRealUNE)
    case .unordered: float(LLVMRealUNO)
    case .ordered: float(LLVMRealORD)
    }
  }

  /// `condition ? a : b`, lane by lane.
  package func select(_ condition: Value, _ a: Value, _ b: Value) -> Value {
    var (a, b) = matched(a, b)
    if condition.lanes > a.lanes { (a, b) = (broadcast(a, condition.lanes), broadcast(b, condition.lanes)) }
    return Value(llvm.BuildSelect(ref, condition.ref, a.ref, b.ref, ""), a.type)
  }

  // MARK: Conversion

  private typealias Convert = (LLVMBuilderRef?, LLVMValueRef?, LLVMTypeRef?, UnsafePointer<CChar>?) -> LLVMValueRef?

  private func converted(_ a: Value, _ scalar: Scalar, _ build: Convert) -> Value {
    if a.type.scalar == scalar { return a }
    let type = a.type.with(scalar)
    return Value(build(ref, a.ref, module.type(type), "")!, type)
  }

  package func trunc(_ a: Value, _ to: Scalar) -> Value { converted(a, to, llvm.BuildTrunc) }
  package func zext(_ a: Value, _ to: Scalar) -> Value { converted(a, to, llvm.BuildZExt) }
  package func sext(_ a: Value, _ to: Scalar) -> Value { converted(a, to, llvm.BuildSExt) }
  package func fptrunc(_ a: Value, _ to: Scalar) -> Value { converted(a, to, llvm.BuildFPTrunc) }
  package func fpext(_ a: Value, _ to: Scalar) -> Value { converted(a, to, llvm.BuildFPExt) }
  /// The value must be in range.
  package func fptosi(_ a: Value, _ to: Scalar) -> Value { converted(a, to, llvm.BuildFPToSI) }
  package func fptoui(_ a: Value, _ to: Scalar) -> Value { converted(a, to, llvm.BuildFPToUI) }
  package func sitofp(_ a: Value, _ to: Scalar) -> Value { converted(a, to, llvm.BuildSIToFP) }
  package func uitofp(_ a: Value, _ to: Scalar) -> Value { converted(a, to, llvm.BuildUIToFP) }

  /// The same bits as a type of the same total width.
  package func bitcast(_ a: Value, _ type: ValueType) -> Value {
    a.type == type ? a : Value(llvm.BuildBitCast(ref, a.ref, module.type(type), ""), type)
  }

  // MARK: Intrinsics

  /// Calls an intrinsic, `llvm.fma` or `llvm.x86.avx512.mask.scalef.ps.512`, overloaded on these types.
  package func intrinsic(_ name: String, _ overloads: [ValueType], _ arguments: [Value], _ result: ValueType) -> Value {
    Value(call(name, overloads, overloads.map { module.type($0) }, arguments.map(\.ref)), result)
  }

  /// `sum + x₀ · y₀ + x₁ · y₁` for each lane, whose 32 bits hold two bf16 numbers of `x` and of `y`; 4, 8 or 16 lanes.
  /// Only where the target `hasPairProducts`: pairs are summed with one rounding or two, subnormals are 0.
  package func pairProducts(_ x: Value, _ y: Value, _ sum: Value) -> Value {
    let name = "llvm.x86.avx512bf16.dpbf16ps.\(sum.lanes * 32)"
    let arguments = [sum, broadcast(x, sum.lanes), y].map(\.ref)
    return Value(call(name, [], [], arguments, casts: true), sum.type)
  }

  /// `sum + Σ x₍ᵢ₎ · y₍ᵢ₎` for each lane, whose 32 bits hold four u8 of `x` and four i8 of `y`; 4, 8 or 16 lanes. Only
  /// where the target `hasQuadProducts`.
  package func quadProducts(_ x: Value, _ y: Value, _ sum: Value) -> Value {
    let name = "llvm.x86.avx512.vpdpbusd.\(sum.lanes * 32)"
    let arguments = [sum, broadcast(x, sum.lanes), broadcast(y, sum.lanes)].map(\.ref)
    return Value(call(name, [], [], arguments, casts: true), sum.type)
  }

  /// `x₀ · y₀ + x₁ · y₁` in i32 for each lane, whose 32 bits hold two i16 of `x` and of `y`; 4, 8 or 16 lanes.
  package func wordProducts(_ x: Value, _ y: Value) -> Value {
    #if arch(x86_64)
      let name = ["llvm.x86.sse2.pmadd.wd", "llvm.x86.avx2.pmadd.wd", "llvm.x86.avx512.pmaddw.d.512"][x.lanes / 8]
      return Value(call(name, [], [], [x.ref, y.ref], casts: true), x.type)
    #else
      let half = int(16, x.type)
      let low = mul(ashr(shl(x, half), half), ashr(shl(y, half), half))
      return add(low, mul(ashr(x, half), ashr(y, half)))
    #endif
  }

  /// `types` are the overloads' LLVM types; they differ from the key where pointers are typed. With `casts` the
  /// arguments are taken as the types of the same width that this version of LLVM has for the parameters.
  func call(
    _ name: String, _ key: [ValueType], _ types: [LLVMTypeRef], _ arguments: [LLVMValueRef], casts: Bool = false
  ) -> LLVMValueRef {
    let key = IntrinsicKey(name: name, overloads: key)
    var arguments: [LLVMValueRef?] = arguments
    let count = UInt32(arguments.count)
    func cast(to type: LLVMTypeRef) {
      guard casts else { return }
      var parameters = [LLVMTypeRef?](repeating: nil, count: Int(llvm.CountParamTypes(type)))
      llvm.GetParamTypes(type, &parameters)
      arguments = zip(arguments, parameters).map { llvm.BuildBitCast(ref, $0, $1, "") }
    }
    if let known = intrinsics[key] {
      cast(to: known.type)
      return llvm.BuildCall2(ref, known.type, known.function, &arguments, count, "")!
    }
    let id = llvm.LookupIntrinsicID(name, name.utf8.count)
    precondition(id != 0, "LLVM has no intrinsic '\(name)'")
    var overloads: [LLVMTypeRef?] = types
    let type: LLVMTypeRef = llvm.IntrinsicGetType(module.context, id, &overloads, overloads.count)!
    let callee: LLVMValueRef = llvm.GetIntrinsicDeclaration(module.ref, id, &overloads, overloads.count)!
    intrinsics[key] = (callee, type)
    cast(to: type)
    return llvm.BuildCall2(ref, type, callee, &arguments, count, "")!
  }
}
