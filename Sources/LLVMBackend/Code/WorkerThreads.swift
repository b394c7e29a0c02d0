// SPDX-License-Identifier: Apache-2.0
// A few threads for one job.

// pthread types are declared by headers that LLVM's include first.
internal import CLLVM

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

enum WorkerThreads {
  private final class Job {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Runs `body` on this thread and `count - 1` others, and returns when all are done. Threads that the system refuses
  /// are done without.
  static func run(_ count: Int, _ body: @escaping @Sendable () -> Void) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    // LLVM recurses deeply in places.
    pthread_attr_setstacksize(&attributes, 8 << 20)
    var threads: [pthread_t] = []
    for _ in 1..<max(count, 1) {
      let job = Unmanaged.passRetained(Job(body))
      var thread = pthread_t()
      let status = pthread_create(
        &thread, &attributes,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().body()
          return nil
        }, job.toOpaque())
      if status == 0 { threads.append(thread) } else { job.release() }
    }
    body()
    for thread in threads { pthread_join(thread, nil) }
  }
}
