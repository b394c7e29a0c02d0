// SPDX-License-Identifier: Apache-2.0
// OpenBLAS through dlopen: present where it is installed, never needed to link or to start.
#pragma once

/// Values of CBLAS's enumerations.
static const int lamina_blas_row_major = 101;
static const int lamina_blas_no_transpose = 111;
static const int lamina_blas_transpose = 112;

/// The functions in use, with the 32-bit integers of the library's default interface.
typedef struct {
  void (*sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                const float *b, int ldb, float beta, float *c, int ldc);
  void (*dgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, double alpha, const double *a,
                int lda, const double *b, int ldb, double beta, double *c, int ldc);
  void (*sgemv)(int order, int transpose, int m, int n, float alpha, const float *a, int lda, const float *x, int incx,
                float beta, float *y, int incy);
  void (*dgemv)(int order, int transpose, int m, int n, double alpha, const double *a, int lda, const double *x,
                int incx, double beta, double *y, int incy);
  /// The kernels that the library chose, such as "SkylakeX".
  const char *core_name;
} lamina_openblas;

/// Loads the library with one thread. Returns 0, or fills `error` and returns -1. Call it once: it sets environment
/// variables while it loads.
int lamina_openblas_load(lamina_openblas *library, char *error, int error_capacity);
