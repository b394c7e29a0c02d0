// SPDX-License-Identifier: Apache-2.0
// Latency of a bound model, whole and step by step.

#include "lamina_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void print_time(double nanoseconds) {
  if (nanoseconds < 1e4) {
    printf("%10.3f µs", nanoseconds / 1e3);
  } else if (nanoseconds < 1e7) {
    printf("%10.1f µs", nanoseconds / 1e3);
  } else {
    printf("%10.2f ms", nanoseconds / 1e6);
  }
}

/// The slowest steps, by the least time of several runs.
static void print_steps(struct program *program, uint32_t threads) {
  uint32_t count = program->plan->steps.count;
  const struct lamina_step *steps = (const struct lamina_step *)(program->image + program->plan->steps.offset);
  const struct lamina_span *kernels = (const struct lamina_span *)(program->image + program->plan->kernels.offset);
  uint64_t *times = allocate((uint64_t)count * 8), *best = allocate((uint64_t)count * 8);
  uint64_t total = 0;
  memset(best, 255, (size_t)count * 8);
  for (int repeat = 0; repeat < 10; repeat++) {
    run_model(program, threads, times);
    for (uint32_t i = 0; i < count; i++) {
      if (times[i] < best[i]) best[i] = times[i];
    }
  }
  uint32_t running = 0;
  for (uint32_t i = 0; i < count; i++) {
    total += best[i];
    // Steps for other sizes take no time at all.
    if (best[i]) running++;
  }
  printf("\nsteps, slowest first\n");
  for (uint32_t shown = 0; shown < running && shown < 20; shown++) {
    uint32_t slowest = 0;
    // Shown steps are marked by a time that none has.
    for (uint32_t i = 0; i < count; i++) {
      if (best[i] != UINT64_MAX && (best[slowest] == UINT64_MAX || best[i] > best[slowest])) slowest = i;
    }
    print_time((double)best[slowest]);
    printf("  %5.1f %%  %.*s", total ? 100.0 * (double)best[slowest] / (double)total : 0.0,
           TEXT(program, steps[slowest].label));
    if (steps[slowest].kind == LAMINA_CALL) printf("  (%.*s)", TEXT(program, kernels[steps[slowest].kernel]));
    printf("\n");
    best[slowest] = UINT64_MAX;
  }
  if (running > 20) printf("  … %u steps\n", running);
}

void print_bench(struct program *program, uint32_t threads) {
  enum { LEAST = 20, MOST = 20000 };
  uint64_t *times = allocate(MOST * 8);
  int count = 0;
  for (int warm = 0; warm < 5; warm++) run_model(program, threads, NULL);
  // At least 20 runs, then up to half a second.
  for (uint64_t start = now(); count < MOST && (count < LEAST || now() - start < 500000000u); count++) {
    uint64_t before = now();
    run_model(program, threads, NULL);
    times[count] = now() - before;
  }
  qsort(times, (size_t)count, sizeof *times, compare);
  printf("%d runs", count);
  if (threads) printf(", %u threads", threads);
  for (uint32_t i = 0; i < symbol_count(program); i++) {
    printf(", %.*s = %lld", TEXT(program, symbols(program)[i].name), (long long)program->dims[i]);
  }
  printf("\nmin    ");
  print_time((double)times[0]);
  printf("\nmedian ");
  print_time((double)times[count / 2]);
  printf("\np99    ");
  print_time((double)times[count * 99 / 100]);
  putchar('\n');
  print_steps(program, threads);
}
