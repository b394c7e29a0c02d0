// SPDX-License-Identifier: Apache-2.0
// What the Swift runtime needs from the system, as inline functions: atomics, futexes, threads, memory, clock.
#ifndef LAMINA_PLATFORM_H
#define LAMINA_PLATFORM_H

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- Atomics: acquire loads, release stores, sequentially consistent updates ---- */

static inline uint32_t lamina_load(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline uint32_t lamina_load_ordered(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline void lamina_store(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }
static inline uint32_t lamina_exchange(uint32_t *word, uint32_t value) {
  return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}
/// Returns the value after the addition.
static inline uint32_t lamina_add(uint32_t *word, uint32_t value) {
  return __atomic_add_fetch(word, value, __ATOMIC_SEQ_CST);
}

static inline void lamina_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

/* ---- Futexes ---- */

/// Sleeps while `*word` is `expected`; may return early.
static inline void lamina_futex_wait(uint32_t *word, uint32_t expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}
static inline void lamina_futex_wake(uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- Threads ---- */

/// Starts a thread that takes no signals; false when the system refuses.
static inline _Bool lamina_thread_start(uintptr_t *handle, void *(*body)(void *), void *argument) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int failure = pthread_create(&thread, NULL, body, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  *handle = (uintptr_t)thread;
  return failure == 0;
}
static inline void lamina_thread_join(uintptr_t handle) { pthread_join((pthread_t)handle, NULL); }

/// The number of cores that this process may use; at least 1.
static inline uint32_t lamina_core_count(void) {
  // Machines with more than 1024 processors need a larger set than cpu_set_t.
  unsigned long mask[1024];
  long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
  uint32_t count = 0;
  for (long i = 0; i < bytes / (long)sizeof mask[0]; i++) count += (uint32_t)__builtin_popcountl(mask[i]);
  return count ? count : 1;
}

/// What a part of parallel work runs; parts are numbered from 0.
typedef void (*lamina_part)(void *argument, uint32_t part);

/// One helping thread; two cache lines of its own, since the caller and the thread both write it.
struct lamina_worker {
  uint32_t ticket;   // raised by the caller for each job; also the word the thread sleeps on
  uint32_t sleeping;
  uint32_t part;
  uint32_t reserved;
  uintptr_t thread;
  struct lamina_pool *pool;
  uint64_t padding[12];
};

/// What the threads of a pool share.
struct lamina_pool {
  lamina_part body;
  void *argument;
  struct lamina_worker *workers;
  uint32_t worker_count;
  uint32_t spin_nanoseconds;
  uint32_t active;   // 1 during a run: between its steps threads keep spinning
  uint32_t busy;     // 1 while a caller uses the pool
  uint32_t quit;
  uint32_t reserved;
  uint64_t padding[10]; // what the threads write is on other cache lines than what they read
  uint32_t remaining;   // parts that helping threads have not finished
  uint32_t waiting;     // 1 while the caller sleeps on `remaining`
  uint64_t padding_after[15];
};

/* ---- Memory ---- */

/// Zeroed pages, 2 MB aligned and with huge pages asked for when `bytes` is large; NULL when the system refuses.
static inline void *lamina_map(uint64_t bytes) {
  const uint64_t huge = UINT64_C(2) << 20;
  uint64_t extra = bytes >= huge ? huge : 0;
  char *start = mmap(NULL, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return NULL;
  if (!extra) return start;
  char *aligned = (char *)(((uintptr_t)start + huge - 1) & ~(uintptr_t)(huge - 1));
  if (aligned > start) munmap(start, (size_t)(aligned - start));
  // The length is rounded up to pages by the kernel; the tail after it is given back.
  uint64_t kept = (bytes + 4095) & ~UINT64_C(4095);
  char *end = (char *)(((uintptr_t)start + bytes + extra + 4095) & ~(uintptr_t)4095);
  if (aligned + kept < end) munmap(aligned + kept, (size_t)(end - (aligned + kept)));
  madvise(aligned, kept, MADV_HUGEPAGE);
  return aligned;
}
static inline void lamina_unmap(void *start, uint64_t bytes) {
  if (start) munmap(start, bytes);
}

/// Uninitialised memory aligned to 64 bytes, for `lamina_free`; NULL when the system refuses.
static inline void *lamina_allocate(uint64_t bytes) {
  void *pointer = NULL;
  return posix_memalign(&pointer, 64, bytes ? bytes : 64) == 0 ? pointer : NULL;
}
static inline void lamina_free(void *pointer) { free(pointer); }

/* ---- Clock ---- */

/// Nanoseconds of a clock that never goes back.
static inline uint64_t lamina_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
