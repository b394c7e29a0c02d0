// SPDX-License-Identifier: Apache-2.0
// Loading OpenBLAS so that it uses the processor's vectors.
//
// OpenBLAS chooses its kernels in its constructor. Versions older than a processor take AVX2 kernels for it even
// where it has AVX-512, which halves the speed; OPENBLAS_CORETYPE, read by the constructor only, says otherwise. So
// the library is loaded, asked what it chose, and loaded anew with the variable where the choice was too small.
#include "lamina_openblas.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int has_avx512(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
#else
  return 0;
#endif
}

static const char *core_name(void *handle) {
  const char *(*name)(void) = (const char *(*)(void))dlsym(handle, "openblas_get_corename");
  return name ? name() : "";
}

static int is_avx2_core(const char *name) {
  return strcasecmp(name, "haswell") == 0 || strcasecmp(name, "zen") == 0;
}

static void *open_library(void) { return dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL); }

int lamina_openblas_load(lamina_openblas *library, char *error, int error_capacity) {
  // The variable keeps the library from starting threads; it is not left to child processes.
  int threads_chosen = getenv("OPENBLAS_NUM_THREADS") != 0;
  int core_chosen = getenv("OPENBLAS_CORETYPE") != 0;
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  void *handle = open_library();
  if (handle && !core_chosen && has_avx512() && is_avx2_core(core_name(handle))) {
    dlclose(handle);
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
    handle = open_library();
    unsetenv("OPENBLAS_CORETYPE");
  }
  if (!threads_chosen) unsetenv("OPENBLAS_NUM_THREADS");
  if (!handle) {
    const char *reason = dlerror();
    snprintf(error, (size_t)error_capacity, "%s", reason ? reason : "libopenblas.so.0 is not installed");
    return -1;
  }
  memset(library, 0, sizeof *library);
  *(void **)&library->sgemm = dlsym(handle, "cblas_sgemm");
  *(void **)&library->dgemm = dlsym(handle, "cblas_dgemm");
  *(void **)&library->sgemv = dlsym(handle, "cblas_sgemv");
  *(void **)&library->dgemv = dlsym(handle, "cblas_dgemv");
  library->core_name = core_name(handle);
  void (*set_threads)(int) = (void (*)(int))dlsym(handle, "openblas_set_num_threads");
  if (set_threads) set_threads(1);
  if (library->sgemm && library->dgemm && library->sgemv && library->dgemv) return 0;
  snprintf(error, (size_t)error_capacity, "libopenblas.so.0 has no CBLAS interface");
  return -1;
}
