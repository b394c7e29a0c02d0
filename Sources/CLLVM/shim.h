#pragma once
// The part of LLVM's C API that the backend uses, as a table that is filled when LLVM is first needed: loading
// libLLVM takes 40-70 ms, which a process that finds its kernels in the cache never pays. LAMINA_LLVM_MAJOR is what
// Package.swift chose; headers of another version would be mixed in silently otherwise.
#include <llvm/Config/llvm-config.h>
#if defined(LAMINA_LLVM_MAJOR) && LLVM_VERSION_MAJOR != LAMINA_LLVM_MAJOR
#error "the headers found are not those of the LLVM that Package.swift chose: set LAMINA_LLVM to an installed version"
#endif
#if LLVM_VERSION_MAJOR < 14
#error "LLVM 14 or newer is needed (Debian: apt-get install llvm-dev)"
#endif
#include <dlfcn.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

static const int lamina_llvm_major = LLVM_VERSION_MAJOR;

#if defined(__x86_64__)
#define LAMINA_LLVM_TARGET(X) \
  X(InitializeX86TargetInfo) X(InitializeX86Target) X(InitializeX86TargetMC) X(InitializeX86AsmPrinter)
#elif defined(__aarch64__)
#define LAMINA_LLVM_TARGET(X)                                                                \
  X(InitializeAArch64TargetInfo) X(InitializeAArch64Target) X(InitializeAArch64TargetMC) \
  X(InitializeAArch64AsmPrinter)
#endif

// Every function used, without the prefix "LLVM".
#define LAMINA_LLVM_FUNCTIONS(X) \
  X(ContextCreate) X(ContextDispose) X(ModuleCreateWithNameInContext) X(DisposeModule) X(PrintModuleToString) \
  X(VerifyModule) X(DisposeMessage) X(SetTarget) X(SetModuleDataLayout) X(DisposeErrorMessage) X(GetErrorMessage) \
  X(ParseCommandLineOptions) \
  X(VoidTypeInContext) X(Int1TypeInContext) X(Int8TypeInContext) X(Int16TypeInContext) X(Int32TypeInContext) \
  X(Int64TypeInContext) X(IntTypeInContext) X(HalfTypeInContext) X(FloatTypeInContext) X(DoubleTypeInContext) \
  X(PointerType) X(VectorType) X(ArrayType) X(FunctionType) X(TypeOf) X(AddFunction) X(GetParam) \
  X(AddAttributeAtIndex) X(CreateStringAttribute) X(CreateEnumAttribute) X(GetEnumAttributeKindForName) \
  X(SetLinkage) X(AddGlobal) X(SetInitializer) X(SetGlobalConstant) X(SetAlignment) X(AppendBasicBlockInContext) \
  X(GetInsertBlock) X(GetEntryBasicBlock) X(GetFirstInstruction) X(GetBasicBlockTerminator) \
  X(CreateBuilderInContext) X(DisposeBuilder) X(PositionBuilderAtEnd) X(PositionBuilderBefore) X(BuildRetVoid) \
  X(BuildBr) X(BuildCondBr) X(BuildPhi) X(AddIncoming) X(BuildAlloca) X(BuildLoad2) X(BuildStore) X(BuildGEP2) \
  X(BuildBitCast) X(BuildCall2) X(BuildAdd) X(BuildSub) X(BuildMul) X(BuildSDiv) X(BuildUDiv) X(BuildSRem) \
  X(BuildURem) X(BuildShl) X(BuildLShr) X(BuildAShr) X(BuildAnd) X(BuildOr) X(BuildXor) X(BuildNSWAdd) \
  X(BuildNSWMul) X(BuildFAdd) X(BuildFSub) X(BuildFMul) X(BuildFDiv) X(BuildFNeg) X(BuildICmp) X(BuildFCmp) \
  X(BuildSelect) X(BuildTrunc) X(BuildZExt) X(BuildSExt) X(BuildFPTrunc) X(BuildFPExt) X(BuildFPToSI) \
  X(BuildFPToUI) X(BuildSIToFP) X(BuildUIToFP) X(BuildExtractElement) X(BuildInsertElement) X(BuildShuffleVector) \
  X(GetInlineAsm) X(ConstInt) X(ConstReal) X(ConstNull) X(ConstVector) X(ConstArray) X(GetUndef) X(IsAConstantInt) \
  X(ConstIntGetSExtValue) X(IsAConstantVector) X(IsAConstantAggregateZero) X(GetOperand) \
  X(IsAConstantFP) X(ConstRealGetDouble) X(LookupIntrinsicID) X(GetIntrinsicDeclaration) \
  X(IntrinsicGetType) X(CountParamTypes) X(GetParamTypes) X(GetMDKindIDInContext) X(MDStringInContext2) X(MDNodeInContext2) X(MetadataAsValue) \
  X(SetMetadata) X(ValueAsMetadata) X(BuildPtrToInt) X(GetDefaultTargetTriple) X(GetHostCPUName) X(GetHostCPUFeatures) X(GetTargetFromTriple) \
  X(CreateTargetMachine) X(DisposeTargetMachine) X(CreateTargetDataLayout) X(DisposeTargetData) \
  X(TargetMachineEmitToMemoryBuffer) X(GetBufferStart) X(GetBufferSize) X(DisposeMemoryBuffer) X(RunPasses) \
  X(CreatePassBuilderOptions) X(DisposePassBuilderOptions) \
  LAMINA_LLVM_TARGET(X)

typedef struct lamina_llvm_functions {
#define LAMINA_FIELD(name) __typeof__(&LLVM##name) name;
  LAMINA_LLVM_FUNCTIONS(LAMINA_FIELD)
#undef LAMINA_FIELD
} lamina_llvm_functions;

// Fills the table from an open library; gives the first missing function's name, or null when all are there.
static inline const char *_Nullable lamina_llvm_fill(lamina_llvm_functions *_Nonnull table, void *_Nonnull library) {
  void *symbol;
#define LAMINA_FILL(name)                 \
  symbol = dlsym(library, "LLVM" #name);  \
  if (!symbol) return "LLVM" #name;       \
  table->name = (__typeof__(&LLVM##name))symbol;
  LAMINA_LLVM_FUNCTIONS(LAMINA_FILL)
#undef LAMINA_FILL
  return 0;
}

// The features of this processor that the emitter asks about and that the system lets programs use, one bit each in
// the order of `CPUFeatures`. Asking needs no LLVM: it is part of every cache key.
static inline unsigned lamina_host_features(void) {
  unsigned bits = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
#define LAMINA_BIT(bit, name) bits |= __builtin_cpu_supports(name) ? 1u << (bit) : 0
  LAMINA_BIT(0, "sse4.2");
  LAMINA_BIT(1, "avx2");
  LAMINA_BIT(2, "fma");
  // No builtin asks for F16C; every processor with AVX2 has it.
  LAMINA_BIT(3, "avx2");
  LAMINA_BIT(4, "avx512f");
  LAMINA_BIT(5, "avx512vl");
  LAMINA_BIT(6, "avx512bw");
  LAMINA_BIT(7, "avx512dq");
  LAMINA_BIT(8, "avx512bf16");
  LAMINA_BIT(9, "avx512vnni");
#undef LAMINA_BIT
#endif
  return bits;
}
