// SPDX-License-Identifier: Apache-2.0
// A program that answers line by line, such as a runtime in a process of its own.

import GraphSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A running program whose answers are lines with a mark in front; other lines and its standard error are kept for when
/// it fails. It is ended with this object.
final class WorkerProcess {
  /// What is in front of an answer.
  static let mark = "@@PEER "

  private let process: pid_t
  private let input: Int32
  private let output: Int32
  private let log: String
  private var pending: [UInt8] = []
  private var hasEnded = false

  /// Starts a program of the search path, or by its path. What it writes to standard error goes to the file `log`.
  init(_ arguments: [String], environment: [String: String] = [:], log: String) throws(DiagnosticsError) {
    // A program that ended must not end this one.
    signal(SIGPIPE, SIG_IGN)
    var (toChild, fromChild) = ([Int32](repeating: -1, count: 2), [Int32](repeating: -1, count: 2))
    guard pipe(&toChild) == 0 else { throw Self.failure(arguments[0], errno) }
    guard pipe(&fromChild) == 0 else {
      let code = errno
      for descriptor in toChild { close(descriptor) }
      throw Self.failure(arguments[0], code)
    }
    // Programs that start later must not hold the ends of this one's pipes.
    for descriptor in toChild + fromChild { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    for (name, value) in environment { setenv(name, value, 1) }
    var vector: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for word in vector { free(word) } }
    var process = pid_t()
    let code = posix_spawnp(&process, arguments[0], &actions, nil, &vector, environ)
    close(toChild[0])
    close(fromChild[1])
    guard code == 0 else {
      close(toChild[1])
      close(fromChild[0])
      throw Self.failure(arguments[0], code)
    }
    (self.process, input, output, self.log) = (process, toChild[1], fromChild[0], log)
  }

  deinit {
    end(after: 0)
    close(output)
  }

  private static func failure(_ program: String, _ code: Int32) -> DiagnosticsError {
    SystemFailure.diagnostics("peer-start", "cannot start", program, code: code)
  }

  /// Sends a line. One to a program that has ended is lost; its answer tells.
  func send(_ line: String) {
    var bytes = Array("\(line)\n".utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// The next answer, without its mark. Fails when the program ends or this many seconds pass before.
  func answer(within seconds: Double) throws -> String {
    let limit = ContinuousClock.now + .seconds(seconds)
    while true {
      while let newline = pending.firstIndex(of: 10) {
        let line = String(decoding: pending[..<newline], as: UTF8.self)
        pending.removeSubrange(...newline)
        if line.hasPrefix(Self.mark) { return String(line.dropFirst(Self.mark.count)) }
      }
      let left = (limit - ContinuousClock.now).components
      guard left.seconds >= 0, left.attoseconds >= 0 else {
        throw PeerFailure(reason: "it was not ready within \(Int(seconds)) seconds")
      }
      var waiting = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
      if poll(&waiting, 1, Int32(clamping: left.seconds * 1000 + 100)) <= 0 { continue }
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(output, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        end(after: 10)
        throw PeerFailure(reason: lastWords)
      }
      pending += buffer[..<count]
      // Lines of others may be long; answers are not.
      if pending.count > 1 << 20 { pending.removeFirst(pending.count - 1 << 16) }
    }
  }

  /// The last line of its standard error.
  private var lastWords: String {
    let text = String(decoding: (try? readFile(log, limit: 1 << 22)) ?? [], as: UTF8.self)
    let lines = text.split(whereSeparator: \.isNewline).filter { line in line.contains { !$0.isWhitespace } }
    return lines.last.map { String($0.prefix(300)) } ?? "it ended without a word"
  }

  /// Lets the program end by itself for some seconds, then ends it.
  func end(after seconds: Double) {
    if hasEnded { return }
    hasEnded = true
    close(input)
    let limit = ContinuousClock.now + .seconds(seconds)
    var status: Int32 = 0
    while waitpid(process, &status, WNOHANG) == 0 {
      if ContinuousClock.now >= limit {
        kill(process, SIGKILL)
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        return
      }
      usleep(5000)
    }
  }
}

/// Why a runtime did not take part.
struct PeerFailure: Error {
  var reason: String
}
