// SPDX-License-Identifier: Apache-2.0
// Ends of the program that are not success.

#include "lamina_main.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void report(const char *format, va_list arguments) {
  fflush(stdout);
  fputs("error: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
}

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report(format, arguments);
  va_end(arguments);
  exit(1);
}

void fail_usage(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report(format, arguments);
  va_end(arguments);
  fputs("see --help\n", stderr);
  exit(2);
}

void *allocate(uint64_t bytes) {
  void *memory = NULL;
  // One more cache line, so that empty tensors have an address too.
  if (bytes > (uint64_t)LAMINA_MAX_BYTES || posix_memalign(&memory, 64, bytes + 64) != 0) {
    fail("no memory for %llu bytes", (unsigned long long)bytes);
  }
  return memory;
}
