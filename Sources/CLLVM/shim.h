#pragma once
// The part of LLVM's C API that the backend uses. LAMINA_LLVM_MAJOR is what Package.swift links; headers of
// another version would be mixed in silently otherwise.
#include <llvm/Config/llvm-config.h>
#if defined(LAMINA_LLVM_MAJOR) && LLVM_VERSION_MAJOR != LAMINA_LLVM_MAJOR
#error "the LLVM headers found are not those of the LLVM that Package.swift links: set LAMINA_LLVM to an installed version"
#endif
#if LLVM_VERSION_MAJOR < 14
#error "LLVM 14 or newer is needed (Debian: apt-get install llvm-dev)"
#endif
#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
